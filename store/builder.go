package store

import (
	"cmp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Builder makes a Snapshot out of rows: a first one out of all rows, or the
// next one out of those that changed (see Snapshot.Edit). Rows may come in any
// order. A row whose primary key is there already replaces the old one. A
// reference to a row that is not there holds as soon as that row comes.
//
// A Builder is for one goroutine and one Snapshot.
type Builder struct {
	base
	schema   string
	position Position
	problems []Problem
	total    map[ProblemKind]int

	serving bool          // requests are answered from another snapshot meanwhile
	slept   time.Duration // for their sake
	scratch []byte
	list    []recipient // being sorted

	rekey map[uint32]*rekeying // domains rows
	edit  *edit                // nil for a Builder that began empty
}

// NewBuilder returns an empty Builder.
func NewBuilder() *Builder {
	b := &Builder{base: base{symbols: newSymbols(), keys: new(keysMark)}, total: map[ProblemKind]int{}, rekey: map[uint32]*rekeying{}}
	b.takeFrom(new(slabs))
	return b
}

// GiveWay lets requests have the processor; a source calls it every few hundred
// rows. Beside a snapshot that is being served it sleeps for a moment: a
// goroutine that merely yields is taken up again at once by its own processor,
// while the requests that wait at another one go on waiting.
func (b *Builder) GiveWay() {
	if b.serving {
		began := time.Now()
		time.Sleep(100 * time.Microsecond)
		b.slept += time.Since(began)
		return
	}
	runtime.Gosched()
}

// SetSchema names the layout of the database, for people ("Modoboa 2.9").
func (b *Builder) SetSchema(s string) { b.schema = s }

// SetPosition says at which position of the database's log of changes the rows
// were read.
func (b *Builder) SetPosition(p Position) { b.position = p }

// maxProblems bounds the list that a snapshot carries; all are counted.
const maxProblems = 1000

// Report notes a problem that the source found itself.
func (b *Builder) Report(p Problem) {
	b.total[p.Kind]++
	if len(b.problems) < maxProblems {
		b.problems = append(b.problems, p)
	}
}

func (b *Builder) report(k ProblemKind, in Kind, id uint32, column, detail string) {
	b.Report(Problem{k, in.table(), strconv.FormatUint(uint64(id), 10), column, detail})
}

// bad reports a value that must not be served.
func (b *Builder) bad(in Kind, id uint32, column, value string) bool {
	why := flaw(value)
	if why == "" {
		return false
	}
	b.report(BadValue, in, id, column, why+": the row is not served; correct the value")
	return true
}

// badName is bad for domain names, which contain no "@" besides.
func (b *Builder) badName(in Kind, id uint32, column, name string) bool {
	if b.bad(in, id, column, name) {
		return true
	}
	if strings.IndexByte(name, '@') < 0 {
		return false
	}
	b.report(BadValue, in, id, column, "contains an @: the row is not served; correct the value")
	return true
}

// Build finishes the snapshot. now becomes its time of loading. The Builder
// must not be used afterwards.
func (b *Builder) Build(now time.Time) *Snapshot {
	b.rekeyMailboxes()
	if b.edit == nil {
		b.finishAll()
	} else {
		b.finishEdit()
	}
	return &Snapshot{base: &b.base, schema: b.schema, position: b.position, loaded: now, problems: b.problems, problemTotals: b.total}
}

// finishAll does what wants all rows to be there.
func (b *Builder) finishAll() {
	for at, a := range b.aliases.all(b.GiveWay) {
		if a.more != 0 {
			b.sortRecipients(at)
		}
	}
	b.judgeAll()
	for _, m := range b.mailboxes.all(b.GiveWay) {
		if m.flags&mailboxServed != 0 {
			b.symbols.setFacts(m.address, b.factsOf(m.address))
		}
	}
	for _, d := range b.domains.all(b.GiveWay) {
		if d.flags&here != 0 {
			b.symbols.setFacts(d.name, b.factsOf(d.name))
		}
	}
	b.symbols.index.pack(b.GiveWay)
	if !b.serving {
		b.symbols.shared.from.settle(b.GiveWay)
	}
	b.takeFrom(nil)
	b.compact = b.size()
}

// factsOf finds out what is true of nearly every domain, and of nearly every
// mailbox.
func (b *base) factsOf(sym ref) facts {
	if b.firstName(sym, Domains) == nil {
		return b.addressFacts(sym)
	}
	if b.firstName(sym, DomainAliases) != nil || b.symbols.first(b.symbols.find("@"+b.symbols.text(sym)), senderList) != 0 {
		return 0
	}
	return onlyDomain
}

// addressFacts finds out whether an address has one alias, to the mailbox
// there, and nobody else may send as it.
func (b *base) addressFacts(sym ref) (f facts) {
	at := b.symbols.first(sym, aliasList)
	if at == 0 || b.symbols.first(sym, senderList) != 0 {
		return 0
	}
	a := b.aliases.at(at)
	if a.next != 0 || a.flags&aliasEnabled == 0 || a.more != 0 || a.one.address != sym || a.one.mailbox == 0 {
		return 0
	}
	if m := b.mailboxes.at(a.one.mailbox); m.flags&mailboxServed == 0 || m.address != sym {
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
func (b *Builder) sortRecipients(alias uint32) {
	a := b.aliases.at(alias)
	b.list = append(b.list[:0], a.one)
	for at := a.more; at != 0; at = b.recipients.at(at).next {
		b.list = append(b.list, b.recipients.at(at).recipient)
	}
	byID := func(x, y recipient) int { return cmp.Compare(x.id, y.id) }
	if slices.IsSortedFunc(b.list, byID) {
		return
	}
	slices.SortFunc(b.list, byID)
	at := a.more
	b.aliases.edit(alias).one = b.list[0]
	for _, r := range b.list[1:] {
		row := b.recipients.edit(at)
		row.recipient = r
		at = row.next
	}
}
