package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// world is a database in miniature: rows by key.
type world struct {
	rows map[Kind]map[uint32]func(*Builder)
	text map[Kind]map[uint32]string // what the row says, for failures
	use  map[string]QuotaUsage
}

func newWorld() *world {
	w := &world{map[Kind]map[uint32]func(*Builder){}, map[Kind]map[uint32]string{}, map[string]QuotaUsage{}}
	for k := range kinds {
		w.rows[k], w.text[k] = map[uint32]func(*Builder){}, map[uint32]string{}
	}
	return w
}

// build reads everything, in an order that the test chooses.
func (w *world) build(t *rapid.T) *Snapshot {
	b := NewBuilder()
	for _, k := range rapid.Permutation(slices.Collect(maps.Keys(w.rows))).Draw(t, "order") {
		for _, add := range w.rows[k] {
			add(b)
		}
	}
	for _, u := range w.use {
		b.AddQuotaUsage(u)
	}
	return b.Build(time.Time{})
}

// put makes one random row. Names are few, so that they collide, in spellings
// that fold to one, and references lead into the void.
func (w *world) put(t *rapid.T) (Kind, uint32) {
	k := Kind(rapid.IntRange(0, int(kinds)-1).Draw(t, "kind"))
	id := rapid.Uint32Range(1, 4).Draw(t, "id")
	other := func(what string) uint32 { return rapid.Uint32Range(0, 5).Draw(t, what) }
	name := rapid.SampledFrom([]string{"a.test", "A.test", "b.test", "c\n"})
	local := rapid.SampledFrom([]string{"u", "U", "v", "w\x00", ""})
	address := rapid.Custom(func(t *rapid.T) string { return local.Draw(t, "local") + "@" + name.Draw(t, "name") })
	on := rapid.Bool().Draw(t, "on")
	var row any
	switch k {
	case Domains:
		d := Domain{ID: id, Name: name.Draw(t, "name"), Type: LocalDomain, Enabled: on, MessageLimit: Limit(other("limit"))}
		if rapid.Bool().Draw(t, "dkim") {
			d.DKIM = DKIM{Enabled: rapid.Bool().Draw(t, "signs"), Selector: local.Draw(t, "selector"), Path: local.Draw(t, "path"), Bits: other("bits")}
		}
		row = d
	case DomainAliases:
		row = DomainAlias{ID: id, Name: name.Draw(t, "name"), TargetID: other("target"), Enabled: on}
	case Accounts:
		row = Account{ID: id, Username: address.Draw(t, "username"), Email: address.Draw(t, "email"), Password: local.Draw(t, "password"), Active: on}
	case Mailboxes:
		// An account has one mailbox: a unique column.
		row = Mailbox{ID: id, Local: local.Draw(t, "local"), DomainID: other("domain"), AccountID: id, SendOnly: on, MessageLimit: Limit(other("limit"))}
	case Aliases:
		row = Alias{ID: id, Address: address.Draw(t, "address"), DomainID: other("domain"), Enabled: on, ExpireAt: int64(other("expiry"))}
	case Recipients:
		row = Recipient{ID: id, Address: address.Draw(t, "address"), AliasID: other("alias"), MailboxID: other("mailbox"), TargetID: other("to")}
	case SenderAddresses:
		row = SenderAddress{ID: id, Address: address.Draw(t, "address"), MailboxID: other("mailbox")}
	case MailboxOperations:
		row = MailboxOperation{ID: id, MailboxID: other("mailbox")}
	case SigningKeys:
		row = SigningKey{ID: id, Domain: name.Draw(t, "name"), Selector: local.Draw(t, "selector"), Algorithm: "rsa", Path: local.Draw(t, "path"), PublicKey: "MII", Stage: "new", Changed: int64(other("changed"))}
	case Transports:
		row = Transport{ID: id, Pattern: name.Draw(t, "name"), Service: "smtp", NextHop: local.Draw(t, "hop")}
	case RecipientAccesses:
		row = RecipientAccess{ID: id, Pattern: name.Draw(t, "name"), Action: local.Draw(t, "action")}
	case AutoreplyTransports:
		row = AutoreplyTransport{ID: id, Domain: name.Draw(t, "name"), Method: local.Draw(t, "method")}
	}
	w.text[k][id] = fmt.Sprintf("%T%+v", row, row)
	w.rows[k][id] = func(b *Builder) { add(b, row) }
	return k, id
}

func add(b *Builder, row any) {
	switch r := row.(type) {
	case Domain:
		b.AddDomain(r)
	case DomainAlias:
		b.AddDomainAlias(r)
	case Account:
		b.AddAccount(r)
	case Mailbox:
		b.AddMailbox(r)
	case Alias:
		b.AddAlias(r)
	case Recipient:
		b.AddRecipient(r)
	case SenderAddress:
		b.AddSenderAddress(r)
	case MailboxOperation:
		b.AddMailboxOperation(r)
	case Transport:
		b.AddTransport(r)
	case RecipientAccess:
		b.AddRecipientAccess(r)
	case SigningKey:
		b.AddSigningKey(r)
	case AutoreplyTransport:
		b.AddAutoreplyTransport(r)
	}
}

// change does one random thing to the world and to an edit, as a Source does:
// it removes what changed and adds what is there.
func (w *world) change(t *rapid.T, b *Builder) {
	if rapid.IntRange(0, 9).Draw(t, "quota") == 0 {
		name := rapid.SampledFrom([]string{"u@a.test", "U@a.test", "v@b.test"}).Draw(t, "username")
		b.RemoveQuotaUsage(name)
		delete(w.use, name)
		if rapid.Bool().Draw(t, "keep") {
			w.use[name] = QuotaUsage{Username: name, Bytes: int64(rapid.Uint8().Draw(t, "bytes")), Messages: 3}
			b.AddQuotaUsage(w.use[name])
		}
		return
	}
	k, id := w.put(t)
	b.Remove(k, id)
	if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
		delete(w.rows[k], id)
		delete(w.text[k], id)
		return
	}
	w.rows[k][id](b)
}

