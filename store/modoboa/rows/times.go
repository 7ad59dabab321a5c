package rows

import (
	"errors"
	"time"
)

// timeLayouts are the forms in which the engines and those who write to
// SQLite (Django, Python's and Go's drivers, SQLite's own functions) spell a
// timestamp. A fraction of a second may follow the seconds in each. Without an
// offset it is UTC.
func timeLayouts() []string {
	return []string{
		"2006-01-02 15:04:05",
		"2006-01-02 15:04:05Z07",
		"2006-01-02 15:04:05Z07:00",
		"2006-01-02T15:04:05Z07:00",
		"2006-01-02T15:04:05",
		"2006-01-02T15:04:05Z0700",
		"2006-01-02 15:04:05 Z07:00",
		"2006-01-02 15:04:05 -0700 MST",
		"2006-01-02 15:04",
		"2006-01-02",
	}
}

// ParseTime reads a timestamp as text, as db.DB.Text gives it.
func ParseTime(s string) (time.Time, error) {
	for _, layout := range timeLayouts() {
		if t, err := time.ParseInLocation(layout, s, time.UTC); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("is not a date and time")
}
