package alarm

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// What marks a file as ours, https://www.sqlite.org/pragma.html#pragma_application_id.
const (
	applicationID = 0x766d616c // "vmal"
	layout        = 1          // user_version
)

// schema: times are microseconds since 1970, 0 for none.
const schema = `
CREATE TABLE IF NOT EXISTS alarm (
	number  INTEGER PRIMARY KEY AUTOINCREMENT,
	id      TEXT NOT NULL UNIQUE,
	kind    TEXT NOT NULL,
	subject TEXT NOT NULL,
	title   TEXT NOT NULL,
	detail  TEXT NOT NULL,
	opened  INTEGER NOT NULL,
	closed  INTEGER NOT NULL,
	held    INTEGER NOT NULL,
	place   INTEGER NOT NULL,
	"row"   INTEGER NOT NULL,
	status  INTEGER NOT NULL,
	ours    INTEGER NOT NULL,
	mail    INTEGER NOT NULL,
	hook    INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS origin (name TEXT NOT NULL);`

const columns = `id, kind, subject, title, detail, opened, closed, held, place, "row", status, ours, mail, hook`

// file is the SQLite file of a book. One goroutine uses it.
type file struct{ db *db.DB }

// openFile opens the file or makes it. A damaged one is moved aside: without it
// there is less to tell than without alarms.
func openFile(path string) (f *file, movedTo string, err error) {
	f, err = tryFile(path)
	var c *db.ConnectError
	if !errors.As(err, &c) || c.Kind != db.NotDatabase {
		return f, "", err
	}
	movedTo = path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000Z")
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+suffix, movedTo+suffix); err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
			return nil, "", fmt.Errorf("damaged (%w), and it cannot be moved aside: %w", c, err)
		}
	}
	f, err = tryFile(path)
	return f, movedTo, err
}

func tryFile(path string) (*file, error) {
	d, err := db.Open("sqlite:"+path+"?_pragma=synchronous(full)&_txlock=immediate", db.Options{})
	if err != nil {
		return nil, err
	}
	d.SetMaxOpenConns(1) // a second one would wait for locks that the first holds
	f := &file{d}
	if err := f.prepare(path); err != nil {
		return nil, errors.Join(d.Explain(err), d.Close())
	}
	return f, nil
}

// prepare refuses what is not ours, and makes what is not there.
func (f *file) prepare(path string) error {
	var id, version, tables int
	for query, to := range map[string]*int{"PRAGMA application_id": &id, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_master": &tables} {
		if err := f.db.QueryRow(query).Scan(to); err != nil {
			return err
		}
	}
	switch {
	case tables > 0 && id != applicationID:
		return fmt.Errorf("%s is an SQLite file that has no alarms in it: move it away", path)
	case version > layout:
		return fmt.Errorf("%s was made by a newer version (layout %d, known is %d): use that version", path, version, layout)
	}
	var verdict string
	if err := f.db.QueryRow("PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return &db.ConnectError{Kind: db.NotDatabase, Dialect: db.SQLite, Name: f.db.Name, Host: path, Err: errors.New(verdict)}
	}
	if _, err := f.db.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, layout) + schema); err != nil {
		return err
	}
	return os.Chmod(path, 0o600)
}

// load reads all records, and the name of the database that their rows are of.
func (f *file) load() (all []*record, origin string, err error) {
	if err := f.db.QueryRow("SELECT name FROM origin").Scan(&origin); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, "", err
	}
	rows, err := f.db.Query("SELECT number, " + columns + " FROM alarm ORDER BY number")
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		r := &record{}
		var opened, closed int64
		err := rows.Scan(&r.number, &r.id, &r.kind, &r.subject, &r.title, &r.detail, &opened, &closed, &r.held,
			&r.place, &r.row, &r.status, &r.ours, &r.told[mailChannel], &r.told[hookChannel])
		if err != nil {
			return nil, "", err
		}
		r.opened, r.closed = fromMicros(opened), fromMicros(closed)
		all = append(all, r)
	}
	return all, origin, rows.Err()
}

// save writes copies of records, in one transaction, and gives each new one its
// number. Those that are forgotten go.
func (f *file) save(all []*record, origin string, now time.Time) error {
	tx, err := f.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	if _, err := tx.Exec("DELETE FROM origin"); err != nil {
		return err
	}
	if _, err := tx.Exec("INSERT INTO origin (name) VALUES (?)", origin); err != nil {
		return err
	}
	var kept []*record
	for _, r := range all {
		if !r.forgotten(now) {
			kept = append(kept, r)
		} else if _, err := tx.Exec("DELETE FROM alarm WHERE id = ?", r.id); err != nil {
			return err
		}
	}
	for _, size := range []int{manyRecords, 1} {
		n := len(kept) / size * size
		if err := putRecords(tx, kept[:n], size); err != nil {
			return err
		}
		kept = kept[n:]
	}
	return tx.Commit()
}

func (f *file) close() error { return f.db.Close() }

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// lock waits for the lock of a book by asking again and again, until stop. The
// kernel releases it when the process ends, however it ends.
func lock(path string, stop <-chan struct{}) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for tick := time.NewTicker(lockPause); ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			tick.Stop()
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			tick.Stop()
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-tick.C:
		case <-stop:
			tick.Stop()
			_ = f.Close()
			return nil, nil
		}
	}
}

const lockPause = 100 * time.Millisecond
