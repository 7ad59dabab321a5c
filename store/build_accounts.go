package store

import "math"

// AddAccount adds a row of core_user, or replaces it.
func (b *Builder) AddAccount(a Account) {
	if b.Remove(Accounts, a.ID); b.bad(Accounts, a.ID, "username", a.Username) {
		return
	}
	if a.Email != "" && b.bad(Accounts, a.ID, "email", a.Email) {
		a.Email = ""
	}
	why := controlFlaw(a.Password)
	if why == "" && len(a.Password) > maxText {
		why = "is longer than 8191 bytes"
	}
	if why != "" {
		b.report(BadValue, Accounts, a.ID, "password", why+": the account cannot log in; set a new password")
		a.Password, a.Active = "", false
	}
	at := b.accounts.slot(a.ID, accountRow{id: a.ID})
	old := b.accounts.at(at)
	username := Fold(a.Username)
	row := accountRow{id: a.ID, username: b.symbols.intern(username), password: b.texts.putAgain(a.Password, old.password), mailbox: old.mailbox}
	if row.email = row.username; a.Email != a.Username {
		row.email = b.symbols.intern(Fold(a.Email))
	}
	row.flags = here | flag(username != a.Username, inexact) |
		flag(a.Active, accountActive) | flag(a.Local, accountLocal) | flag(a.Superuser, accountSuperuser) | flag(a.Master, accountMaster)
	*b.accounts.edit(at) = row
	b.accounts.here++
	b.insertInto(row.username, loginList, at, b.nextLogin, b.editNextLogin, func(other uint32) bool {
		o := b.accounts.at(other)
		return precedes(row.flags, a.ID, o.flags, o.id)
	})
	if row.email != 0 {
		b.insertInto(row.email, emailList, at, b.nextEmail, b.editNextEmail, func(other uint32) bool { return a.ID < b.accounts.at(other).id })
	}
	b.touchAccount(at)
}

func (b *Builder) removeAccount(at uint32) {
	a := b.accounts.edit(at)
	a.flags &^= here
	b.accounts.here--
	b.removeFrom(a.username, loginList, at, b.nextLogin, b.editNextLogin)
	if a.email != 0 {
		b.removeFrom(a.email, emailList, at, b.nextEmail, b.editNextEmail)
	}
	b.touchAccount(at)
}

func (b *Builder) touchAccount(at uint32) {
	a := b.accounts.at(at)
	b.touchSymbol(a.username)
	if a.mailbox != 0 {
		b.touch(Mailboxes, b.mailboxes.at(a.mailbox).id)
	}
}

// AddMailbox adds a row of admin_mailbox, or replaces it.
func (b *Builder) AddMailbox(m Mailbox) {
	if b.Remove(Mailboxes, m.ID); b.bad(Mailboxes, m.ID, "address", m.Local) {
		return
	}
	at := b.mailboxes.slot(m.ID, mailboxRow{id: m.ID})
	row := mailboxRow{
		id: m.ID, domain: b.domainSlot(m.DomainID), account: b.accounts.slot(m.AccountID, accountRow{id: m.AccountID}),
		quota: m.Quota, limit: m.MessageLimit, moving: b.mailboxes.at(at).moving,
	}
	local := Fold(m.Local)
	if row.domain != 0 && len(local)+1+len(b.symbols.text(b.domains.at(row.domain).name)) > maxText {
		b.report(BadValue, Mailboxes, m.ID, "address", "is longer than 8191 bytes with its domain: the row is not served; correct the value")
		return
	}
	row.flags = here | flag(local != m.Local, inexact) | flag(m.SendOnly, mailboxSendOnly)
	*b.mailboxes.edit(at) = row
	b.mailboxes.here++
	if row.account != 0 {
		b.accounts.edit(row.account).mailbox = at
	}
	b.place(at, local)
}

func (b *Builder) removeMailbox(at uint32) {
	b.unplace(at)
	m := b.mailboxes.edit(at)
	m.flags &^= here
	b.mailboxes.here--
	if m.account != 0 && b.accounts.at(m.account).mailbox == at {
		b.accounts.edit(m.account).mailbox = 0
	}
}

