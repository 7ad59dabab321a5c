package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func domains(b *Builder) {
	b.AddDomain(Domain{ID: 1, Name: "example.test", Type: LocalDomain, Enabled: true})
	b.AddDomain(Domain{ID: 2, Name: "Example.ORG", Type: LocalDomain, Enabled: true})
}

func addresses(rows RecipientRows) []string {
	var out []string
	for r := range rows.All() {
		out = append(out, r.Address)
	}
	return out
}

func TestRowsComeBackAsTheyWentIn(t *testing.T) {
	b := NewBuilder()
	domains(b)
	b.AddDomainAlias(DomainAlias{ID: 5, Name: "Alias.test", TargetID: 1, Enabled: true})
	b.AddAccount(Account{ID: 7, Username: "U@example.test", Email: "u@example.test", Password: "{PLAIN}x", Active: true, Local: true, Superuser: true, Master: true})
	b.AddMailbox(Mailbox{ID: 8, Local: "U", DomainID: 1, AccountID: 7, Quota: 10, SendOnly: true, MessageLimit: LimitOf(0)})
	b.AddQuotaUsage(QuotaUsage{Username: "u@example.test", Bytes: 1 << 40, Messages: -3})
	b.AddQuotaUsage(QuotaUsage{Username: "gone@example.test", Bytes: 1})
	b.AddMailboxOperation(MailboxOperation{ID: 1, MailboxID: 8})
	b.AddMailboxOperation(MailboxOperation{ID: 2})
	b.AddAlias(Alias{ID: 9, Address: "a@example.test", DomainID: 1, Enabled: true, Internal: true, ExpireAt: 12345})
	b.AddRecipient(Recipient{ID: 10, Address: "Keep@Spelling.Test", AliasID: 9, MailboxID: 8, TargetID: 9})
	b.AddSenderAddress(SenderAddress{ID: 11, Address: "@Far.test", MailboxID: 8})
	b.AddTransport(Transport{ID: 12, Pattern: ".Far.test", Service: "smtp", NextHop: "[192.0.2.1]"})
	b.AddRecipientAccess(RecipientAccess{ID: 13, Pattern: "far.test", Action: "reject_unverified_recipient"})
	b.AddAutoreplyTransport(AutoreplyTransport{ID: 14, Domain: "autoreply.example.test", Method: "autoreply:"})
	key := SigningKey{ID: 15, Domain: "Alias.test", Selector: "v202611r", Algorithm: "rsa", Bits: 2048, Path: "/k/a.pem", PublicKey: "MII", Stage: "new", Created: 5, Changed: 6}
	b.AddSigningKey(key)
	dkim := DKIM{Enabled: true, Selector: "modoboa", Path: "/k/b.pem", PublicKey: "MIJ", Bits: 4096}
	b.AddDomain(Domain{ID: 16, Name: "signed.test", Type: LocalDomain, Enabled: true, DKIM: dkim, MessageLimit: LimitOf(500)})
	b.SetSchema("test")
	now := time.Now()
	s := b.Build(now)

	check := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", what, diff)
		}
	}
	d, _ := s.Domain("example.org")
	check("domain", d, Domain{ID: 2, Name: "example.org", Type: LocalDomain, Enabled: true})
	byID, _ := s.DomainByID(2)
	check("domain by id", byID, d)
	da, _ := s.DomainAlias("alias.test")
	check("domain alias", da, DomainAlias{ID: 5, Name: "alias.test", TargetID: 1, Enabled: true})
	a, _ := s.Account("u@example.test")
	check("account", a, Account{ID: 7, Username: "u@example.test", Email: "u@example.test", Password: "{PLAIN}x", Active: true, Local: true, Superuser: true, Master: true})
	check("accounts by e-mail", slices.Collect(s.AccountsByEmail("u@example.test").All()), []Account{a})
	m, _ := s.Mailbox("u@example.test")
	check("mailboxes", slices.Collect(s.Mailboxes()), []Mailbox{m})
	check("mailbox", m, Mailbox{ID: 8, Local: "u", DomainID: 1, AccountID: 7, Quota: 10, SendOnly: true, MessageLimit: LimitOf(0), Address: "u@example.test", Bytes: 1 << 40, Messages: -3, Counted: true, Moving: true})
	of, _ := s.MailboxOf(7)
	check("mailbox of account", of, m)
	al := slices.Collect(s.Aliases("a@example.test").All())
	check("alias", al, []Alias{{ID: 9, Address: "a@example.test", DomainID: 1, Enabled: true, Internal: true, ExpireAt: 12345}})
	check("recipient", slices.Collect(s.Recipients(9).All()), []Recipient{{ID: 10, Address: "Keep@Spelling.Test", AliasID: 9, MailboxID: 8, TargetID: 9}})
	check("sender", slices.Collect(s.SenderAddresses("@far.test").All()), []SenderAddress{{ID: 11, Address: "@far.test", MailboxID: 8}})
	tr, _ := s.Transport(".far.test")
	check("transport", tr, Transport{ID: 12, Pattern: ".far.test", Service: "smtp", NextHop: "[192.0.2.1]"})
	ra, _ := s.RecipientAccess("far.test")
	check("access", ra, RecipientAccess{ID: 13, Pattern: "far.test", Action: "reject_unverified_recipient"})
	ar, _ := s.AutoreplyTransport("autoreply.example.test")
	check("autoreply", ar, AutoreplyTransport{ID: 14, Domain: "autoreply.example.test", Method: "autoreply:"})
	check("counts", s.Counts(), Counts{3, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1})
	key.Domain = "alias.test"
	check("signing keys", slices.Collect(s.SigningKeys("alias.test")), []SigningKey{key})
	check("signing keys of another", slices.Collect(s.SigningKeys("example.test")), []SigningKey(nil))
	check("all signing keys", slices.Collect(s.AllSigningKeys()), []SigningKey{key})
	check("dkim", s.DKIM(16), dkim)
	check("dkim of others", []DKIM{s.DKIM(1), s.DKIM(0), s.DKIM(99)}, []DKIM{{}, {}, {}})
	for d, k := range s.SigningDomains() {
		check("signing domain", d.Name, "signed.test")
		check("its dkim", k, dkim)
	}
	check("schema", s.Schema(), "test")
	if list, n := s.Problems(); n != 0 {
		t.Errorf("problems: %v", list)
	}
	if s.Loaded() != now {
		t.Errorf("loaded %v, want %v", s.Loaded(), now)
	}
}

