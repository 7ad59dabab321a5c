package dict

import (
	"errors"
	"fmt"
)

// Outcomes of a commit that are neither success nor failure.
var (
	// ErrKeyMissing says that a key of an Add was not there; Dovecot's quota
	// then counts anew.
	ErrKeyMissing = errors.New("a key to add to is not there")

	// ErrUncertain says that the writes may have been kept or not.
	ErrUncertain = errors.New("the writes may have been kept or not")
)

// ProtocolError says what a client sent that is not the dict protocol, in words
// for the log of an administrator.
type ProtocolError struct {
	Reason string
}

// Error returns the reason.
func (e *ProtocolError) Error() string { return e.Reason }

// RefusedError says why a request was answered F though the line was well
// formed and the Dict knew an answer, or was not asked.
type RefusedError struct {
	Name   string // of the dict
	Key    string // or path, as asked, cut after 200 bytes; empty if it is not about one
	Reason string // as sent after F
}

// Error names the dict, the key and the reason.
func (e *RefusedError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("dict %q: %s; answered F", e.Name, e.Reason)
	}
	return fmt.Sprintf("dict %q, key %q: %s; answered F", e.Name, e.Key, e.Reason)
}
