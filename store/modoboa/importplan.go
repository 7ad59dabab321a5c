package modoboa

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// plan is the rows to be made: what a file asks for and the world lacks.
type plan struct {
	world  *world
	o      ImportOptions
	report *ImportReport
	errs   lineErrors

	set       rows.Set
	userLines []int // of set.Users
	pending   []pendingRecipients
	lineOf    map[string]int // where in the file an object was made
}

type pendingRecipients struct {
	line      int
	change    int // index into report.Changes
	alias     *rows.Alias
	addresses []string
}

// makePlan checks all lines of a file against the world and each other. The
// error is an *ImportError.
func makePlan(f *csvFile, w *world, o ImportOptions) (*plan, error) {
	p := &plan{world: w, o: o, errs: f.errs, lineOf: map[string]int{},
		set: rows.Set{AdminOf: map[*rows.User][]*rows.Domain{}}, report: &ImportReport{Lines: len(f.lines), Created: map[string]int{}}}
	p.errs.first = slices.Clone(f.errs.first)
	for i := range f.lines {
		l := &f.lines[i]
		if err := p.line(l); err != nil {
			p.errs.add(l.number, "%s: %v", rows.Shown(l.field(0)), err)
			p.assume(l)
		}
	}
	for _, r := range p.pending {
		p.resolve(&r)
	}
	slices.SortStableFunc(p.errs.first, func(a, b LineError) int { return a.Line - b.Line })
	return p, p.errs.err()
}

func (p *plan) line(l *csvLine) error {
	switch l.field(0) {
	case "domain":
		return p.addDomain(l)
	case "domainalias":
		return p.addDomainAlias(l)
	case "relaydomain":
		return p.addRelayDomain(l)
	case "account":
		return p.addAccount(l)
	case "alias", "forward", "dlist":
		return p.addAlias(l)
	}
	return errors.New("is no kind of line: it must begin with domain, domainalias, relaydomain, account, alias, forward or dlist")
}

// assume lets the lines below find what a bad line would have made, so that
// one mistake is reported once.
func (p *plan) assume(l *csvLine) {
	name := store.Fold(l.field(1))
	switch l.field(0) {
	case "domain", "relaydomain":
		if p.world.domains[name] == nil {
			p.world.domains[name] = &rows.Domain{Name: name}
		}
	case "account":
		if address := store.Fold(l.field(7)); p.world.mailboxes[address] == nil {
			p.world.mailboxes[address] = &rows.Mailbox{Address: address}
		}
	case "alias", "forward", "dlist":
		if p.world.ordinary[name] == nil {
			p.world.ordinary[name] = &rows.Alias{Address: name}
		}
	}
}

// fits checks the length of values, given as column, value, column, value.
func (p *plan) fits(table string, pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := p.world.base.Tables[table].Fits(table, pairs[i], pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// created notes that a line makes an object.
func (p *plan) created(l *csvLine, name, detail string) {
	p.lineOf[l.field(0)+" "+name] = l.number
	p.report.Created[l.field(0)]++
	p.report.Changes = append(p.report.Changes, Change{Line: l.number, Action: "create", Kind: l.field(0), Name: name, Detail: detail})
}

// exists is the answer to a line whose object exists: an error, or with
// ContinueIfExists a note.
func (p *plan) exists(l *csvLine, name, what string) error {
	if p.o.ContinueIfExists {
		p.report.Skipped++
		p.report.Changes = append(p.report.Changes, Change{Line: l.number, Action: "skip", Kind: l.field(0), Name: name, Detail: what + " exists"})
		return nil
	}
	if n := p.lineOf[l.field(0)+" "+name]; n > 0 {
		return fmt.Errorf("%q is in line %d already: remove one of the two lines", name, n)
	}
	return fmt.Errorf("%s %q exists: remove the line, or import with --continue-if-exists", what, name)
}

func (p *plan) warn(l *csvLine, format string, args ...any) {
	p.report.Warnings = append(p.report.Warnings, LineError{l.number, l.field(0) + ": " + fmt.Sprintf(format, args...)})
}

// yes reads a boolean as Modoboa does: what is not yes is no. A typing error
// would so disable an account without a word, hence the warning.
func (p *plan) yes(l *csvLine, field int) bool {
	switch s := strings.ToLower(l.field(field)); s {
	case "true", "1", "yes", "y":
		return true
	case "false", "0", "no", "n", "":
	default:
		p.warn(l, "%q is taken for \"no\": write true or false", rows.Shown(s))
	}
	return false
}

// megabytes reads a quota.
func megabytes(s, what string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s %q is not a number of megabytes: write 0 for unlimited", what, rows.Shown(s))
	}
	return n, nil
}
