package manage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind says what sort of answer an error is.
type Kind uint8

// The kinds of errors, and the HTTP status that says the same.
const (
	Invalid   Kind = iota // 400: a value cannot be taken
	Denied                // 403: the caller's role does not allow it, or a limit is reached
	NotFound              // 404: there is no such object that the caller may see
	Conflict              // 409: it contradicts what there is
	Exhausted             // 424: the caller has not enough left to give away
)

// Error is what the caller is to blame for.
type Error struct {
	Kind Kind
	Text string // one sentence; "" if Fields says it all
	// Fields are sentences by the name of the input's field, as the API spells
	// it. Fields of a part are joined with a dot: "mailbox.quota".
	Fields map[string][]string
	// Is Limit: a limit of the caller's is reached.
	Limit bool
}

// Error gives one line.
func (e *Error) Error() string {
	parts := []string{}
	if e.Text != "" {
		parts = append(parts, e.Text)
	}
	for _, f := range slices.Sorted(maps.Keys(e.Fields)) {
		parts = append(parts, f+": "+strings.Join(e.Fields[f], " "))
	}
	return strings.Join(parts, "; ")
}

// invalid is an error about one field.
func invalid(field, format string, args ...any) error {
	return &Error{Kind: Invalid, Fields: map[string][]string{field: {fmt.Sprintf(format, args...)}}}
}

func denied(format string, args ...any) error {
	return &Error{Kind: Denied, Text: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &Error{Kind: NotFound, Text: fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) error {
	return &Error{Kind: Conflict, Text: fmt.Sprintf(format, args...)}
}

// fields collects errors of several fields.
type fields map[string][]string

func (f fields) add(field, format string, args ...any) {
	f[field] = append(f[field], fmt.Sprintf(format, args...))
}

// err returns all that was collected, nil if nothing was.
func (f fields) err() error {
	if len(f) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Fields: f}
}
