package store

import (
	"testing"
	"time"
)

// TestSender finds who is charged, by address and by user name.
func TestSender(t *testing.T) {
	b := NewBuilder()
	b.AddDomain(Domain{ID: 1, Name: "a.test", Type: LocalDomain, Enabled: true, MessageLimit: LimitOf(100)})
	b.AddDomain(Domain{ID: 2, Name: "b.test", Type: LocalDomain, Enabled: true})
	b.AddAccount(Account{ID: 1, Username: "ann", Email: "ann@a.test", Active: true})
	b.AddAccount(Account{ID: 2, Username: "bob@b.test", Email: "bob@b.test", Active: true})
	b.AddAccount(Account{ID: 3, Username: "root", Active: true})
	b.AddAccount(Account{ID: 4, Username: "lost", Active: true})
	b.AddMailbox(Mailbox{ID: 1, Local: "ann", DomainID: 1, AccountID: 1, MessageLimit: LimitOf(7)})
	b.AddMailbox(Mailbox{ID: 2, Local: "bob", DomainID: 2, AccountID: 2})
	b.AddMailbox(Mailbox{ID: 3, Local: "lost", DomainID: 9, AccountID: 4})
	s := b.Build(time.Time{})
	ann := Sender{Address: "ann@a.test", Domain: "a.test", Limit: LimitOf(7), DomainLimit: LimitOf(100)}
	for login, want := range map[string]Sender{
		"ann": ann, "ann@a.test": ann, "bob@b.test": {Address: "bob@b.test", Domain: "b.test"},
		"root": {}, "lost": {}, "lost@": {}, "a.test": {}, "nobody": {}, "": {},
	} {
		if got, ok := s.Sender(login); got != want || ok != (want != Sender{}) {
			t.Errorf("%q: %+v, %v, want %+v", login, got, ok, want)
		}
	}
}