// place gives a mailbox its address and serves it there, if its domain is
// here. Nothing in Modoboa's schema forbids two at one address; the one to
// serve is first.
func (b *Builder) place(at uint32, local string) {
	m := b.mailboxes.edit(at)
	b.scratch = append(append(b.scratch[:0], local...), '@')
	domain := b.servedName(m.domain)
	if r := b.rekey[m.domain]; r != nil && r.was != domain {
		r.placed = true
	}
	b.scratch = append(b.scratch, b.symbols.text(domain)...)
	m.address = b.symbols.intern(string(b.scratch))
	if domain == 0 {
		return
	}
	m.flags |= mailboxServed
	b.placed++
	b.domains.edit(m.domain).used += b.usedAt(m.address)
	b.insertInto(m.address, mailboxList, at, b.nextMailbox, b.editNextMbox, func(other uint32) bool {
		o := b.mailboxes.at(other)
		return precedes(m.flags, m.id, o.flags, o.id)
	})
	b.touchSymbol(m.address)
}

func (b *Builder) unplace(at uint32) {
	m := b.mailboxes.edit(at)
	if m.flags&mailboxServed == 0 {
		return
	}
	m.flags &^= mailboxServed
	b.placed--
	b.domains.edit(m.domain).used -= b.usedAt(m.address)
	b.removeFrom(m.address, mailboxList, at, b.nextMailbox, b.editNextMbox)
	b.touchSymbol(m.address)
}

// AddQuotaUsage adds a row of admin_quota, or replaces it. A row of no mailbox
// is a leftover of a renamed domain and of no consequence.
func (b *Builder) AddQuotaUsage(q QuotaUsage) {
	if flaw(q.Username) != "" {
		return
	}
	folded := Fold(q.Username)
	sym := b.symbols.intern(folded)
	before := b.usedAt(sym)
	at := b.findUsage(sym, q.Username)
	if at == 0 {
		row := usageRow{username: sym}
		if folded != q.Username {
			row.spelled = b.texts.put(q.Username)
		}
		at = b.usage.add(row)
		b.insertInto(sym, usageList, at, b.nextUsage, b.editNextUsage, func(other uint32) bool {
			o := b.usage.at(other)
			return row.spelled == 0 || o.spelled != 0 && q.Username < b.texts.text(o.spelled)
		})
	}
	u := b.usage.edit(at)
	u.bytes, u.messages = q.Bytes, int32(min(max(q.Messages, math.MinInt32), math.MaxInt32))
	b.addUsed(sym, b.usedAt(sym)-before)
}

// usedAt returns how many bytes are in the mailbox at an address.
func (b *base) usedAt(address ref) int64 {
	if at := b.symbols.first(address, usageList); at != 0 {
		return b.usage.at(at).bytes
	}
	return 0
}

// addUsed lets the domains of the mailboxes at an address know that there is
// more in them, or less.
func (b *Builder) addUsed(address ref, more int64) {
	if more == 0 {
		return
	}
	for at := b.symbols.first(address, mailboxList); at != 0; at = b.mailboxes.at(at).next {
		b.domains.edit(b.mailboxes.at(at).domain).used += more
	}
}

// RemoveQuotaUsage removes the row of admin_quota with exactly that username;
// one that is not there is no error.
func (b *Builder) RemoveQuotaUsage(username string) {
	if b.edit != nil {
		b.edit.usage[username] = struct{}{}
	}
	sym := b.symbols.find(Fold(username))
	at := b.findUsage(sym, username)
	if at == 0 {
		return
	}
	before := b.usedAt(sym)
	b.removeFrom(sym, usageList, at, b.nextUsage, b.editNextUsage)
	b.usage.edit(at).username = 0
	b.addUsed(sym, b.usedAt(sym)-before)
}

// findUsage finds the row with exactly that user name.
func (b *base) findUsage(sym ref, username string) uint32 {
	for at := b.symbols.first(sym, usageList); at != 0; {
		u := b.usage.at(at)
		if b.usageName(u) == username {
			return at
		}
		at = u.next
	}
	return 0
}

func (b *base) usageName(u *usageRow) string {
	if u.spelled != 0 {
		return b.texts.text(u.spelled)
	}
	return b.symbols.text(u.username)
}
