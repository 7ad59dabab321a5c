package store

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Builder makes a Snapshot out of rows. Rows must come in this order: domains
// and accounts before mailboxes, mailboxes before quota usage, sender
// addresses and operations, aliases and mailboxes before recipients. Rows of
// one table may come in any order.
//
// A Builder is for one goroutine and one Snapshot.
type Builder struct {
	base
	schema   string
	problems []Problem
	total    map[ProblemKind]int
	inexact  map[string]bool // "table name" of names served although not stored in folded spelling

	serving    bool // requests are answered from another snapshot meanwhile
	operations int
	received   int // recipients
	scratch    []byte
	list       []recipient // being sorted
}

// NewBuilder returns an empty Builder.
func NewBuilder() *Builder {
	b := &Builder{total: map[ProblemKind]int{}, inexact: map[string]bool{}}
	b.symbols = newSymbols()
	b.domainByName = map[string]uint32{}
	b.domainAliasByName = map[string]uint32{}
	b.transports = map[string]Transport{}
	b.access = map[string]RecipientAccess{}
	b.autoreplies = map[string]AutoreplyTransport{}
	return b
}

// GiveWay lets requests have the processor; a source calls it every few hundred
// rows. Beside a snapshot that is being served it sleeps for a moment: a
// goroutine that merely yields is taken up again at once by its own processor,
// while the requests that wait at another one go on waiting.
func (b *Builder) GiveWay() {
	if b.serving {
		time.Sleep(100 * time.Microsecond)
		return
	}
	runtime.Gosched()
}

// SetSchema names the layout of the database, for people ("Modoboa 2.9").
func (b *Builder) SetSchema(s string) { b.schema = s }

// maxProblems bounds the list that a snapshot carries; all are counted.
const maxProblems = 1000

// Report notes a problem that the source found itself.
func (b *Builder) Report(p Problem) {
	b.total[p.Kind]++
	if len(b.problems) < maxProblems {
		b.problems = append(b.problems, p)
	}
}

func (b *Builder) report(k ProblemKind, table string, id uint32, column, detail string) {
	b.Report(Problem{k, table, strconv.FormatUint(uint64(id), 10), column, detail})
}

// bad reports and refuses a value that must not be served.
func (b *Builder) bad(table string, id uint32, column, value string) bool {
	why := flaw(value)
	if why == "" {
		return false
	}
	b.report(BadValue, table, id, column, why+": the row is not served; correct the value")
	return true
}

// badName is bad for domain names, which contain no "@" besides.
func (b *Builder) badName(table string, id uint32, column, name string) bool {
	if b.bad(table, id, column, name) {
		return true
	}
	if strings.IndexByte(name, '@') < 0 {
		return false
	}
	b.report(BadValue, table, id, column, "contains an @: the row is not served; correct the value")
	return true
}

func (b *Builder) dangling(table string, id uint32, column, what string, to uint32) {
	b.report(DanglingRef, table, id, column, fmt.Sprintf("refers to %s %d, which does not exist: the row is not served; delete it or correct the reference", what, to))
}

// takes reports whether a row may have a name. Of two rows with one folded name
// the one that is stored in folded spelling wins, as only that one answers the
// SQL map of a case-sensitive database; else the older one.
func (b *Builder) takes(table, column, name string, id uint32, exact bool, old uint32) bool {
	if old == 0 {
		if !exact {
			b.inexact[table+" "+name] = true
		}
		return true
	}
	oldExact := !b.inexact[table+" "+name]
	better := exact && !oldExact || exact == oldExact && id < old
	won, lost := old, id
	if better {
		won, lost = id, old
		b.inexact[table+" "+name] = !exact
	}
	b.report(Collision, table, lost, column, fmt.Sprintf("%q is the name of row %d too, once folded to lower case: row %d is served; rename or delete one of them", name, won, won))
	return better
}

// Build finishes the snapshot. now becomes its time of loading. The Builder
// must not be used afterwards.
func (b *Builder) Build(now time.Time) *Snapshot {
	for _, a := range b.aliases.all(b.GiveWay) {
		b.resolve(&a.one)
		b.sortRecipients(a)
	}
	for _, m := range b.mailboxes.all(b.GiveWay) {
		b.symbols.addFacts(m.address, b.factsOf(m.address))
	}
	for name, at := range b.domainAliasByName {
		if other := b.domainByName[name]; other != 0 {
			b.report(Collision, "admin_domainalias", b.domainAliases.at(at).id, "name", fmt.Sprintf(
				"%q is the name of domain %d too: Postfix warns about a name in both virtual_mailbox_domains and virtual_alias_domains; rename or delete one of them", name, b.domains.at(other).id))
		}
	}
	b.symbols.index.pack(b.GiveWay)
	s := &Snapshot{base: &b.base, schema: b.schema, loaded: now, problems: b.problems, problemTotals: b.total}
	s.counts = Counts{
		Domains: b.domains.n, DomainAliases: b.domainAliases.n, Accounts: b.accounts.n, Mailboxes: b.mailboxes.n,
		Aliases: b.aliases.n, Recipients: b.received, SenderAddresses: b.senders.n, Transports: len(b.transports),
		RecipientAccess: len(b.access), MailboxOperations: b.operations, AutoreplyTransports: len(b.autoreplies),
	}
	return s
}

// resolve turns the references of a recipient from ids to rows.
func (b *Builder) resolve(r *recipient) {
	r.target = b.aliasIDs.row(r.target)
	if r.mailbox != 0 && b.mailboxes.at(r.mailbox).address == r.address {
		r.mailbox |= ownAddress
	}
}

// factsOf finds out what is true of nearly every mailbox: that its address has
// one alias, to itself, and that nobody else may send as it.
func (b *Builder) factsOf(sym ref) (f facts) {
	at := b.symbols.first(sym, aliasList)
	if at == 0 || b.symbols.first(sym, senderList) != 0 {
		return 0
	}
	a := b.aliases.at(at)
	if a.next != 0 || a.flags&aliasEnabled == 0 || a.more != 0 || a.one.address != sym || a.one.mailbox&ownAddress == 0 {
		return 0
	}
	f = ownSender
	if a.expireAt == 0 {
		f |= onlyItself
	}
	return f
}

// sortRecipients brings the recipients of an alias into the order of their
// ids: the answers' order must not change with the database's.
func (b *Builder) sortRecipients(a *aliasRow) {
	if a.more == 0 {
		return
	}
	b.list = append(b.list[:0], a.one)
	for at := a.more; at != 0; at = b.recipients.at(at).next {
		b.resolve(&b.recipients.at(at).recipient)
		b.list = append(b.list, b.recipients.at(at).recipient)
	}
	slices.SortFunc(b.list, func(x, y recipient) int { return cmp.Compare(x.id, y.id) })
	a.one = b.list[0]
	at := a.more
	for _, r := range b.list[1:] {
		b.recipients.at(at).recipient = r
		at = b.recipients.at(at).next
	}
}
