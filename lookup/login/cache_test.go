package login

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store"
)

// TestWhatIsRememberedIsNeverMetAfterAChange logs in and lets something change;
// "quick" says that no hash was made, so that the password was remembered.
func TestWhatIsRememberedIsNeverMetAfterAChange(t *testing.T) {
	other, err := password.New("SHA512-CRYPT", "", "other", password.Params{Rounds: 1000})
	if err != nil {
		t.Fatal(err)
	}
	mailbox := store.Mailbox{ID: 2, AccountID: 2, Local: "dear", DomainID: 1}
	account := store.Account{ID: 2, Username: "dear", Email: "dear@a.test", Password: dear, Active: true}
	for name, change := range map[string]func(b *store.Builder){
		"nothing": nil,
		"password": func(b *store.Builder) {
			account := account
			account.Password = other
			b.AddAccount(account)
			b.AddMailbox(mailbox)
		},
		"closed": func(b *store.Builder) {
			account := account
			account.Active = false
			b.AddAccount(account)
			b.AddMailbox(mailbox)
		},
		"domain":    func(b *store.Builder) { b.AddDomain(store.Domain{ID: 1, Name: "a.test"}) },
		"send-only": func(b *store.Builder) { mailbox := mailbox; mailbox.SendOnly = true; b.AddMailbox(mailbox) },
		"deleted":   func(b *store.Builder) { b.Remove(store.Accounts, 2) },
	} {
		d := &data{world(nil)}
		l := New(d, &password.Pool{}, nil, Hooks{}, options())
		if out := ask(l, "imap", "dear@a.test", "secret", ""); out.Verdict != Yes {
			t.Fatalf("%s: %+v", name, out)
		}
		if change != nil {
			d.snap = world(change)
		}
		out, rest := l.Check(&Attempt{Service: "imap", Login: []byte("dear@a.test"), Password: []byte("secret")})
		if change == nil {
			if rest != nil || out.Verdict != Yes {
				t.Errorf("a right password was not remembered: %+v", out)
			}
			continue
		}
		if rest != nil {
			out = rest(t.Context())
		}
		if out.Verdict != No {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

func TestWrongPasswordsAreNotRemembered(t *testing.T) {
	l := New(&data{world(nil)}, &password.Pool{}, nil, Hooks{}, options())
	ask(l, "imap", "dear@a.test", "wrong", "")
	ask(l, "imap", "closed@a.test", "secret", "")
	if n := l.ForgetPasswords(); n != 0 {
		t.Errorf("%d remembered", n)
	}
	ask(l, "imap", "dear@a.test", "secret", "")
	if n := l.ForgetPasswords(); n != 1 {
		t.Errorf("%d remembered, want 1", n)
	}
	o := options()
	o.Remember = 0
	l.SetOptions(o)
	ask(l, "imap", "dear@a.test", "secret", "")
	if n := l.ForgetPasswords(); n != 0 {
		t.Errorf("%d remembered though that is off", n)
	}
}

// TestDefaultSchemeIsRemembered: what a password without a scheme is depends on the
// configuration.
func TestDefaultSchemeIsRemembered(t *testing.T) {
	_, bare, _ := strings.Cut(dear, "}")
	snap := world(func(b *store.Builder) {
		b.AddAccount(store.Account{ID: 20, Username: "bare", Email: "bare@a.test", Password: bare, Active: true})
		b.AddMailbox(store.Mailbox{ID: 20, AccountID: 20, DomainID: 1, Local: "bare"})
	})
	o := options()
	o.WeakSchemes = true
	l := New(&data{snap}, &password.Pool{}, nil, Hooks{}, o)
	for _, tt := range []struct {
		scheme string
		want   Verdict
	}{{"CRYPT", Yes}, {"PLAIN", No}, {"CRYPT", Yes}} {
		o.DefaultScheme = tt.scheme
		l.SetOptions(o)
		if out := ask(l, "imap", "bare@a.test", "secret", ""); out.Verdict != tt.want {
			t.Errorf("%s: %+v", tt.scheme, out)
		}
	}
}

// TestWeakOnesAreNotRemembered, so that they are refused as soon as they are to be.
func TestWeakOnesAreNotRemembered(t *testing.T) {
	snap := world(func(b *store.Builder) {
		b.AddAccount(store.Account{ID: 20, Username: "old", Email: "old@a.test", Password: "{MD5-CRYPT}$1$nIVzRziR$Mut7zCJdQmC5enD4xdLOV0", Active: true})
		b.AddMailbox(store.Mailbox{ID: 20, AccountID: 20, DomainID: 1, Local: "old"})
	})
	o := options()
	o.WeakSchemes = true
	l := New(&data{snap}, &password.Pool{}, nil, Hooks{}, o)
	if out := ask(l, "imap", "old@a.test", "secret", ""); out.Verdict != Yes {
		t.Fatalf("%+v", out)
	}
	o.WeakSchemes = false
	l.SetOptions(o)
	if out := ask(l, "imap", "old@a.test", "secret", ""); out.Cause != WeakScheme {
		t.Errorf("%+v", out)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	now := time.Unix(1e9, 0)
	first := c.key([4]string{"imap", "u", "h"}, []byte("p"))
	c.add(first, now.Add(time.Minute))
	if !c.has(first, now) || c.has(first, now.Add(time.Hour)) {
		t.Error("not remembered for a minute")
	}
	for i := range cacheSize {
		c.add(c.key([4]string{"imap", fmt.Sprint(i), "h"}, nil), now.Add(time.Minute))
	}
	if c.has(first, now) || len(c.until) != cacheSize {
		t.Errorf("%d entries, the first is there: %v", len(c.until), c.has(first, now))
	}
}

// TestKeysOfTheCache: no two different questions have one key, wherever the
// bounds between their parts are.
func TestKeysOfTheCache(t *testing.T) {
	c, seen := newCache(), map[cacheKey]string{}
	parts := []string{"", "a", "aa", "aaa", "\x01a", strings.Repeat("a", 300)}
	for _, s := range parts {
		for _, u := range parts {
			for _, h := range parts {
				for _, p := range parts {
					k, name := c.key([4]string{s, u, h}, []byte(p)), fmt.Sprintf("%q %q %q %q", s, u, h, p)
					if other, ok := seen[k]; ok {
						t.Fatalf("%s and %s have one key", name, other)
					}
					seen[k] = name
				}
			}
		}
	}
}
