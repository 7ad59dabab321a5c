package login

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/guard"
	"github.com/vmapd/vmapd/lookup/outside"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store"
)

// elsewhere knows passwords by login, and what went wrong.
type elsewhere struct {
	mu        sync.Mutex
	passwords map[string]string
	addresses map[string]string // of logins that are none
	down      error
	strangers bool // logins without an account are asked about
	asked     atomic.Int32
	before    func() // an answer
}

func (e *elsewhere) Asks(a *store.Account) bool {
	if a == nil {
		return e.strangers
	}
	return !a.Local || a.Password == ""
}

func (e *elsewhere) Check(_ context.Context, q outside.Question) (outside.Person, error) {
	e.asked.Add(1)
	if e.before != nil {
		e.before()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch right, ok := e.passwords[q.Login]; {
	case e.down != nil:
		return outside.Person{}, e.down
	case !ok || right != q.Password:
		return outside.Person{}, outside.ErrWrong
	}
	p := outside.Person{Login: q.Login}
	if address := e.addresses[q.Login]; address != "" {
		p.Login = address
	}
	return p, nil
}

// changing serves one snapshot after the other.
type changing struct {
	snap atomic.Pointer[store.Snapshot]
}

func (d *changing) Servable() *store.Snapshot { return d.snap.Load() }

func (d *changing) Snapshot(context.Context) (*store.Snapshot, error) { return d.snap.Load(), nil }

// far is a world with somebody whose password is kept elsewhere.
func far(change func(b *store.Builder)) *store.Snapshot {
	return world(func(b *store.Builder) {
		b.AddAccount(store.Account{ID: 30, Username: "far@a.test", Email: "far@a.test", Active: true})
		b.AddMailbox(store.Mailbox{ID: 30, AccountID: 30, DomainID: 1, Local: "far"})
		b.AddAccount(store.Account{ID: 31, Username: "both@a.test", Email: "both@a.test", Active: true, Password: dear})
		b.AddMailbox(store.Mailbox{ID: 31, AccountID: 31, DomainID: 1, Local: "both"})
		b.AddAccount(store.Account{ID: 32, Username: "farclosed@a.test", Email: "farclosed@a.test"})
		b.AddMailbox(store.Mailbox{ID: 32, AccountID: 32, DomainID: 1, Local: "farclosed"})
		if change != nil {
			change(b)
		}
	})
}

func TestOutside(t *testing.T) {
	e := &elsewhere{strangers: true, addresses: map[string]string{"uid": "far@a.test"}, passwords: map[string]string{
		"far@a.test": "far", "both@a.test": "far", "farclosed@a.test": "far", "name-external": "ext", "plain@a.test": "far", "name-dear": "far",
		"uid": "far", "dear": "far", "newcomer@a.test": "far", "name-master": "far", "name-plain": "far", "stranger": "far", "refused@a.test": "far", "late@a.test": "far",
	}}
	e.addresses["dear"] = "dear@a.test"
	d := &changing{}
	d.snap.Store(far(nil))
	l := New(d, &password.Pool{}, nil, Hooks{}, options())
	l.SetOutside(&Outside{Knower: e, Remember: time.Minute, Create: func(_ context.Context, p *outside.Person) error {
		switch p.Login {
		case "refused@a.test":
			return fmt.Errorf("%w: the domain is full", ErrNotCreated)
		case "late@a.test":
			return errors.New("the database is down")
		case "newcomer@a.test":
			d.snap.Store(far(func(b *store.Builder) {
				b.AddAccount(store.Account{ID: 40, Username: p.Login, Email: p.Login, Active: true})
				b.AddMailbox(store.Mailbox{ID: 40, AccountID: 40, DomainID: 1, Local: "newcomer"})
			}))
		}
		return nil
	}})
	for _, tt := range []struct{ service, login, secret, want string }{
		{"imap", "far@a.test", "far", "far@a.test"},
		{"imap", "FAR@a.test", "far", "far@a.test"},
		{"imap", "far@a.test", "secret", "wrong_password"},
		{"imap", "far@a.test", "", "wrong_password"},
		{Page, "far@a.test", "far", "far@a.test"},
		{"imap", "both@a.test", "far", "both@a.test"},
		{"imap", "both@a.test", "secret", "both@a.test"}, // its hash here
		{"imap", "both@a.test", "wrong", "wrong_password"},
		{"imap", "farclosed@a.test", "far", "refused"},
		{"imap", "farclosed@a.test", "wrong", "wrong_password"},
		{"imap", "external@a.test", "ext", "external@a.test"},
		{Page, "name-external", "ext", "name-external"},
		{"imap", "plain@a.test", "far", "wrong_password"}, // its password is here
		{"imap", "dear@a.test", "far", "wrong_password"},
		{"imap", "uid", "far", "far@a.test"},
		{"imap", "dear", "far", "refused"}, // known elsewhere by the address of an account whose password is here
		{"imap", "nobody@a.test", "far", "unknown"},
		{"imap", "newcomer@a.test", "wrong", "unknown"},
		{"imap", "newcomer@a.test", "far", "newcomer@a.test"},
		{"imap", "stranger", "far", "refused"}, // an account without a mailbox
		{"imap", "refused@a.test", "far", "refused"},
		{"imap", "late@a.test", "far", "unsure"},
		{"imap", "far@a.test*master@a.test", "far", "far@a.test/master@a.test"},
		{"imap", "newcomer2@a.test*master@a.test", "far", "refused"},
		{"imap", "far@a.test*newcomer@a.test", "far", "not_master"},
	} {
		if got := words(ask(l, tt.service, tt.login, tt.secret, "")); got != tt.want {
			t.Errorf("%s %s %s: %s, want %s", tt.service, tt.login, tt.secret, got, tt.want)
		}
	}
	e.down = errors.New("hangs")
	l.ForgetOutside()
	for login, want := range map[string]string{"far@a.test": "unsure", "nobody@a.test": "unsure", "plain@a.test": "wrong_password"} {
		if got := words(ask(l, "imap", login, "far", "")); got != want {
			t.Errorf("with the server down, %s: %s, want %s", login, got, want)
		}
	}
	l.SetOutside(nil)
	if got := words(ask(l, "imap", "far@a.test", "far", "")); got != "no_password" {
		t.Errorf("with nobody to ask: %s", got)
	}
}

// words are those of an outcome in tables.
func words(out Outcome) string {
	switch {
	case out.Verdict == Unsure:
		return "unsure"
	case out.Verdict == No:
		return string(out.Cause)
	case out.Master != "":
		return out.User + "/" + out.Master
	}
	return out.User
}

// TestOutsideIsRemembered: a right password for a while, a wrong one never, and
// none over a change.
func TestOutsideIsRemembered(t *testing.T) {
	e := &elsewhere{passwords: map[string]string{"far@a.test": "far"}}
	d := &changing{}
	d.snap.Store(far(nil))
	l := New(d, &password.Pool{}, nil, Hooks{}, options())
	l.SetOutside(&Outside{Knower: e, Remember: time.Minute})
	n := int32(0)
	try := func(service, secret, want string, asked int32) {
		t.Helper()
		got := words(ask(l, service, "far@a.test", secret, ""))
		if n += asked; got != want || e.asked.Load() != n {
			t.Errorf("%s: %s, asked %d times; want %s, %d", secret, got, e.asked.Load(), want, n)
		}
	}
	try("imap", "wrong", "wrong_password", 1)
	try("imap", "wrong", "wrong_password", 1)
	try("imap", "far", "far@a.test", 1)
	try("imap", "far", "far@a.test", 0)
	try("smtp", "far", "far@a.test", 1) // another service
	try("imap", "fa", "wrong_password", 1)
	d.snap.Store(far(func(b *store.Builder) {
		b.AddAccount(store.Account{ID: 30, Username: "far@a.test", Email: "far@a.test"}) // closed
	}))
	try("imap", "far", "refused", 0)
	d.snap.Store(far(nil))
	l.ForgetOutside()
	try("imap", "far", "far@a.test", 1)
	e.before = l.ForgetOutside // while the answer is on its way
	l.ForgetOutside()
	try("imap", "far", "far@a.test", 1)
	try("imap", "far", "far@a.test", 1)
}

// TestOutsideIsGuarded: guesses count, outages do not.
func TestOutsideIsGuarded(t *testing.T) {
	e := &elsewhere{passwords: map[string]string{"far@a.test": "far"}, down: errors.New("hangs")}
	l := New(&data{far(nil)}, &password.Pool{}, guard.New(guard.Settings{}), Hooks{}, options())
	l.SetOutside(&Outside{Knower: e})
	for i := range 100 {
		if got := words(ask(l, "imap", "far@a.test", fmt.Sprint("guess", i), "")); got != "unsure" {
			t.Fatalf("during an outage: %s", got)
		}
	}
	e.down = nil
	if got := words(ask(l, "imap", "far@a.test", "far", "")); got != "far@a.test" {
		t.Fatalf("after an outage: %s", got)
	}
	last := ""
	for i := range 100 {
		last = words(ask(l, "smtp", "far@a.test", fmt.Sprint("guess", i), ""))
	}
	if asked := e.asked.Load(); last != string(Guarded) || asked > 150 {
		t.Errorf("after 100 guesses: %s, asked %d times", last, asked)
	}
}

// TestFirstLogins lets twenty in at once.
func TestFirstLogins(t *testing.T) {
	e := &elsewhere{strangers: true, passwords: map[string]string{"new@a.test": "far"}}
	d := &changing{}
	d.snap.Store(far(nil))
	l := New(d, &password.Pool{}, nil, Hooks{}, options())
	var made atomic.Int32
	var once sync.Once
	l.SetOutside(&Outside{Knower: e, Create: func(context.Context, *outside.Person) error {
		made.Add(1)
		once.Do(func() {
			d.snap.Store(far(func(b *store.Builder) {
				b.AddAccount(store.Account{ID: 40, Username: "new@a.test", Email: "new@a.test", Active: true})
				b.AddMailbox(store.Mailbox{ID: 40, AccountID: 40, DomainID: 1, Local: "new"})
			}))
		})
		return nil
	}})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got := words(ask(l, "imap", "new@a.test", "far", "")); got != "new@a.test" {
				t.Errorf("a first login: %s", got)
			}
		})
	}
	wg.Wait()
	if made.Load() == 0 || !strings.HasSuffix(words(ask(l, Page, "new@a.test", "far", "")), "@a.test") {
		t.Errorf("%d accounts were asked for", made.Load())
	}
}
