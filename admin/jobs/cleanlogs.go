package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/store/modoboa/parameters"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// CleanLogs deletes what is too old of Modoboa's log and of its history of
// messages (modoboa/core/jobs.py, clean_logs): the ages are its parameters
// core.log_maximum_age and core.message_history_maximum_age, in days.
func CleanLogs() Job {
	return Job{Name: "clean-logs", Text: "Deletes old entries of Modoboa's log (core_log) and of its history of messages (maillog_maillog).", Run: cleanLogs}
}

// agedTable is a table whose rows grow old.
type agedTable struct {
	name, column string
	age          parameters.Number
}

func agedTables() []agedTable {
	return []agedTable{
		{"core_log", "date_created", parameters.LogMaximumAge},
		{"maillog_maillog", "date", parameters.MessageHistoryAge},
	}
}

func cleanLogs(ctx context.Context, r *Run) error {
	set, err := r.Parameters(ctx)
	if err != nil {
		return err
	}
	var results []string
	for _, a := range agedTables() {
		columns, err := r.Site.DB.Columns(ctx, r.Site.DB, a.name)
		if err != nil {
			return err
		}
		days := set.Number(a.age)
		switch {
		case !columns[a.column]:
			continue // this release of Modoboa has no such table
		case !set.Has(string(a.age)):
			r.Did("%s: left alone, for this release of Modoboa keeps it for ever; modoboa.parameters may set %s", a.name, a.age)
			continue
		case days <= 0:
			r.Did("%s: left alone, for %s is %d", a.name, a.age, days)
			continue
		}
		n, err := r.deleteOld(ctx, &a, days)
		if err != nil {
			return fmt.Errorf("clean %s: %w", a.name, err)
		}
		results = append(results, fmt.Sprintf("%s of %s", counted(n, "entry", "entries"), a.name))
	}
	if len(results) == 0 {
		r.Result("nothing is to be cleaned")
		return nil
	}
	r.Result("%s %s", r.verb("deleted", "would delete"), strings.Join(results, ", "))
	return nil
}

// cleanChunk is how many rows are deleted at once: so many are locked for a
// moment.
const cleanChunk = 1000

// deleteOld deletes rows chunk by chunk, by their ids: Modoboa's tables have no
// index on the time of all of them, and older rows have smaller ids.
func (r *Run) deleteOld(ctx context.Context, a *agedTable, days int64) (int64, error) {
	d := r.Site.DB
	limit := before(r.Now, days)
	old := " FROM " + a.name + " WHERE " + d.Quote(a.column) + " < ?"
	var total int64
	count := func(row *sql.Rows) error { return row.Scan(&total) }
	if err := rows.Each(ctx, d, d, "SELECT count(*)"+old, []any{d.Time(limit)}, count); err != nil {
		return 0, err
	}
	r.Did("%s: %s before %s (%s = %d)", a.name, counted(total, "entry", "entries"), day(limit), a.age, days)
	if r.DryRun {
		return total, nil
	}
	var done, last int64
	for {
		var ids []string
		next := func(row *sql.Rows) error {
			err := row.Scan(&last)
			ids = append(ids, fmt.Sprint(last))
			return err
		}
		if err := rows.Each(ctx, d, d, fmt.Sprintf("SELECT id%s AND id > %d ORDER BY id LIMIT %d", old, last, cleanChunk), []any{d.Time(limit)}, next); err != nil {
			return done, err
		}
		if len(ids) == 0 {
			return done, nil
		}
		result, err := d.ExecContext(ctx, "DELETE FROM "+a.name+" WHERE id IN ("+strings.Join(ids, ",")+")")
		if err != nil {
			return done, d.Explain(err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return done, err
		}
		done += n
		r.Progress(done, max(total, done))
	}
}
