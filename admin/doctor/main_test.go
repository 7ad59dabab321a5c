package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// now is the time of all tests.
func now() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) }

// dear is a hash of the scheme that Modoboa makes.
const dear = "{SHA512-CRYPT}$6$irS2.FtVaNYa4.IT$lUK8QKW4GZHkNyzXPWb8QYjcvx1xQrNl7swrctcvsEf3nqxDrKCj9/Fs22.cBvhYu6tKsVnFWYasSNYe6ozDg1"

// world is a database in the making. Names count up the ids; recipients refer to
// the mailboxes and aliases of their addresses, as Modoboa has it.
type world struct {
	*store.Builder
	ids     map[string]uint32 // by kind and name
	last    map[string]uint32 // by kind
	recipes []store.Recipient
}

func newWorld() *world {
	return &world{Builder: store.NewBuilder(), ids: map[string]uint32{}, last: map[string]uint32{}}
}

func (w *world) id(kind, name string) uint32 {
	w.last[kind]++
	w.ids[kind+" "+store.Fold(name)] = w.last[kind]
	return w.last[kind]
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// domain adds an enabled domain with mailboxes, less what change makes of it.
func (w *world) domain(name string, change ...func(*store.Domain)) {
	d := store.Domain{ID: w.id("domain", name), Name: name, Type: store.LocalDomain, Enabled: true}
	for _, f := range change {
		f(&d)
	}
	w.AddDomain(d)
}

func off(d *store.Domain)   { d.Enabled = false }
func relay(d *store.Domain) { d.Type = store.RelayDomain }

// domainAlias adds an enabled domain alias with its @ row.
func (w *world) domainAlias(name, target string) {
	w.AddDomainAlias(store.DomainAlias{ID: w.id("domainalias", name), Name: name, TargetID: w.ids["domain "+target], Enabled: true})
	w.aliasRow(store.Alias{Address: "@" + name, Enabled: true, Internal: true}, "@"+target)
}

// box adds an account with its mailbox and its self-alias.
func (w *world) box(address string, change ...func(*boxRows)) {
	id := w.id("box", address)
	b := boxRows{
		account: store.Account{ID: id, Username: address, Email: address, Password: dear, Active: true, Local: true},
		mailbox: store.Mailbox{ID: id, Local: address[:strings.LastIndexByte(address, '@')], DomainID: w.ids["domain "+store.Fold(domainOf(address))], AccountID: id},
		self:    &store.Alias{Address: address, Enabled: true, Internal: true},
	}
	for _, f := range change {
		f(&b)
	}
	w.AddAccount(b.account)
	w.AddMailbox(b.mailbox)
	if b.self != nil {
		w.aliasRow(*b.self, address)
	}
}

type boxRows struct {
	account store.Account
	mailbox store.Mailbox
	self    *store.Alias
}

func inactive(b *boxRows) { b.account.Active = false }
func noSelf(b *boxRows)   { b.self = nil }
func selfOff(b *boxRows)  { b.self.Enabled = false }
func sendOnly(b *boxRows) { b.mailbox.SendOnly = true }

func hash(stored string) func(*boxRows) { return func(b *boxRows) { b.account.Password = stored } }

// alias adds an ordinary alias that is enabled.
func (w *world) alias(address string, to ...string) {
	w.aliasRow(store.Alias{Address: address, Enabled: true}, to...)
}

func (w *world) aliasRow(a store.Alias, to ...string) {
	a.ID = w.id("alias", a.Address)
	a.DomainID = w.ids["domain "+store.Fold(domainOf(a.Address))]
	w.AddAlias(a)
	for _, address := range to {
		w.recipes = append(w.recipes, store.Recipient{ID: w.id("recipient", ""), Address: address, AliasID: a.ID})
	}
}

func (w *world) build() *store.Snapshot {
	for _, r := range w.recipes {
		base, _ := lookup.SplitExtension(store.Fold(r.Address), "+")
		if r.MailboxID = w.ids["box "+base]; r.MailboxID == 0 {
			r.TargetID = w.ids["alias "+base]
		}
		w.AddRecipient(r)
	}
	return w.Build(now())
}

func options() lookup.Options { return lookup.Options{RecipientDelimiter: "+", ParentDomains: true} }

// diagnose runs some checks, all if there are none, over a world.
func diagnose(t *testing.T, w *world, only ...string) []Finding {
	t.Helper()
	return examine(t, Input{Snapshot: w.build(), Only: only})
}

func examine(t *testing.T, in Input) []Finding {
	t.Helper()
	in.Now, in.Lookup = now(), options()
	if in.DefaultScheme == "" {
		in.DefaultScheme, in.WeakSchemes = "CRYPT", true
	}
	list, err := Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.Subject == "" || f.Problem == "" || f.Remedy == "" || f.Count < 1 || strings.Contains(f.Problem+f.Remedy, "%!") {
			t.Errorf("the finding is not whole: %+v", f)
		}
	}
	return list
}

// brief is what matters of findings: check, level and subject.
func brief(list []Finding) []string {
	var out []string
	for _, f := range list {
		out = append(out, f.Check+" "+string(f.Level)+": "+f.Subject)
	}
	return out
}

// finds compares what was found, in brief, with what is to be found.
func finds(t *testing.T, list []Finding, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, brief(list)); diff != "" {
		t.Errorf("findings (-want +got):\n%s\n%+v", diff, list)
	}
}
