package spool

import (
	"errors"
	"fmt"
)

var (
	// ErrFull says that Options.Max keys are pending and a write was for
	// another one. Writes of pending keys are still taken.
	ErrFull = errors.New("spool: full: too many keys wait for the database")
	// ErrClosed says that the spool was closed.
	ErrClosed = errors.New("spool: closed")
	// ErrRefused is wrapped by the errors of a Sink that concern the data
	// itself: trying again is of no use.
	ErrRefused = errors.New("the database refuses the data")
)

// StorageError says that the spool's file cannot be read or written: the disk
// is full or broken, or another process holds the file locked.
type StorageError struct {
	Path string
	Err  error
}

// Error returns one line.
func (e *StorageError) Error() string { return fmt.Sprintf("spool: %s: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *StorageError) Unwrap() error { return e.Err }

// Remedy returns one sentence that says what to do.
func (e *StorageError) Remedy() string {
	return "make room on the disk of " + e.Path + " and check its mode and owner; nothing was acknowledged, and writing goes on by itself"
}

// DamagedError says that the file was not readable and was replaced by an
// empty one. What was pending in it did not reach the database.
type DamagedError struct {
	Path    string
	MovedTo string
	Err     error
}

// Error returns one line.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("spool: %s is damaged (%v): moved to %s; acknowledged writes in it have not reached the database", e.Path, e.Err, e.MovedTo)
}

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// Remedy returns one sentence that says what to do.
func (e *DamagedError) Remedy() string {
	return `see what "sqlite3 ` + e.MovedTo + ` .recover" finds, check the disk, and run "doveadm quota recalc -A" if quotas may be wrong`
}

// RefusedError says that a write was set aside since the database refuses it.
type RefusedError struct {
	Write Write
	Err   error // what the Sink said
}

// Error returns one line.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("spool: %s of %q set aside: %v", e.Write.Kind, e.Write.Key, e.Err)
}

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// ApplyError says that a batch did not reach the database. It will be tried
// again.
type ApplyError struct {
	Rows int
	Err  error
}

// Error returns one line.
func (e *ApplyError) Error() string {
	return fmt.Sprintf("spool: %d writes did not reach the database and will be tried again: %v", e.Rows, e.Err)
}

// Unwrap returns the cause.
func (e *ApplyError) Unwrap() error { return e.Err }
