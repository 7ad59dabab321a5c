package modoboa

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"strings"

	"github.com/vmapd/vmapd/store/db"
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
	// Progress, if not nil, is told how many steps of how many are done (a
	// password hashed and a row written are steps; the rows join the total
	// after the hashing). Calls do not overlap.
	Progress func(done, total int64)
}

// ImportReport says what an import made, or with DryRun would make.
type ImportReport struct {
	DryRun  bool           `json:"dry_run"`
	Lines   int            `json:"lines"`   // lines that say something
	Created map[string]int `json:"created"` // by kind: "domain", "mailbox", "recipient" ...
	Skipped int            `json:"skipped"` // lines whose object exists (ContinueIfExists)
	Changes []Change       `json:"changes"` // one per line of the file, in its order
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
// The error is an *ImportError if the file is to blame.
func ImportCSV(ctx context.Context, d *db.DB, r io.Reader, o ImportOptions) (*ImportReport, error) {
	f, err := readCSV(r, o.Separator)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	i := importer{db: d, o: o, file: f}
	report, err := i.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	return report, nil
}

// importer carries one import from phase to phase.
type importer struct {
	db    *db.DB
	o     ImportOptions
	file  *csvFile
	done  int64
	total int64
}

func (i *importer) step(n int) {
	i.done += int64(n)
	if i.o.Progress != nil {
		i.o.Progress(i.done, i.total)
	}
}

// run plans, hashes and writes. Hashing may take minutes and must not hold a
// transaction open, so it stands between a first plan, which finds the errors
// and the accounts to be made, and the plan that is written.
func (i *importer) run(ctx context.Context) (*ImportReport, error) {
	var hashes map[int]string
	if i.o.CryptPasswords && !i.o.DryRun {
		var err error
		if hashes, err = i.hash(ctx); err != nil {
			return nil, err
		}
	}
	tx, err := i.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error that counts is another
	w, err := loadWorld(ctx, i.db, tx, i.file)
	if err != nil {
		return nil, err
	}
	p, err := makePlan(i.file, w, i.o)
	if err != nil {
		return nil, err
	}
	for _, u := range p.users {
		if h, ok := hashes[u.line]; ok {
			u.password = h
		}
	}
	out := &writer{db: i.db, tx: tx, world: w, progress: i.step}
	if err := out.writePlan(ctx, p, func(rows int) { i.total = i.done + int64(rows) }); err != nil {
		return nil, err
	}
	p.report.DryRun = i.o.DryRun
	if i.o.DryRun {
		return p.report, nil
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return p.report, nil
}

// begin begins the transaction that writes and lets one import wait for the
// other: on MySQL two that reserve ids at the end of the same index would end
// in a deadlock. On SQLite the first statement writes (no row), which takes
// the lock before anything is read: a reader cannot become a writer once
// others wrote.
func (i *importer) begin(ctx context.Context) (*sql.Tx, error) {
	tx, err := i.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, i.db.Explain(err)
	}
	lock := "SELECT id FROM core_localconfig ORDER BY id LIMIT 1 FOR UPDATE"
	if i.db.Dialect == db.SQLite {
		lock = "UPDATE core_localconfig SET id = id WHERE id < 0"
	}
	if _, err := tx.ExecContext(ctx, lock); err != nil {
		_ = tx.Rollback()
		return nil, fmt.Errorf("lock core_localconfig: %w: if the database is empty, run \"vmapd init\" first", i.db.Explain(err))
	}
	return tx, nil
}

// hash returns the hashed passwords of the accounts that the file would make,
// by line number.
func (i *importer) hash(ctx context.Context) (map[int]string, error) {
	tx, err := i.db.BeginSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	w, err := loadWorld(ctx, i.db, tx, i.file)
	if err := cmp.Or(err, tx.Rollback()); err != nil {
		return nil, err
	}
	p, err := makePlan(i.file, w, i.o)
	if err != nil {
		return nil, err
	}
	clear := make([]string, len(p.users))
	for n, u := range p.users {
		clear[n] = u.password
	}
	i.total = int64(len(clear))
	hashed, err := hashAll(ctx, clear, func() { i.step(1) })
	if err != nil {
		return nil, err
	}
	byLine := make(map[int]string, len(hashed))
	for n, u := range p.users {
		byLine[u.line] = hashed[n]
	}
	return byLine, nil
}
