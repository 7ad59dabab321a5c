package postfixadmin

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// Options steer [Import].
type Options struct {
	// DryRun does everything, in a transaction that is rolled back.
	DryRun bool
	// Scheme is the Dovecot scheme of passwords that name none: CRYPT,
	// PLAIN-MD5, PLAIN ... Without it their form decides.
	Scheme string
	// TablePrefix stands before the names of PostfixAdmin's tables
	// ($CONF['database_prefix']).
	TablePrefix string
	// Parameters are those of Modoboa's that vmapd's file sets.
	Parameters parameters.Overrides
	// Progress, if not nil, is told how many rows of how many are done.
	Progress func(done, total int64)
	// Warn, if not nil, is told each warning when it arises: table by table, in
	// the order of their keys.
	Warn func(Warning)
	// Change, if not nil, is told each object that is made or extended.
	Change func(Change)
}

// Warning is a row that was left out or is not taken over as it was.
type Warning struct {
	Table string `json:"table"` // of PostfixAdmin
	Row   string `json:"row"`   // its key
	Text  string `json:"text"`
}

// String gives "table row: text".
func (w Warning) String() string { return w.Table + " " + w.Row + ": " + w.Text }

// Change is an object of the target.
type Change struct {
	Action string `json:"action"` // "create" or "extend"
	Kind   string `json:"kind"`   // "domain", "account" ... as the lines of CSV files
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"`
}

// maxWarnings is how many warnings a report keeps; more are only counted.
const maxWarnings = 10000

// Report says what an import made, or with DryRun would make.
type Report struct {
	DryRun        bool           `json:"dry_run"`
	Source        string         `json:"source"`   // URL without password
	Read          map[string]int `json:"read"`     // rows of PostfixAdmin by table
	Created       map[string]int `json:"created"`  // by kind: "domain", "account", "mailbox", "alias", "recipient" ...
	Extended      map[string]int `json:"extended"` // what existed and got more: "alias", "account" (domains)
	Skipped       map[string]int `json:"skipped"`  // what existed and lacked nothing
	Warnings      []Warning      `json:"warnings"` // the first 10,000
	WarningsTotal int            `json:"warnings_total"`
}

// Import brings a PostfixAdmin database into the tables of to, as the package
// comment says. from may be opened read-only. Nothing is written if there is an
// error; no error, warning or change contains a password or a hash.
func Import(ctx context.Context, from, to *db.DB, o Options) (*Report, error) {
	r, err := run(ctx, from, to, o)
	if err != nil {
		return nil, fmt.Errorf("import from PostfixAdmin: %w", err)
	}
	return r, nil
}

func run(ctx context.Context, from, to *db.DB, o Options) (*Report, error) {
	if o.Scheme != "" && !password.Known(o.Scheme) {
		return nil, fmt.Errorf("%q is no password scheme: \"vmapd password hash --help\" lists them", rows.Shown(o.Scheme))
	}
	src, err := openSource(ctx, from, o.TablePrefix)
	if err != nil {
		return nil, err
	}
	defer src.tx.Rollback() //nolint:errcheck // it only reads
	tx, err := rows.Begin(ctx, to)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error that counts is another
	i, err := newImporter(ctx, src, to, tx, o)
	if err != nil {
		return nil, err
	}
	for _, phase := range []func() error{i.checkEngine, i.domainsAndAdmins, i.accounts, i.aliases, i.recipients, i.allocations, i.leftOut} {
		if err := phase(); err != nil {
			return nil, err
		}
	}
	if o.DryRun {
		return i.report, nil
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", to.Explain(err))
	}
	return i.report, nil
}

// importer carries one import from phase to phase.
type importer struct {
	ctx       context.Context
	src       *source
	to        *db.DB
	tx        *sql.Tx
	o         Options
	passwords *passwords
	base      *rows.Base
	writer    *rows.Writer
	domains   *rows.Domains
	index     *index
	before    marks
	report    *Report

	mine   map[string]bool   // domains of the source
	lost   map[string]string // those that are not made, and why
	admins map[string]bool   // logins that were dealt with as administrators
	inUse  bool              // some mailbox has a quota
	some   map[string]*example
	done   int64
	total  int64
}

// marks are the highest ids before the import: what has a higher one was made
// by it.
type marks struct{ user, mailbox, alias int64 }

// example is one of many rows that get one warning together.
type example struct {
	table, row, text string
	n                int
}

