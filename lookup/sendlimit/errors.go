package sendlimit

import "fmt"

// StorageError says that the file cannot be read or written. Counting goes on in
// memory, and all of it is written once that is possible.
type StorageError struct {
	Path string
	Err  error
}

// Error returns one line.
func (e *StorageError) Error() string { return fmt.Sprintf("sendlimit: %s: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *StorageError) Unwrap() error { return e.Err }

// Remedy returns one sentence that says what to do.
func (e *StorageError) Remedy() string {
	return "make room on the disk of " + e.Path + " and check its mode and owner; until then a restart forgets what was sent since"
}

// DamagedError says that a part of the file could not be read. What could be
// counts.
type DamagedError struct {
	Path    string
	MovedTo string // empty if it could not be moved
	Err     error
}

// Error returns one line.
func (e *DamagedError) Error() string {
	moved := "it is kept as " + e.MovedTo
	if e.MovedTo == "" {
		moved = "it could not be set aside"
	}
	return fmt.Sprintf("sendlimit: %s is damaged (%v): what could be read of it counts; %s", e.Path, e.Err, moved)
}

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// Remedy returns one sentence that says what to do.
func (e *DamagedError) Remedy() string {
	return "check the disk; some accounts may send more than their limits until the windows are over"
}

// ApartError says that the other nodes cannot be reached, and that this one counts alone
// until they can.
type ApartError struct{ Err error }

// Error returns one line.
func (e *ApartError) Error() string {
	return fmt.Sprintf("sendlimit: the other nodes cannot be asked; this one lets through its share of what was left: %v", e.Err)
}

// Unwrap returns the cause.
func (e *ApartError) Unwrap() error { return e.Err }

// Remedy returns one sentence that says what to do.
func (e *ApartError) Remedy() string {
	return "see that the server that the nodes share runs and can be reached; what is counted meanwhile is added then"
}
