package manage

import (
	"database/sql"
	"fmt"
	"time"
	"unicode/utf8"
)

// log writes what was done into Modoboa's log (core_log), in the same
// transaction: what is not committed was not done.
func (t *Tx) log(format string, args ...any) error {
	by := " by user " + t.caller.Name
	if t.caller.Name == "" {
		by = " by management command"
	}
	return t.note("info", "modoboa.admin", fmt.Sprintf(format, args...)+by)
}

// Note writes a line of a job into Modoboa's log, with the level ("INFO",
// "WARNING", "ERROR", "CRITICAL") and the logger ("modoboa.admin") that
// Modoboa's own job gives it.
func (t *Tx) Note(level, logger, format string, args ...any) error {
	return t.note(level, logger, fmt.Sprintf(format, args...))
}

func (t *Tx) note(level, logger, text string) error {
	table := t.tables["core_log"]
	if len(table) == 0 {
		return nil
	}
	for limit := 255; table.Fits("core_log", "message", text) != nil && limit > 0; limit -= 10 { // Modoboa 1.10 has varchar(255)
		for len(text) > limit {
			_, size := utf8.DecodeLastRuneInString(text)
			text = text[:len(text)-size]
		}
	}
	_, err := t.exec("INSERT INTO core_log (date_created, message, level, logger) VALUES (?, ?, ?, ?)", t.db.Time(time.Now()), text, level, logger)
	return err
}

// Log lists Modoboa's log, the newest first unless the query sorts otherwise.
// It is for super administrators.
func (t *Tx) Log(q Query) (Page[LogEntry], error) {
	var p Page[LogEntry]
	if !t.caller.Super() {
		return p, denied("You do not have permission to perform this action.")
	}
	if len(t.tables["core_log"]) == 0 {
		return p, nil
	}
	where, args := "1 = 1", []any{}
	if q.Search != "" {
		where, args = "lower(l.message) LIKE ? ESCAPE '!'", append(args, like(q.Search))
	}
	if q.Level != "" {
		where, args = where+" AND l.level = ?", append(args, q.Level)
	}
	n, err := t.count("SELECT count(*) FROM core_log l WHERE "+where, args...)
	if err != nil {
		return p, err
	}
	p.Total = int(n)
	if q.Sort == "" {
		q.Sort, q.Desc = "id", true
	}
	order := q.page(map[string]string{"created": "l.id", "id": "l.id"}, "l.id")
	err = t.each("SELECT l.id, "+t.timeText("core_log", "l", "date_created")+", l.message, l.level, l.logger FROM core_log l WHERE "+where+order, args, func(r *sql.Rows) error {
		var e LogEntry
		var at sql.NullString
		err := r.Scan(&e.ID, &at, &e.Message, &e.Level, &e.Logger)
		e.At = timeOf(at)
		p.Items = append(p.Items, e)
		return err
	})
	return p, err
}
