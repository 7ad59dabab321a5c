package modoboa

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// plan is the rows to be made: what a part of a file asks for and the world
// lacks.
type plan struct {
	*course
	world *world

	set       rows.Set
	userLines []int // of set.Users
	pending   []pendingRecipients
	// assumed are domains and aliases that a bad line would have made. What
	// depends on them is not written, or the database would have an error too.
	assumed map[string]bool
	depends bool // the line at hand does
}

type pendingRecipients struct {
	line      int
	kind      string
	fate      fate
	alias     *rows.Alias
	addresses []string
}

func newPlan(c *course, w *world) *plan {
	p := &plan{course: c, world: w, assumed: map[string]bool{}, set: rows.Set{AdminOf: map[*rows.User][]*rows.Domain{}}}
	for i := range c.bad {
		p.assume(&c.bad[i])
	}
	return p
}

// objects takes lines, against the world and each other. Recipients of aliases
// are left pending.
func (p *plan) objects(f *csvFile) {
	for i := range f.lines {
		l := &f.lines[i]
		p.depends = false
		err := p.line(l)
		if err != nil {
			p.errs.add(l.number, "%s: %v", rows.Shown(l.field(0)), err)
		}
		if err != nil || p.depends {
			p.assume(l)
			if len(p.bad) < maxBad {
				p.bad = append(p.bad, *l)
			}
		}
	}
}

// resolveAll finds the recipients that are pending.
func (p *plan) resolveAll() {
	for _, r := range p.pending {
		p.resolve(&r)
	}
}

// recipients takes the lines of aliases once more, when everything is there
// that they may lead to.
func (p *plan) recipients(f *csvFile) {
	for i := range f.lines {
		l := &f.lines[i]
		became := p.became(l.number)
		a := p.world.ordinary[store.Fold(l.field(1))]
		if became == 0 || a == nil {
			continue
		}
		addresses, err := p.recipientList(l.fields[3:])
		if err != nil {
			continue // it was said already
		}
		p.resolve(&pendingRecipients{l.number, l.field(0), became, a, addresses})
	}
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
			p.assumed[name] = true
		}
	case "account":
		if address := store.Fold(l.field(7)); p.world.mailboxes[address] == nil {
			p.world.mailboxes[address] = &rows.Mailbox{Address: address}
		}
	case "alias", "forward", "dlist":
		if p.world.ordinary[name] == nil {
			p.world.ordinary[name] = &rows.Alias{Address: name}
		}
		p.assumed[name] = p.assumed[name] || p.world.ordinary[name].ID == 0
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
	p.lineOf[p.key(l.field(0), name)] = uint32(l.number)
	p.report.Created[l.field(0)]++
	p.remember(Change{Line: l.number, Action: "create", Kind: l.field(0), Name: name, Detail: detail})
}

// exists is the answer to a line whose object exists: an error, or with
// ContinueIfExists a note.
func (p *plan) exists(l *csvLine, name, what string) error {
	if p.o.ContinueIfExists {
		p.report.Skipped++
		p.remember(Change{Line: l.number, Action: "skip", Kind: l.field(0), Name: name, Detail: what + " exists"})
		return nil
	}
	if n := p.lineOf[p.key(l.field(0), name)]; n > 0 {
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
