package doctor

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// Input is what Run looks at.
type Input struct {
	Only []string  // names of checks or groups; empty: all
	Now  time.Time // zero: now

	// Snapshot is the data; nil: its checks are left out.
	Snapshot *store.Snapshot
	Lookup   lookup.Options
	// DefaultScheme is that of stored passwords that name none, such as CRYPT.
	DefaultScheme string
	// WeakSchemes says that logins with weak hashes are let in.
	WeakSchemes bool
	// Rehash says that passwords are stored anew when their owners log in.
	Rehash bool
	// OutsideAll says that somebody else is asked about accounts without a
	// password, also if they are local.
	OutsideAll bool
	// ReadKey reads the file of a DKIM key; nil: files are not looked at. An error
	// may have a method Remedy.
	ReadKey func(domain, selector, path string) (*dkim.Key, error)

	// Host is the machine; nil: its checks are left out.
	Host *Host

	// GiveWay is called every few hundred rows, to let others have the processor;
	// nil: runtime.Gosched.
	GiveWay func()
}

// run is one run of the checks.
type run struct {
	*Input
	ctx      context.Context
	s        *store.Snapshot
	expander *lookup.Expander
	now      int64 // microseconds since 1970 UTC
	checks   []Check
	found    []findings // by check
	current  int        // the check that is looking
	steps    int

	parsed   parsed                // see accounts.go
	allotted map[uint32]*allotment // by Domain.ID, see quota.go
	loops    loopStarts            // see loops.go
}

// Run runs the checks and returns what they find: errors first, then warnings,
// then what is merely good to know; within a level in the order of Checks. The
// error is that of ctx, or names what Only has and nobody knows.
func Run(ctx context.Context, in Input) ([]Finding, error) {
	checks, err := Select(in.Only...)
	if err != nil {
		return nil, err
	}
	if in.Now.IsZero() {
		in.Now = time.Now()
	}
	if in.GiveWay == nil {
		in.GiveWay = runtime.Gosched
	}
	r := &run{Input: &in, ctx: ctx, s: in.Snapshot, now: in.Now.UnixMicro(), checks: checks, found: make([]findings, len(checks)), allotted: map[uint32]*allotment{}}
	if r.s != nil {
		r.expander = lookup.NewExpander(r.s, in.Lookup, in.Now)
		r.walkAll()
	}
	if in.Host != nil {
		r.lookAtHost()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return r.sorted(), nil
}

func (r *run) sorted() (all []Finding) {
	for _, l := range levels() {
		for i := range r.found {
			all = append(all, r.found[i].of(l)...)
		}
	}
	return all
}

// walkAll has every kind of row come by once.
func (r *run) walkAll() {
	walk(r, r.s.AllDomains(), func(l *look) func(*run, *store.Domain) { return l.domain })
	walk(r, r.s.AllDomainAliases(), func(l *look) func(*run, *store.DomainAlias) { return l.domainAlias })
	walk(r, r.s.AllAccounts(), func(l *look) func(*run, *store.Account) { return l.account })
	walk(r, r.s.AllMailboxes(), func(l *look) func(*run, *store.Mailbox) { return l.mailbox })
	r.walkAliases()
	walk(r, r.s.AllTransports(), func(l *look) func(*run, *store.Transport) { return l.transport })
	walk(r, r.s.AllRecipientAccess(), func(l *look) func(*run, *store.RecipientAccess) { return l.access })
	walk(r, r.s.AllQuotaUsage(), func(l *look) func(*run, *store.QuotaUsage) { return l.usage })
	walk(r, r.s.AllMailboxOperations(), func(l *look) func(*run, *store.MailboxOperation) { return l.operation })
	for i := range r.checks {
		if f := r.checks[i].look.finish; f != nil && r.ctx.Err() == nil {
			r.current = i
			f(r)
		}
	}
}

func (r *run) lookAtHost() {
	for i := range r.checks {
		if f := r.checks[i].look.host; f != nil && r.ctx.Err() == nil {
			r.current = i
			f(r, r.Host)
		}
	}
}

// walk shows the rows of one kind to all checks that look at it.
func walk[V any](r *run, rows iter.Seq[V], pick func(*look) func(*run, *V)) {
	var lookers []int
	for i := range r.checks {
		if pick(&r.checks[i].look) != nil {
			lookers = append(lookers, i)
		}
	}
	if len(lookers) == 0 {
		return
	}
	var at V // one for all rows: it escapes
	for row := range rows {
		if r.stop() {
			return
		}
		at = row
		for _, i := range lookers {
			r.current = i
			pick(&r.checks[i].look)(r, &at)
		}
	}
}

// walkAliases is walk for aliases, which come with their recipients.
func (r *run) walkAliases() {
	var at store.Alias
	for row, recipients := range r.s.AllAliases() {
		if r.stop() {
			return
		}
		at = row
		for i := range r.checks {
			if f := r.checks[i].look.alias; f != nil {
				r.current = i
				f(r, &at, recipients)
			}
		}
	}
}

// stop lets others have the processor now and then, and reports whether the
// caller has lost interest.
func (r *run) stop() bool {
	if r.steps++; r.steps%512 != 0 {
		return false
	}
	r.GiveWay()
	return r.ctx.Err() != nil
}

// say notes a finding of the check that is looking.
func (r *run) say(l Level, subject, remedy, problem string, args ...any) {
	f := &r.found[r.current]
	subject = printable(subject)
	if f.has(l, subject) || f.full(l) {
		return
	}
	if len(args) > 0 {
		problem = fmt.Sprintf(problem, args...)
	}
	f.list = append(f.list, Finding{Check: r.checks[r.current].Name, Level: l, Subject: subject, Problem: printable(problem), Remedy: printable(remedy), Count: 1})
}

// printable keeps what somebody put into a file from steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
