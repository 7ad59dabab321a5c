package jobs

import (
	"fmt"
	"time"
)

// verb is what a run does, or would do.
func (r *Run) verb(does, would string) string {
	if r.DryRun {
		return would
	}
	return does
}

// days before a time; more than fits a calendar is for ever.
func before(now time.Time, days int64) time.Time {
	const most = 365 * 1000
	return now.AddDate(0, 0, -int(min(days, most)))
}

// counted is "1 entry", "2 entries".
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// day shows when something was.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