func TestMissing(t *testing.T) {
	b := NewBuilder()
	domains(b)
	for name, s := range map[string]*Snapshot{"empty": NewBuilder().Build(time.Now()), "other rows": b.Build(time.Now())} {
		t.Run(name, func(t *testing.T) {
			_, domain := s.Domain("x")
			_, mailbox := s.Mailbox("x@y")
			_, account := s.Account("x@y")
			_, byID := s.MailboxByID(99)
			_, none := s.AccountByID(0)
			_, of := s.MailboxOf(3)
			if domain || mailbox || account || byID || none || of {
				t.Error("something was found")
			}
			if n := len(slices.Collect(s.Aliases("").All())) + len(addresses(s.Recipients(4))); n != 0 {
				t.Errorf("%d rows were found", n)
			}
		})
	}
}

// TestOrderDoesNotDependOnTheDatabase adds rows in two orders.
func TestOrderDoesNotDependOnTheDatabase(t *testing.T) {
	for _, order := range [][]uint32{{1, 2, 3, 4, 5}, {5, 4, 3, 2, 1}, {3, 1, 5, 2, 4}} {
		b := NewBuilder()
		for _, id := range order {
			b.AddAlias(Alias{ID: id, Address: "a@b", Enabled: true})
		}
		for _, id := range order {
			b.AddRecipient(Recipient{ID: id, Address: fmt.Sprintf("r%d@b", id), AliasID: 3})
			b.AddRecipient(Recipient{ID: id + 10, Address: fmt.Sprintf("r%d@b", id+10), AliasID: 4})
		}
		s := b.Build(time.Now())
		var ids []uint32
		for a := range s.Aliases("a@b").All() {
			ids = append(ids, a.ID)
		}
		if !slices.Equal(ids, []uint32{1, 2, 3, 4, 5}) {
			t.Errorf("added %v: aliases come as %v", order, ids)
		}
		if got := strings.Join(addresses(s.Recipients(3)), " "); got != "r1@b r2@b r3@b r4@b r5@b" {
			t.Errorf("added %v: recipients come as %s", order, got)
		}
		if got := len(addresses(s.Recipients(4))); got != 5 {
			t.Errorf("added %v: alias 4 has %d recipients", order, got)
		}
	}
}