// dump writes down everything that the methods of a snapshot say.
func dump(s *Snapshot) string {
	var out strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	for _, n := range []string{"a.test", "b.test"} {
		d, ok := s.Domain(n)
		say("domain %s %+v %v, only that: %v", n, d, ok, s.At(n).OnlyDomain())
		da, ok := s.DomainAlias(n)
		say("domain alias %s %+v %v", n, da, ok)
		tr, _ := s.Transport(n)
		ra, _ := s.RecipientAccess(n)
		ar, _ := s.AutoreplyTransport(n)
		say("dkim %+v %+v", s.DKIM(d.ID), slices.Collect(s.SigningKeys(n)))
		say("routes %+v %+v %+v", tr, ra, ar)
		for _, l := range []string{"u", "v"} {
			a := l + "@" + n
			at := s.At(a)
			m, ok := at.Mailbox()
			say("%s: mailbox %+v %v, facts %v %v", a, m, ok, at.OnlyItself(), at.OwnSender())
			ac, ok := s.Account(a)
			say("  account %+v %v refused %q", ac, ok, s.LoginRefusal(&ac, ""))
			say("  by e-mail %+v", slices.Collect(at.Accounts().All()))
			say("  senders %+v", slices.Collect(at.SenderAddresses().All()))
			for al := at.Aliases(); al.Next(); {
				say("  alias %+v", al.Alias)
				for r := al.Recipients(); r.Next(); {
					say("    to %+v known %v mailbox %q", r.Recipient(), r.Known(), r.MailboxAddress())
				}
			}
		}
	}
	for id := range uint32(6) {
		d, _ := s.DomainByID(id)
		m, _ := s.MailboxByID(id)
		a, _ := s.AccountByID(id)
		of, _ := s.MailboxOf(id)
		al, _ := s.AliasByID(id)
		say("%d: %+v %+v %+v %+v %+v %+v", id, d, m, a, of, al, slices.Collect(s.Recipients(id).All()))
	}
	say("%+v", s.Counts())
	return out.String()
}

// keysOf writes down who signs with what.
func keysOf(s *Snapshot) string {
	var all []string
	for d, k := range s.SigningDomains() {
		all = append(all, fmt.Sprintf("%s %+v", d.Name, k))
	}
	for k := range s.AllSigningKeys() {
		all = append(all, fmt.Sprintf("%+v", k))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// TestEditsEqualAFreshBuild makes random changes in random transactions: after
// each, the edited snapshot must say what one that was read anew says, and the
// one before it what it said.
func TestEditsEqualAFreshBuild(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		w := newWorld()
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			w.put(t)
		}
		s := w.build(t)
		for range rapid.IntRange(1, 6).Draw(t, "transactions") {
			before, edit := dump(s), s.Edit()
			for range rapid.IntRange(1, 8).Draw(t, "changes") {
				w.change(t, edit)
			}
			next := edit.Build(time.Time{})
			fresh := w.build(t)
			if got, want := dump(next), dump(fresh); got != want {
				t.Fatalf("edited:\n%s\nread anew:\n%s\nrows: %v", got, want, w.text)
			}
			if d := Compare(next, fresh, func() {}); d.Rows != 0 {
				t.Fatalf("compare finds %+v", d)
			}
			if keysOf(next) != keysOf(s) && next.SameKeys(s) {
				t.Fatalf("other keys go unnoticed:\n%s\nwere:\n%s", keysOf(next), keysOf(s))
			}
			if after := dump(s); after != before {
				t.Fatalf("an edit changed the snapshot it began with:\n%s\nwas:\n%s", after, before)
			}
			s = next
		}
	})
}

// TestCompareFindsWhatChanged makes one change and must be told of it.
func TestCompareFindsWhatChanged(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		w := newWorld()
		for range rapid.IntRange(5, 20).Draw(t, "rows") {
			w.put(t)
		}
		s := w.build(t)
		edit := s.Edit()
		w.change(t, edit)
		next := edit.Build(time.Time{})
		if d := Compare(s, next, func() {}); (d.Rows == 0) && dump(s) != dump(next) {
			t.Fatalf("compare finds nothing between\n%s\nand\n%s", dump(s), dump(next))
		}
		if d := Compare(s, s, func() {}); d.Rows != 0 {
			t.Fatalf("a snapshot differs from itself: %+v", d)
		}
	})
}

// TestEditCopiesWhatItChanges counts the bytes that one changed row costs in a
// large snapshot.
func TestEditCopiesWhatItChanges(t *testing.T) {
	cost := func(n int) int64 {
		b := NewBuilder()
		fill(b, n)
		s := b.Build(time.Now())
		r := testing.Benchmark(func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				e := s.Edit()
				e.AddAlias(Alias{ID: uint32(n + 1), Address: "new@d0.bench.test", DomainID: 1, Enabled: true})
				e.AddRecipient(Recipient{ID: uint32(n + 1), Address: address(i % n), AliasID: uint32(n + 1), MailboxID: uint32(i%n + 1)})
				e.Build(time.Now())
			}
		})
		return r.AllocedBytesPerOp()
	}
	small, large := cost(10_000), cost(160_000)
	t.Logf("one alias: %d bytes of 10,000 mailboxes, %d bytes of 160,000", small, large)
	if large > 3*small {
		t.Errorf("sixteen times the mailboxes: %d bytes for a change instead of %d", large, small)
	}
}
