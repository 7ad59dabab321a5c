package auth

import "fmt"

// ProtocolError says what a client sent that is not the protocol, in words for
// the log of an administrator. It never contains a password.
type ProtocolError struct {
	Reason string
}

// Error returns the reason.
func (e *ProtocolError) Error() string { return e.Reason }

// RefusedError says why something that was asked, or that a function of Server
// answered, did not go through.
type RefusedError struct {
	Command string // AUTH, USER, PASS, LIST, REQUEST or CACHE-FLUSH
	User    string // whom it was about, if known; cut after 200 bytes
	Reason  string
}

// Error names the command, the user and the reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s for user %q: %s", e.Command, e.User, e.Reason)
}

// short cuts what a peer chose before it goes into an error.
func short[T string | []byte](s T) string { return string(s[:min(len(s), 200)]) }
