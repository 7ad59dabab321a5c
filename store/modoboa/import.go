package modoboa

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// ImportOptions steer [ImportCSV].
type ImportOptions struct {
	// DryRun does everything, in a transaction that is rolled back.
	DryRun bool
	// ContinueIfExists leaves alone what exists already instead of refusing
	// the file. Recipients are added to an alias that exists.
	ContinueIfExists bool
	// CryptPasswords hashes the password column with SHA512-CRYPT. Without it
	// the column holds hashes, {SCHEME}..., which are stored as they are.
	CryptPasswords bool
	// Separator stands between fields, ';' if 0.
	Separator rune
	// Parameters are those of Modoboa's that vmapd's file sets.
	Parameters parameters.Overrides
	// CountOnly leaves ImportReport.Changes empty: of a large file nobody reads
	// them.
	CountOnly bool
	// Progress, if not nil, is told how many steps of how many are done: each
	// time that the file is gone through its lines, and passwords to be hashed,
	// which join the total when they have been counted. Calls do not overlap.
	Progress func(done, total int64)

	part int // lines that are taken at once; 0 = importPart
}

// ImportReport says what an import made, or with DryRun would make.
type ImportReport struct {
	DryRun  bool           `json:"dry_run"`
	Lines   int            `json:"lines"`   // lines that say something
	Created map[string]int `json:"created"` // by kind: "domain", "mailbox", "recipient" ...
	Skipped int            `json:"skipped"` // lines whose object exists (ContinueIfExists)
	Changes []Change       `json:"changes"` // one per line of the file, in its order; none if ImportOptions.CountOnly
	// Warnings are lines that were taken, but perhaps not as they were meant.
	Warnings []LineError `json:"warnings,omitempty"`
}

// Change is what one line of the file comes to.
type Change struct {
	Line   int    `json:"line"`
	Action string `json:"action"` // "create", "extend" (recipients added) or "skip"
	Kind   string `json:"kind"`   // first field of the line
	Name   string `json:"name"`   // folded name, login or address
	Detail string `json:"detail,omitempty"`
}

// LineError is something wrong with one line of a CSV file.
type LineError struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// Error gives "line N: text".
func (e LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// maxLineErrors is how many errors of a file are kept; more are only counted.
const maxLineErrors = 100

// ImportError lists what is wrong with a CSV file. Nothing of the file was
// written. No text in it contains a password.
type ImportError struct {
	Lines []LineError // the first 100, in the order of the file
	Total int
}

// Error returns one line of text per error.
func (e *ImportError) Error() string {
	var b strings.Builder
	for i, l := range e.Lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(l.Error())
	}
	if more := e.Total - len(e.Lines); more > 0 {
		fmt.Fprintf(&b, "\nand %d more errors", more)
	}
	return b.String()
}

// ImportCSV reads Modoboa's CSV lines and makes the rows that Modoboa makes
// for them, in one transaction: all of the file or nothing. One field says
// what a line is, and lines that begin with "#" are comments:
//
//	domain;name;quota;default mailbox quota;enabled
//	domainalias;name;target domain;enabled
//	relaydomain;name;host;port;service;enabled;verify recipients
//	account;login;password;first name;last name;enabled;role;address;quota;[domain;...]
//	alias;address;enabled;recipient;[recipient;...]      also "forward" and "dlist"
//
// Quotas are in MB, 0 = unlimited; a mailbox quota that is empty or 0 takes
// the domain's default. true, 1, yes and y are yes, all else is no. Roles are
// SimpleUsers, DomainAdmins, Resellers and SuperAdmins; the domains at the end
// are those that a DomainAdmins account may administrate. A domain must stand
// above the lines that use it; recipients of aliases may stand below.
//
// Besides, as in Modoboa: a mailbox gets a row of usage and an internal alias
// to itself, so that a catch-all does not swallow it; a domain alias gets the
// internal alias "@name" to "@target"; a relay domain gets its transport and,
// if recipients are to be verified, its recipient access; everything gets its
// rows of access rights and limits. One thing is done that Modoboa's importer
// forgets: a relay domain refers to its transport (transport_id), without
// which Modoboa's own page cannot edit it.
//
// A recipient in a domain of ours must be a mailbox or an alias, with or
// without +extension; one in a relay domain may also be neither. Modoboa's
// tables take each mailbox once per alias (unique alias_id, r_mailbox_id): if
// an alias has user+a@ and user+b@, the second has no r_mailbox_id. Postfix
// delivers by the address alone and the sender login map finds the mailbox by
// the first, so nothing is lost but that Modoboa will not remove the second
// when the mailbox is deleted.
//
// A file is taken in parts, so that memory is bounded by the part and not by
// the file; to be read more than once a stream is kept in a temporary file
// meanwhile. Some rows of access depend on the parts, as they do on the files:
// to domain aliases those administrators get them who are there by then, and
// super administrators, who see everything without, likewise.
//
// The error is an *ImportError if the file is to blame.
func ImportCSV(ctx context.Context, d *db.DB, r io.Reader, o ImportOptions) (*ImportReport, error) {
	f, err := openCSV(r, o.Separator)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	defer f.close()
	i := importer{db: d, o: o, file: f}
	report, err := i.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	return report, nil
}
