package socketmap

import "fmt"

// ProtocolError says what a peer sent that is not socketmap, in words for the
// log of an administrator.
type ProtocolError struct {
	Reason string
}

// Error returns the reason.
func (e *ProtocolError) Error() string { return e.Reason }

// RefusedError says why a value that Lookup found was not sent.
type RefusedError struct {
	Table, Key string // as asked; the key is cut after 200 bytes
	Reason     string // as sent after TEMP
}

// Error names the table, the key and the reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("table %q, key %q: %s; answered TEMP", e.Table, e.Key, e.Reason)
}

// TempError is the answer of a server that cannot say.
type TempError struct {
	Status string // TEMP, TIMEOUT or PERM
	Reason string // as sent, may be empty
}

// Error returns the status and the reason.
func (e *TempError) Error() string {
	if e.Reason == "" {
		return "server answered " + e.Status
	}
	return "server answered " + e.Status + ": " + e.Reason
}