func TestBadValuesAreNotServed(t *testing.T) {
	for _, tc := range []struct{ name, value, detail string }{
		{"NUL", "a\x00b", "NUL"},
		{"newline", "a\nb", "line break"},
		{"carriage return", "a\rb", "line break"},
		{"control byte", "a\x1bb", "control byte"},
		{"delete", "a\x7fb", "control byte"},
		{"C1 control", "a\u0085b", "control character"},
		{"line separator", "a\u2028b", "control character"},
		{"control after UTF-8", "é\n", "line break"},
		{"invalid UTF-8", "a\xffb", "UTF-8"},
		{"too long", strings.Repeat("a", 5000), "longer"},
		{"empty", "", "empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := NewBuilder()
			domains(b)
			b.AddDomain(Domain{ID: 3, Name: tc.value})
			b.AddDomainAlias(DomainAlias{ID: 1, Name: tc.value, TargetID: 1})
			b.AddAccount(Account{ID: 1, Username: tc.value})
			b.AddMailbox(Mailbox{ID: 1, Local: tc.value, DomainID: 1})
			b.AddAlias(Alias{ID: 1, Address: tc.value})
			b.AddAlias(Alias{ID: 2, Address: "ok@example.test", Enabled: true})
			b.AddRecipient(Recipient{ID: 1, Address: tc.value, AliasID: 2})
			b.AddRecipient(Recipient{ID: 2, Address: "good@example.test", AliasID: 2})
			b.AddTransport(Transport{ID: 1, Pattern: tc.value, Service: "smtp"})
			b.AddTransport(Transport{ID: 2, Pattern: "x.test", Service: tc.value})
			b.AddRecipientAccess(RecipientAccess{ID: 1, Pattern: "x.test", Action: tc.value})
			b.AddAutoreplyTransport(AutoreplyTransport{ID: 1, Domain: "x.test", Method: tc.value})
			s := b.Build(time.Now())
			if got := addresses(s.Recipients(2)); !slices.Equal(got, []string{"good@example.test"}) {
				t.Errorf("recipients %q", got)
			}
			if c := s.Counts(); c.Domains != 2 || c.DomainAliases+c.Accounts+c.Mailboxes+c.Transports+c.RecipientAccess+c.AutoreplyTransports != 0 || c.Aliases != 1 {
				t.Errorf("counts %+v", c)
			}
			list, total := s.Problems()
			if total != 10 || len(list) != 10 || s.ProblemTotals()[BadValue] != 10 {
				t.Errorf("%d problems, want 10: %v", total, list)
			}
			for _, p := range list {
				if !strings.Contains(p.Detail, tc.detail) || tc.value != "" && strings.Contains(p.String(), tc.value) {
					t.Errorf("problem %q: want a word of %q and not the value", p, tc.detail)
				}
			}
		})
	}
}

func TestBadPasswordDisablesTheAccount(t *testing.T) {
	b := NewBuilder()
	b.AddAccount(Account{ID: 1, Username: "u", Password: "{PLAIN}a\nb", Active: true})
	s := b.Build(time.Now())
	a, ok := s.Account("u")
	if !ok || a.Active || a.Password != "" {
		t.Errorf("got %+v %v", a, ok)
	}
	if _, n := s.Problems(); n != 1 {
		t.Errorf("%d problems", n)
	}
}

