package store

import (
	"iter"
	"strings"
	"time"
)

// Snapshot is an immutable, indexed copy of the accounts. Its methods take
// folded names (see Fold), do not allocate, and are safe for any number of
// goroutines. The zero Snapshot is not usable; a Builder makes them.
type Snapshot struct {
	base          *base
	schema        string
	position      Position
	loaded        time.Time
	generation    uint64
	problems      []Problem
	problemTotals map[ProblemKind]int
}

// Counts says how many rows of each kind a snapshot holds; of mailboxes, how
// many it serves.
type Counts struct {
	Domains             int `json:"domains"`
	DomainAliases       int `json:"domain_aliases"`
	Accounts            int `json:"accounts"`
	Mailboxes           int `json:"mailboxes"`
	Aliases             int `json:"aliases"`
	Recipients          int `json:"recipients"`
	SenderAddresses     int `json:"sender_addresses"`
	Transports          int `json:"transports"`
	RecipientAccess     int `json:"recipient_access"`
	MailboxOperations   int `json:"mailbox_operations"`
	AutoreplyTransports int `json:"autoreply_transports"`
	SigningKeys         int `json:"signing_keys"`
}

// All yields each count with its name, as metrics and pages show it.
func (c Counts) All() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for _, k := range []struct {
			name string
			n    int
		}{
			{"domains", c.Domains},
			{"domain_aliases", c.DomainAliases},
			{"accounts", c.Accounts},
			{"mailboxes", c.Mailboxes},
			{"aliases", c.Aliases},
			{"recipients", c.Recipients},
			{"sender_addresses", c.SenderAddresses},
			{"transports", c.Transports},
			{"recipient_access", c.RecipientAccess},
			{"mailbox_operations", c.MailboxOperations},
			{"autoreply_transports", c.AutoreplyTransports},
			{"signing_keys", c.SigningKeys},
		} {
			if !yield(k.name, k.n) {
				return
			}
		}
	}
}

// Counts returns the number of rows, by kind.
func (s *Snapshot) Counts() Counts {
	b := s.base
	return Counts{
		Domains: b.domains.here, DomainAliases: b.domainAliases.here, Accounts: b.accounts.here, Mailboxes: b.placed,
		Aliases: b.aliases.here, Recipients: b.received, SenderAddresses: b.senders.here, Transports: b.route(Transports).here,
		RecipientAccess: b.route(RecipientAccesses).here, MailboxOperations: b.operations.here, AutoreplyTransports: b.route(AutoreplyTransports).here,
		SigningKeys: b.signingKeys.here,
	}
}

// Loaded returns when the database was read.
func (s *Snapshot) Loaded() time.Time { return s.loaded }

// Bytes is roughly the memory that the snapshot takes.
func (s *Snapshot) Bytes() int { return s.base.size() + s.base.indexSize() }

// Generation counts the snapshots that a Store has published, from 1.
func (s *Snapshot) Generation() uint64 { return s.generation }

// Position returns the position of the database's log of changes at which the
// data was read, "" if it has none.
func (s *Snapshot) Position() Position { return s.position }

// Schema names the layout of the database that was read.
func (s *Snapshot) Schema() string { return s.schema }

// Problems returns the first thousand problems found while loading, and how
// many there are in all.
func (s *Snapshot) Problems() (list []Problem, total int) {
	for _, n := range s.problemTotals {
		total += n
	}
	return s.problems, total
}

// ProblemTotals returns the number of problems by kind. The caller must not
// change it.
func (s *Snapshot) ProblemTotals() map[ProblemKind]int { return s.problemTotals }

func (s *Snapshot) domain(row1 uint32) Domain {
	r := s.base.domains.at(row1)
	return Domain{ID: r.id, Name: s.base.symbols.text(r.name), Type: r.typ, Enabled: r.flags&domainEnabled != 0, Quota: r.quota, DefaultMailboxQuota: r.perMbox, MessageLimit: r.limit, Bytes: r.used}
}

func (s *Snapshot) domainAlias(row1 uint32) DomainAlias {
	r := s.base.domainAliases.at(row1)
	return DomainAlias{ID: r.id, Name: s.base.symbols.text(r.name), TargetID: s.base.domainID(r.target), Enabled: r.flags&domainAliasEnabled != 0}
}

func (s *Snapshot) account(row1 uint32) Account {
	r := s.base.accounts.at(row1)
	y := &s.base.symbols
	return Account{
		ID: r.id, Username: y.text(r.username), Email: y.text(r.email), Password: s.base.texts.text(r.password),
		Active: r.flags&accountActive != 0, Local: r.flags&accountLocal != 0,
		Superuser: r.flags&accountSuperuser != 0, Master: r.flags&accountMaster != 0,
	}
}

func (s *Snapshot) mailbox(row1 uint32) Mailbox {
	r := s.base.mailboxes.at(row1)
	m := s.inbox(row1, r.address)
	if r.account != 0 {
		if a := s.base.accounts.at(r.account); a.flags&here != 0 {
			m.AccountID, m.Disabled = a.id, a.flags&accountActive == 0
		}
	}
	return m
}

// inbox is mailbox without what its account says. Whoever has found the mailbox by
// its address names it, so that what hangs there need not wait for the row.
func (s *Snapshot) inbox(row1 uint32, address ref) Mailbox {
	r, text := s.base.mailboxes.at(row1), s.base.symbols.text(address)
	m := Mailbox{
		ID: r.id, Local: text[:strings.LastIndexByte(text, '@')], Quota: r.quota,
		SendOnly: r.flags&mailboxSendOnly != 0, MessageLimit: r.limit, Moving: r.moving != 0, Address: text,
		DomainDisabled: true,
	}
	if at := s.base.symbols.first(address, usageList); at != 0 {
		u := s.base.usage.at(at)
		m.Bytes, m.Messages, m.Counted = u.bytes, int64(u.messages), true
	}
	if r.domain != 0 {
		d := s.base.domains.at(r.domain)
		m.DomainID, m.DomainDisabled = d.id, d.flags&(here|domainEnabled) != here|domainEnabled
	}
	return m
}

func (s *Snapshot) alias(row1 uint32) Alias {
	r := s.base.aliases.at(row1)
	a := Alias{ID: r.id, Address: s.base.symbols.text(r.address), ExpireAt: r.expireAt, Enabled: r.flags&aliasEnabled != 0, Internal: r.flags&aliasInternal != 0}
	if s.base.domainHere(r.domain) {
		a.DomainID = s.base.domains.at(r.domain).id
	}
	return a
}

func (s *Snapshot) sender(row1 uint32) SenderAddress {
	r := s.base.senders.at(row1)
	return SenderAddress{ID: r.id, Address: s.base.symbols.text(r.address), MailboxID: s.base.mailboxID(r.mailbox)}
}
