package store

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestWalks yields what is here, and nothing that was removed or is only named
// by others.
func TestWalks(t *testing.T) {
	b := NewBuilder()
	domains(b)
	b.AddDomain(Domain{ID: 3, Name: "gone.test", Type: LocalDomain})
	b.AddDomainAlias(DomainAlias{ID: 1, Name: "alias.test", TargetID: 1, Enabled: true})
	b.AddDomainAlias(DomainAlias{ID: 2, Name: "lost.test", TargetID: 99})
	b.AddAccount(Account{ID: 1, Username: "a@example.test", Active: true})
	b.AddMailbox(Mailbox{ID: 1, Local: "a", DomainID: 1, AccountID: 1})
	b.AddMailbox(Mailbox{ID: 2, Local: "lost", DomainID: 98})
	b.AddAlias(Alias{ID: 1, Address: "a@example.test", DomainID: 1, Enabled: true, Internal: true})
	b.AddAlias(Alias{ID: 2, Address: "gone@example.test"})
	b.AddRecipient(Recipient{ID: 1, Address: "a@example.test", AliasID: 1, MailboxID: 1})
	b.AddRecipient(Recipient{ID: 2, Address: "b@far.test", AliasID: 1})
	b.AddTransport(Transport{ID: 1, Pattern: "*", Service: "smtp", NextHop: "[192.0.2.1]"})
	b.AddRecipientAccess(RecipientAccess{ID: 1, Pattern: "relay.test", Action: "reject_unverified_recipient"})
	b.AddMailboxOperation(MailboxOperation{ID: 1, MailboxID: 1})
	b.AddMailboxOperation(MailboxOperation{ID: 2})
	b.AddQuotaUsage(QuotaUsage{Username: "A@example.test", Bytes: 5, Messages: -1})
	b.AddQuotaUsage(QuotaUsage{Username: "gone@example.test"})
	e := b.Build(time.Now()).Edit()
	e.Remove(Domains, 3)
	e.Remove(Aliases, 2)
	e.RemoveQuotaUsage("gone@example.test")
	s := e.Build(time.Now())

	check := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	var names, mailboxes, to []string
	for d := range s.AllDomains() {
		names = append(names, d.Name)
	}
	for m := range s.AllMailboxes() {
		mailboxes = append(mailboxes, m.Address)
	}
	for _, r := range maps.Collect(s.AllAliases()) {
		to = append(to, addresses(r)...)
	}
	check("domains", names, []string{"example.test", "example.org"})
	check("domain aliases", slices.Collect(s.AllDomainAliases()), []DomainAlias{{ID: 1, Name: "alias.test", TargetID: 1, Enabled: true}, {ID: 2, Name: "lost.test", TargetID: 99}})
	check("accounts", len(slices.Collect(s.AllAccounts())), 1)
	check("mailboxes", mailboxes, []string{"a@example.test", "lost@"})
	check("recipients of aliases", to, []string{"a@example.test", "b@far.test"})
	check("transports", slices.Collect(s.AllTransports()), []Transport{{ID: 1, Pattern: "*", Service: "smtp", NextHop: "[192.0.2.1]"}})
	check("recipient access", slices.Collect(s.AllRecipientAccess()), []RecipientAccess{{ID: 1, Pattern: "relay.test", Action: "reject_unverified_recipient"}})
	check("quota usage", slices.Collect(s.AllQuotaUsage()), []QuotaUsage{{Username: "A@example.test", Bytes: 5, Messages: -1}})
	check("operations", slices.Collect(s.AllMailboxOperations()), []MailboxOperation{{ID: 1, MailboxID: 1}, {ID: 2}})
	lost, _ := s.DomainAliasByID(2)
	_, none := s.DomainAliasByID(3)
	check("domain alias by id", []any{lost, none}, []any{DomainAlias{ID: 2, Name: "lost.test", TargetID: 99}, false})
	for range s.AllDomains() {
		break // a walk may end early
	}
}
