package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// What marks a file as a spool, https://www.sqlite.org/pragma.html#pragma_application_id.
const (
	applicationID = 0x766d7370 // "vmsp"
	layout        = 1          // user_version
)

// openFile opens the file, makes it if there is none, and puts a damaged one
// out of the way.
func openFile(path string) (*file, *DamagedError, error) {
	if strings.ContainsAny(path, "?\x00") {
		return nil, nil, errors.New(`a "?" or NUL in the path`)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, err
	}
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, nil, errors.New("not a regular file")
	}
	l, err := openLock(path + "-lock")
	if err != nil {
		return nil, nil, err
	}
	f := &file{path: path, lock: l}
	damage, err := f.openOrReplace()
	if err != nil {
		l.close()
		return nil, nil, err
	}
	return f, damage, nil
}

func (f *file) openOrReplace() (*DamagedError, error) {
	if err := f.lock.share(); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	err := f.openDB()
	var c *db.ConnectError
	if !errors.As(err, &c) || c.Kind != db.NotDatabase {
		return nil, err
	}
	damage, err := f.moveAside(err)
	if err != nil {
		return nil, err
	}
	return damage, f.openDB()
}

// openDB opens the database over one connection, which is kept: a second one
// would wait for locks that the first holds.
func (f *file) openDB() (err error) {
	// A log that an outage made long is cut when it has been written back.
	const query = "?_pragma=synchronous(full)&_pragma=journal_size_limit(16777216)&_txlock=immediate"
	f.db, err = db.Open("sqlite:"+f.path+query, db.Options{})
	if err != nil {
		return err
	}
	f.db.SetMaxOpenConns(1)
	f.db.SetMaxIdleConns(1)
	f.db.SetConnMaxIdleTime(0)
	f.db.SetConnMaxLifetime(0)
	for _, step := range []func() error{f.check, f.create, f.prepare, f.syncDir} {
		if err := step(); err != nil {
			return errors.Join(f.db.Explain(err), f.db.Close())
		}
	}
	return nil
}

// check refuses what is not a spool, and reads the whole file once.
func (f *file) check() error {
	var id, version, tables int
	for query, to := range map[string]*int{"PRAGMA application_id": &id, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_master": &tables} {
		if err := f.db.QueryRow(query).Scan(to); err != nil {
			return err
		}
	}
	switch {
	case tables == 0:
		return nil
	case id != applicationID:
		return errors.New("this SQLite file is not a spool: give another path")
	case version > layout:
		return fmt.Errorf("made by a newer version (layout %d, known is %d): use that version", version, layout)
	}
	var verdict string
	if err := f.db.QueryRow("PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return &db.ConnectError{Kind: db.NotDatabase, Dialect: db.SQLite, Name: f.db.Name, Host: f.path, Err: errors.New(verdict)}
	}
	return nil
}

func (f *file) create() error {
	tx, err := f.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, layout) + schema); err != nil {
		return err
	}
	return tx.Commit()
}

// syncDir makes the file's name durable.
func (f *file) syncDir() error {
	d, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// moveAside renames the file with its log. Nobody else may have it open: they
// would go on acknowledging writes into the renamed one.
func (f *file) moveAside(cause error) (*DamagedError, error) {
	alone, err := f.lock.try()
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if !alone {
		return nil, fmt.Errorf("damaged, and another process has it open: end that process, then start again: %w", cause)
	}
	to := f.path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000Z")
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(f.path+suffix, to+suffix); err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
			return nil, fmt.Errorf("damaged (%w), and it cannot be moved aside: %w", cause, err)
		}
	}
	if err := f.syncDir(); err != nil {
		return nil, err
	}
	return &DamagedError{Path: f.path, MovedTo: to, Err: cause}, f.lock.share()
}
