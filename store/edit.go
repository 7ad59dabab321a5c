package store

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// edit is what a Builder that began with a snapshot remembers, in order to
// look again at no more than it must.
type edit struct {
	rows     map[rowName]struct{} // rows that were added, changed or removed
	usage    map[string]struct{}  // user names of such rows of admin_quota
	symbols  map[ref]struct{}     // whose lists changed
	unsorted map[uint32]struct{}  // aliases whose recipients changed
	before   []Problem            // those of the snapshot
}

type rowName struct {
	kind Kind
	id   uint32
}

// Edit returns a Builder that begins with the rows of s. It shares their
// memory and copies only the chunks in which something changes: an edit costs
// what it changes, not what there is.
func (s *Snapshot) Edit() *Builder {
	b := &Builder{
		base: *s.base, schema: s.schema, position: s.position, total: maps.Clone(s.problemTotals), rekey: map[uint32]*rekeying{},
		edit: &edit{rows: map[rowName]struct{}{}, usage: map[string]struct{}{}, symbols: map[ref]struct{}{}, unsorted: map[uint32]struct{}{}, before: s.problems},
	}
	b.share()
	return b
}

// touch notes a row that was added, changed or removed.
func (b *Builder) touch(k Kind, id uint32) {
	if b.edit != nil {
		b.edit.rows[rowName{k, id}] = struct{}{}
	}
}

// touchSymbol notes a symbol whose lists changed.
func (b *Builder) touchSymbol(r ref) {
	if b.edit != nil && r != 0 {
		b.edit.symbols[r] = struct{}{}
	}
}

func (b *Builder) touchRecipients(alias uint32) {
	if b.edit != nil {
		b.edit.unsorted[alias] = struct{}{}
	}
}

// finishEdit is finishAll for the rows that an edit touched.
func (b *Builder) finishEdit() {
	e := b.edit
	for at := range e.unsorted {
		if b.aliases.at(at).more != 0 {
			b.sortRecipients(at)
		}
		b.touchSymbol(b.aliases.at(at).address)
	}
	// Who bears a name that somebody got or gave up may be judged otherwise now.
	for sym := range e.symbols {
		for at := b.symbols.first(sym, loginList); at != 0; at = b.accounts.at(at).nextLogin {
			b.touch(Accounts, b.accounts.at(at).id)
		}
		for at := b.symbols.first(sym, mailboxList); at != 0; at = b.mailboxes.at(at).next {
			b.touch(Mailboxes, b.mailboxes.at(at).id)
		}
		for at := b.symbols.first(sym, nameList); at != 0; at = b.names.at(at).next {
			b.touch(b.names.at(at).kind, b.names.at(at).id)
		}
		b.symbols.setFacts(sym, b.factsOf(sym))
		if domain, ok := strings.CutPrefix(b.symbols.text(sym), "@"); ok {
			if sym := b.symbols.find(domain); sym != 0 {
				b.symbols.setFacts(sym, b.factsOf(sym))
			}
		}
	}
	found := b.problems
	b.problems = b.keepProblems()
	for _, p := range found {
		if len(b.problems) < maxProblems {
			b.problems = append(b.problems, p) // counted when it was reported
		}
	}
	for r := range e.rows {
		if r.kind == Recipients {
			b.judge(r.kind, r.id)
		} else if at, flags := b.find(r.kind, r.id); flags&here != 0 {
			b.judge(r.kind, at)
		}
	}
}

// keepProblems returns the problems of rows that were not touched, and takes
// the others off the totals.
func (b *Builder) keepProblems() []Problem {
	if len(b.edit.before) == 0 {
		return nil
	}
	type key struct{ table, id string }
	touched := make(map[key]struct{}, len(b.edit.rows))
	for r := range b.edit.rows {
		touched[key{r.kind.table(), strconv.FormatUint(uint64(r.id), 10)}] = struct{}{}
	}
	for username := range b.edit.usage {
		touched[key{usageTable, username}] = struct{}{}
	}
	return slices.DeleteFunc(slices.Clone(b.edit.before), func(p Problem) bool {
		_, gone := touched[key{p.Table, p.RowID}]
		if gone {
			b.total[p.Kind]--
		}
		return gone
	})
}
