package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// WriteFile stores a snapshot, with mode 0600 since it holds password hashes
// (see ReplaceFile). origin names the database; position and checked say up to
// when the data is known to be true.
func (s *Snapshot) WriteFile(path, origin string, position Position, checked time.Time, giveWay func()) error {
	err := ReplaceFile(path, func(f *os.File) error { return s.writeTo(f, origin, position, checked, giveWay) })
	if err != nil {
		return fmt.Errorf("store the snapshot: %w", err)
	}
	return nil
}

// ReplaceFile has a new file written beside path, mode 0600, which takes its
// place when it is on the disk. An error leaves the file that was there.
func ReplaceFile(path string, write func(f *os.File) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(dir)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadFile reads a snapshot that WriteFile stored for the same origin, and when
// it was last known to be true. The error is a *DamagedError if the file cannot
// be used, and fs.ErrNotExist if there is none.
func ReadFile(path, origin string) (s *Snapshot, checked time.Time, err error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, time.Time{}, fs.ErrNotExist
		}
		return nil, time.Time{}, fmt.Errorf("stored snapshot: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("stored snapshot: %w", err)
	}
	s, head, err := readSnapshot(f, info.Size(), origin)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, head.Checked, nil
}

// removeLeftovers deletes what a process that was killed in WriteFile left.
func removeLeftovers(path string) {
	left, err := filepath.Glob(path + ".new-*")
	if err != nil {
		return
	}
	for _, f := range left {
		_ = os.Remove(f)
	}
}
