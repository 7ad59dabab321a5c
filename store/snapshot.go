package store

import (
	"iter"
	"time"
)

// Snapshot is an immutable, indexed copy of the accounts. Its methods take
// folded names (see Fold), do not allocate, and are safe for any number of
// goroutines. The zero Snapshot is not usable; a Builder makes them.
type Snapshot struct {
	base          *base
	schema        string
	loaded        time.Time
	generation    uint64
	counts        Counts
	problems      []Problem
	problemTotals map[ProblemKind]int
}

// Counts says how many rows of each kind a snapshot serves.
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
}

// All yields each count with its name, as metrics and pages show it.
func (c Counts) All() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for _, k := range []struct {
			name string
			n    int
		}{
			{"domains", c.Domains}, {"domain_aliases", c.DomainAliases}, {"accounts", c.Accounts}, {"mailboxes", c.Mailboxes},
			{"aliases", c.Aliases}, {"recipients", c.Recipients}, {"sender_addresses", c.SenderAddresses},
			{"transports", c.Transports}, {"recipient_access", c.RecipientAccess},
			{"mailbox_operations", c.MailboxOperations}, {"autoreply_transports", c.AutoreplyTransports},
		} {
			if !yield(k.name, k.n) {
				return
			}
		}
	}
}

// Counts returns the number of rows served, by kind.
func (s *Snapshot) Counts() Counts { return s.counts }

// Loaded returns when the database was read.
func (s *Snapshot) Loaded() time.Time { return s.loaded }

// Generation counts the snapshots that a Store has published, from 1.
func (s *Snapshot) Generation() uint64 { return s.generation }

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
	return Domain{ID: r.id, Name: s.base.symbols.text(r.name), Type: r.typ, Enabled: r.enabled, Quota: r.quota, DefaultMailboxQuota: r.perMbox}
}

func (s *Snapshot) domainAlias(row1 uint32) DomainAlias {
	r := s.base.domainAliases.at(row1)
	return DomainAlias{ID: r.id, Name: s.base.symbols.text(r.name), TargetID: s.base.domains.at(r.target).id, Enabled: r.enabled}
}

func (s *Snapshot) account(row1 uint32) Account {
	r := s.base.accounts.at(row1)
	y := &s.base.symbols
	return Account{
		ID: r.id, Username: y.text(r.username), Email: y.text(r.email), Password: s.base.secrets.text(r.password),
		Active: r.flags&accountActive != 0, Local: r.flags&accountLocal != 0,
		Superuser: r.flags&accountSuperuser != 0, Master: r.flags&accountMaster != 0,
	}
}

func (s *Snapshot) mailbox(row1 uint32) Mailbox {
	r := s.base.mailboxes.at(row1)
	d := s.base.domains.at(r.domain)
	m := Mailbox{
		ID: r.id, DomainID: d.id, Quota: r.quota, SendOnly: r.flags&mailboxSendOnly != 0, Moving: r.flags&mailboxMoving != 0,
		Address: s.base.symbols.text(r.address), Bytes: r.bytes, Messages: int64(r.messages),
	}
	m.Local = m.Address[:len(m.Address)-len(s.base.symbols.text(d.name))-1]
	if r.account != 0 {
		m.AccountID = s.base.accounts.at(r.account).id
	}
	return m
}

func (s *Snapshot) alias(row1 uint32) Alias {
	r := s.base.aliases.at(row1)
	a := Alias{ID: r.id, Address: s.base.symbols.text(r.address), ExpireAt: r.expireAt, Enabled: r.flags&aliasEnabled != 0, Internal: r.flags&aliasInternal != 0}
	if r.domain != 0 {
		a.DomainID = s.base.domains.at(r.domain).id
	}
	return a
}