func TestCollisions(t *testing.T) {
	for _, tc := range []struct {
		name   string
		first  Domain
		second Domain
		want   uint32
	}{
		{"folded spelling wins over an older row", Domain{ID: 1, Name: "Example.test"}, Domain{ID: 2, Name: "example.test"}, 2},
		{"in any order", Domain{ID: 2, Name: "example.test"}, Domain{ID: 1, Name: "Example.test"}, 2},
		{"the older of two odd ones", Domain{ID: 3, Name: "EXAMPLE.test"}, Domain{ID: 2, Name: "Example.test"}, 2},
		{"the older of two odd ones, in any order", Domain{ID: 2, Name: "Example.test"}, Domain{ID: 3, Name: "EXAMPLE.test"}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := NewBuilder()
			b.AddDomain(tc.first)
			b.AddDomain(tc.second)
			b.AddMailbox(Mailbox{ID: 1, Local: "u", DomainID: tc.first.ID})
			b.AddMailbox(Mailbox{ID: 2, Local: "u", DomainID: tc.second.ID})
			s := b.Build(time.Now())
			if d, _ := s.Domain("example.test"); d.ID != tc.want {
				t.Errorf("domain %d is served, want %d", d.ID, tc.want)
			}
			if m, _ := s.Mailbox("u@example.test"); m.ID != 1 {
				t.Errorf("mailbox %d is served, want the older", m.ID)
			}
			if _, ok := s.MailboxByID(2); !ok {
				t.Error("the other mailbox is not found by its id")
			}
			if n := s.ProblemTotals()[Collision]; n != 2 {
				t.Errorf("%d collisions, want 2", n)
			}
		})
	}
}

func TestDomainAndDomainAliasOfOneName(t *testing.T) {
	b := NewBuilder()
	domains(b)
	b.AddDomainAlias(DomainAlias{ID: 1, Name: "example.org", TargetID: 1, Enabled: true})
	if n := b.Build(time.Now()).ProblemTotals()[Collision]; n != 1 {
		t.Errorf("%d collisions, want 1", n)
	}
}

func TestDanglingReferences(t *testing.T) {
	b := NewBuilder()
	domains(b)
	b.AddDomainAlias(DomainAlias{ID: 1, Name: "a.test", TargetID: 9})
	b.AddMailbox(Mailbox{ID: 1, Local: "u", DomainID: 9})
	b.AddMailbox(Mailbox{ID: 2, Local: "orphan", DomainID: 1, AccountID: 9})
	b.AddRecipient(Recipient{ID: 1, Address: "x@y", AliasID: 9})
	b.AddSenderAddress(SenderAddress{ID: 1, Address: "x@y", MailboxID: 9})
	s := b.Build(time.Now())
	if n := s.ProblemTotals()[DanglingRef]; n != 5 {
		t.Errorf("%d dangling references, want 5", n)
	}
	if _, ok := s.Mailbox("orphan@example.test"); !ok {
		t.Error("a mailbox without an account gets no mail")
	}
}

func TestLoginRefusal(t *testing.T) {
	b := NewBuilder()
	domains(b)
	b.AddDomain(Domain{ID: 3, Name: "off.test", Type: LocalDomain})
	for id, a := range map[uint32]Account{
		1: {Username: "ok@example.test", Active: true},
		2: {Username: "off@example.test"},
		3: {Username: "x@off.test", Active: true},
	} {
		a.ID = id
		b.AddAccount(a)
		b.AddMailbox(Mailbox{ID: id, Local: fmt.Sprint(id), DomainID: max(id, 2) - 1 + id/3, AccountID: id})
	}
	b.AddAccount(Account{ID: 4, Username: "admin", Active: true})
	s := b.Build(time.Now())
	for login, want := range map[string]string{"ok@example.test": "", "off@example.test": "disabled", "x@off.test": "domain", "admin": "no mailbox"} {
		a, ok := s.Account(login)
		if got := s.LoginRefusal(&a, "imap"); !ok || (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want a word of %q", login, got, want)
		}
	}
}

