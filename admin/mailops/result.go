package mailops

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Kinds of operations, as the column type has them.
const (
	Rename = "rename"
	Delete = "delete"
)

// Operation is one row of admin_mailboxoperation.
type Operation struct {
	ID        int64
	Kind      string // Rename or Delete; anything else is refused
	Argument  string // absolute path
	MailboxID int64  // 0 = none
	Address   string // the mailbox's present address, folded; "" if it is gone
	Home      string // the mailbox's present home; "" if it has none
}

// String returns the operation in the words of Modoboa's log.
func (o *Operation) String() string {
	switch o.Kind {
	case Rename:
		return fmt.Sprintf("Rename mailbox %s to %s", shown(o.Argument), shown(o.Home))
	case Delete:
		return "Delete mailbox " + shown(o.Argument)
	}
	return fmt.Sprintf("Operation %s on mailbox %s", shown(o.Kind), shown(o.Argument))
}

// Result is what became of an operation.
type Result struct {
	ID      int64  `json:"id"`
	Kind    string `json:"type"`
	Path    string `json:"path"`
	To      string `json:"to,omitempty"`      // the new home
	Mailbox string `json:"mailbox,omitempty"` // its address
	Done    bool   `json:"done"`              // the row is gone
	Text    string `json:"text"`              // one clause
	Remedy  string `json:"remedy,omitempty"`  // of what is not done
}

// String returns one line.
func (r Result) String() string {
	what := fmt.Sprintf("%d: %s %s", r.ID, r.Kind, shown(r.Path))
	if r.To != "" {
		what += " to " + shown(r.To)
	}
	what += ": " + r.Text
	if r.Remedy != "" {
		what += "; remedy: " + r.Remedy
	}
	return what
}

// Refusal says why an operation is not carried out until somebody has done
// something about it.
type Refusal struct {
	Path   string // what it is about
	Text   string // one clause
	remedy string
}

func refuse(path, remedy, format string, args ...any) *Refusal {
	return &Refusal{Path: path, Text: fmt.Sprintf(format, args...), remedy: remedy}
}

// Error returns one line.
func (r *Refusal) Error() string { return shown(r.Path) + " " + r.Text }

// Remedy returns one sentence that says what to do.
func (r *Refusal) Remedy() string { return r.remedy }

// errWaits is the error of an operation that another one of the same run must
// come before.
var errWaits = errors.New("waits for another operation")

// errDone is the error of an operation that another process has carried out.
var errDone = errors.New("another process has done it")

// remedyOf finds what an error says is to be done.
func remedyOf(err error) string {
	var r interface{ Remedy() string }
	if errors.As(err, &r) {
		return r.Remedy()
	}
	return "see whether the file system is well and vmapd may write to it; it is tried again by itself"
}

// shown is a path fit for a line of text.
func shown(path string) string {
	if path == "" || strings.ContainsFunc(path, func(r rune) bool { return !strconv.IsPrint(r) || r == '�' }) {
		return strconv.Quote(path)
	}
	return path
}
