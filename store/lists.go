package store

// Lists of rows hang at symbols, singly linked through the rows: nearly all
// have one row. They are kept in order while they grow, so that answers do not
// depend on the order in which a database hands out its rows.

// insertInto puts a row into a list. next gives the place of a row's link, for
// reading, or for writing in edit; before reports whether the new row comes
// before another.
func (b *Builder) insertInto(sym ref, l list, row uint32, next, edit func(row uint32) *uint32, before func(row uint32) bool) {
	at := b.symbols.first(sym, l)
	if at == 0 || before(at) {
		*edit(row) = at
		b.symbols.setFirst(sym, l, row)
		return
	}
	for {
		after := *next(at)
		if after == 0 || before(after) {
			*edit(row) = after
			*edit(at) = row
			return
		}
		at = after
	}
}

// removeFrom takes a row out of a list that it is in.
func (b *Builder) removeFrom(sym ref, l list, row uint32, next, edit func(row uint32) *uint32) {
	after := *next(row)
	at := b.symbols.first(sym, l)
	if at == row {
		b.symbols.setFirst(sym, l, after)
	} else {
		for *next(at) != row {
			at = *next(at)
		}
		*edit(at) = after
	}
	*edit(row) = 0
}

// precedes orders rows of one name: stored in folded spelling first, then by
// age.
func precedes(flags uint8, id uint32, otherFlags uint8, otherID uint32) bool {
	if odd, otherOdd := flags&inexact, otherFlags&inexact; odd != otherOdd {
		return odd < otherOdd
	}
	return id < otherID
}

func (b *base) nextLogin(row uint32) *uint32      { return &b.accounts.at(row).nextLogin }
func (b *base) editNextLogin(row uint32) *uint32  { return &b.accounts.edit(row).nextLogin }
func (b *base) nextEmail(row uint32) *uint32      { return &b.accounts.at(row).next }
func (b *base) editNextEmail(row uint32) *uint32  { return &b.accounts.edit(row).next }
func (b *base) nextMailbox(row uint32) *uint32    { return &b.mailboxes.at(row).next }
func (b *base) editNextMbox(row uint32) *uint32   { return &b.mailboxes.edit(row).next }
func (b *base) nextAlias(row uint32) *uint32      { return &b.aliases.at(row).next }
func (b *base) editNextAlias(row uint32) *uint32  { return &b.aliases.edit(row).next }
func (b *base) nextSender(row uint32) *uint32     { return &b.senders.at(row).next }
func (b *base) editNextSender(row uint32) *uint32 { return &b.senders.edit(row).next }
func (b *base) nextUsage(row uint32) *uint32      { return &b.usage.at(row).next }
func (b *base) editNextUsage(row uint32) *uint32  { return &b.usage.edit(row).next }
func (b *base) nextName(row uint32) *uint32       { return &b.names.at(row).next }
func (b *base) editNextName(row uint32) *uint32   { return &b.names.edit(row).next }

// bear makes a row of a table of names the bearer of one.
func (b *Builder) bear(name ref, k Kind, row, id uint32, flags uint8) {
	at := b.names.add(nameRow{id: id, row: row, kind: k, flag: flags & inexact})
	b.insertInto(name, nameList, at, b.nextName, b.editNextName, func(other uint32) bool {
		o := b.names.at(other)
		return k < o.kind || k == o.kind && precedes(flags, id, o.flag, o.id)
	})
	b.touchSymbol(name)
}

// unbear undoes bear.
func (b *Builder) unbear(name ref, k Kind, row uint32) {
	at := b.symbols.first(name, nameList)
	for b.names.at(at).kind != k || b.names.at(at).row != row {
		at = b.names.at(at).next
	}
	b.removeFrom(name, nameList, at, b.nextName, b.editNextName)
	b.touchSymbol(name)
}

// firstName returns the bearer of a name in a table, the one to serve first,
// or nil.
func (b *base) firstName(name ref, k Kind) *nameRow {
	for at := b.symbols.first(name, nameList); at != 0; {
		n := b.names.at(at)
		if n.kind == k {
			return n
		}
		at = n.next
	}
	return nil
}

// nameAfter returns the bearer of the same name that follows, or nil.
func (b *base) nameAfter(n *nameRow) *nameRow {
	if n.next == 0 {
		return nil
	}
	return b.names.at(n.next)
}

func (b *base) domainHere(row uint32) bool {
	return row != 0 && b.domains.at(row).flags&here != 0
}

func (b *base) domainID(row uint32) uint32 {
	if row == 0 {
		return 0
	}
	return b.domains.at(row).id
}

func (b *base) mailboxID(row uint32) uint32 {
	if row == 0 {
		return 0
	}
	return b.mailboxes.at(row).id
}