func TestServicesOfSendOnlyMailboxes(t *testing.T) {
	b := NewBuilder()
	domains(b)
	b.AddAccount(Account{ID: 1, Username: "s@example.test", Email: "s@example.test", Active: true})
	b.AddMailbox(Mailbox{ID: 1, Local: "s", DomainID: 1, AccountID: 1, SendOnly: true})
	s := b.Build(time.Now())
	a, _ := s.Account("s@example.test")
	m, _ := s.MailboxOf(1)
	for service, want := range map[string]struct{ login, has bool }{
		"imap": {false, false}, "pop3": {false, false}, "lmtp": {true, false}, "smtp": {true, true}, "sieve": {true, true}, "doveadm": {true, true}, "": {true, true},
	} {
		if got := s.LoginRefusal(&a, service) == ""; got != want.login {
			t.Errorf("login to %q: %v", service, got)
		}
		if got := m.Has(service); got != want.has {
			t.Errorf("mailbox of %q: %v", service, got)
		}
	}
}

func TestSomeAccountHasAPassword(t *testing.T) {
	b := NewBuilder()
	for id := uint32(1); id <= 10; id++ {
		a := Account{ID: id, Username: fmt.Sprint(id)}
		if id%3 == 0 {
			a.Password = "{PLAIN}x"
		}
		b.AddAccount(a)
	}
	b.Remove(Accounts, 3)
	s, seen := b.Build(time.Now()), map[string]bool{}
	for seed := range uint64(30) {
		a, ok := s.SomeAccount(seed)
		if again, _ := s.SomeAccount(seed); !ok || a.Password == "" || again != a {
			t.Fatalf("seed %d: %+v, %v, then %+v", seed, a, ok, again)
		}
		seen[a.Username] = true
	}
	if len(seen) != 2 {
		t.Errorf("accounts %v, want 6 and 9", seen)
	}
	if a, ok := NewBuilder().Build(time.Now()).SomeAccount(1); ok {
		t.Errorf("of nothing: %+v", a)
	}
}

// TestDomainsKnowWhatIsInThem is beside TestEditsEqualAFreshBuild, which
// compares sums after all kinds of changes.
func TestDomainsKnowWhatIsInThem(t *testing.T) {
	b := NewBuilder()
	b.AddQuotaUsage(QuotaUsage{Username: "A@example.test", Bytes: 5})
	b.AddMailbox(Mailbox{ID: 1, Local: "a", DomainID: 1})
	b.AddMailbox(Mailbox{ID: 2, Local: "b", DomainID: 1})
	domains(b)
	b.AddQuotaUsage(QuotaUsage{Username: "b@example.test", Bytes: 7})
	b.AddQuotaUsage(QuotaUsage{Username: "nobody@example.test", Bytes: 100})
	s := b.Build(time.Now())
	check := func(what string, s *Snapshot, want int64) {
		t.Helper()
		if d, _ := s.DomainByID(1); d.Bytes != want {
			t.Errorf("%s: %d bytes, want %d", what, d.Bytes, want)
		}
	}
	check("at first", s, 12)
	e := s.Edit()
	e.Remove(Mailboxes, 1)
	e.AddQuotaUsage(QuotaUsage{Username: "b@example.test", Bytes: 1})
	check("after a deletion", e.Build(time.Now()), 1)
	e = s.Edit()
	e.Remove(Domains, 1)
	s2 := e.Build(time.Now())
	e = s2.Edit()
	domains(e)
	check("when the domain came back", e.Build(time.Now()), 12)
	check("the first snapshot afterwards", s, 12)
}

func TestProblemsAreCountedBeyondTheList(t *testing.T) {
	b := NewBuilder()
	for i := range uint32(maxProblems + 50) {
		b.AddAlias(Alias{ID: i + 1})
	}
	list, total := b.Build(time.Now()).Problems()
	if len(list) != maxProblems || total != maxProblems+50 {
		t.Errorf("%d listed, %d in all", len(list), total)
	}
}

// TestLimits: none is told from one of nothing.
func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		l   Limit
		max int64
		ok  bool
	}{{Limit(0), 0, false}, {LimitOf(0), 0, true}, {LimitOf(500), 500, true}, {LimitOf(1<<32 - 1), 1<<32 - 2, true}} {
		if n, ok := tc.l.Max(); n != tc.max || ok != tc.ok {
			t.Errorf("%d: %d, %v, want %d, %v", tc.l, n, ok, tc.max, tc.ok)
		}
	}
}