func newImporter(ctx context.Context, src *source, to *db.DB, tx *sql.Tx, o Options) (*importer, error) {
	i := &importer{
		ctx: ctx, src: src, to: to, tx: tx, o: o, passwords: newPasswords(o.Scheme),
		mine: map[string]bool{}, lost: map[string]string{}, admins: map[string]bool{}, some: map[string]*example{},
		report: &Report{
			DryRun: o.DryRun, Source: src.db.Name, Read: map[string]int{}, Created: map[string]int{},
			Extended: map[string]int{}, Skipped: map[string]int{}, Warnings: []Warning{},
		},
	}
	tables, err := rows.ReadTables(ctx, to, tx)
	if err != nil {
		return nil, err
	}
	if i.base, err = rows.ReadBase(ctx, to, tx, tables, o.Parameters); err != nil {
		return nil, err
	}
	i.writer = &rows.Writer{DB: to, Tx: tx, Base: i.base}
	for _, role := range []string{"SimpleUsers", "DomainAdmins"} {
		if i.base.Groups[role] == 0 {
			return nil, fmt.Errorf("role %s is missing in the database (table auth_group)", role)
		}
	}
	if i.domains, err = rows.ReadDomains(ctx, to, tx); err != nil {
		return nil, err
	}
	if i.index, err = newIndex(ctx, to, tx, i.domains); err != nil {
		return nil, err
	}
	return i, cmp.Or(i.mark(), i.count())
}

func (i *importer) mark() error {
	for table, id := range map[string]*int64{"core_user": &i.before.user, "admin_mailbox": &i.before.mailbox, "admin_alias": &i.before.alias} {
		err := rows.Each(i.ctx, i.to, i.tx, "SELECT coalesce(max(id), 0) FROM "+table, nil, func(r *sql.Rows) error { return r.Scan(id) })
		if err != nil {
			return fmt.Errorf("read %s: %w", table, err)
		}
	}
	return nil
}

// weights are how many steps of the progress a row of a table is: a mailbox is
// some twenty rows of Modoboa, an alias is read twice.
func weights() map[string]int64 {
	return map[string]int64{"domain": 1, "alias_domain": 1, "admin": 1, "mailbox": 4, "alias": 2}
}

func (i *importer) count() error {
	for _, table := range slices.Sorted(maps.Keys(i.src.tables)) {
		n, err := i.src.count(i.ctx, table)
		if err != nil {
			return err
		}
		i.report.Read[table] = int(n)
		i.total += n * weights()[table]
	}
	return nil
}

func (i *importer) step(n int64) {
	i.done = min(i.done+n, i.total)
	if i.o.Progress != nil {
		i.o.Progress(i.done, i.total)
	}
}

func (i *importer) warn(table, row, format string, args ...any) {
	w := Warning{Table: table, Row: printable(row), Text: fmt.Sprintf(format, args...)}
	i.report.WarningsTotal++
	if len(i.report.Warnings) < maxWarnings {
		i.report.Warnings = append(i.report.Warnings, w)
	}
	if i.o.Warn != nil {
		i.o.Warn(w)
	}
}

// many notes a row that gets one warning with all others of its kind. It says
// what there is to say of the first.
func (i *importer) many(table, row, kind, text string) {
	e := i.some[kind]
	if e == nil {
		e = &example{table: table, row: row, text: text}
		i.some[kind] = e
	}
	e.n++
}

// together gives the warnings that many has collected.
func (i *importer) together() {
	for _, kind := range slices.Sorted(maps.Keys(i.some)) {
		e := i.some[kind]
		more := ""
		if e.n > 1 {
			more = fmt.Sprintf(" (and %d more like it)", e.n-1)
		}
		i.warn(e.table, e.row, "%s%s", e.text, more)
	}
	clear(i.some)
}

// printable is a key of the source for people: what is no text is escaped.
func printable(s string) string {
	if rows.CheckBytes(s) != nil || s == "" {
		return fmt.Sprintf("%q", rows.Shown(s))
	}
	return s
}

func (i *importer) created(kind, name, detail string) {
	i.report.Created[kind]++
	i.change("create", kind, name, detail)
}

func (i *importer) change(action, kind, name, detail string) {
	if i.o.Change != nil {
		i.o.Change(Change{action, kind, name, detail})
	}
}

// write writes a set, and lets the domains be found that are in it.
func (i *importer) write(s *rows.Set) error {
	if err := i.writer.Write(i.ctx, s); err != nil {
		return err
	}
	for _, d := range s.Domains {
		i.domains.ByID[d.ID] = d
	}
	i.report.Created["mailbox"] += len(s.Mailboxes)
	return nil
}

// place returns the domain that an address is in, or why there is none.
func (i *importer) place(name string) (*rows.Domain, error) {
	if d := i.domains.ByName[name]; d != nil {
		return d, nil
	}
	if why := i.lost[name]; why != "" {
		return nil, fmt.Errorf("its domain %q is not there: %s", name, why)
	}
	if target, ok := i.domains.Aliases[name]; ok {
		return nil, fmt.Errorf("its domain %q is a domain alias of %q", name, target)
	}
	return nil, fmt.Errorf("its domain %q is not in the table domain", name)
}

// checkEngine warns of tables that are not read in one state.
func (i *importer) checkEngine() error {
	names, err := i.src.loose(i.ctx, i.o.TablePrefix)
	if len(names) > 0 {
		i.warn(names[0], "*", "the engine of %s knows no transactions (MyISAM): let nobody change anything during the import", strings.Join(names, ", "))
	}
	return errors.Join(err)
}
