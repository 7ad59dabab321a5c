package login

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/guard"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store"
)

// data serves one snapshot, or none.
type data struct{ snap *store.Snapshot }

var errNoData = errors.New("no data")

func (d *data) Servable() *store.Snapshot { return d.snap }

func (d *data) Snapshot(context.Context) (*store.Snapshot, error) {
	if d.snap == nil {
		return nil, errNoData
	}
	return d.snap, nil
}

// dear is "secret" in a scheme that takes the way through the pool.
var dear = func() string {
	h, err := password.New("SHA512-CRYPT", "", "secret", password.Params{Rounds: 1000})
	if err != nil {
		panic(err)
	}
	return h
}()

// world has accounts of all kinds, whose password is "secret".
func world(change func(b *store.Builder)) *store.Snapshot {
	b := store.NewBuilder()
	b.AddDomain(store.Domain{ID: 1, Name: "a.test", Type: store.LocalDomain, Enabled: true})
	b.AddDomain(store.Domain{ID: 2, Name: "off.test", Type: store.LocalDomain})
	add := func(id uint32, local, hash string, m store.Mailbox, a store.Account) {
		m.ID, m.AccountID, m.Local = id, id, local
		if m.DomainID == 0 {
			m.DomainID = 1
		}
		address := local + map[uint32]string{1: "@a.test", 2: "@off.test"}[m.DomainID]
		a.ID, a.Username, a.Email, a.Password = id, "name-"+local, address, hash
		b.AddAccount(a)
		b.AddMailbox(m)
	}
	active := store.Account{Active: true, Local: true}
	add(1, "plain", "{PLAIN}secret", store.Mailbox{Quota: 5}, active)
	add(2, "dear", dear, store.Mailbox{}, active)
	add(3, "closed", dear, store.Mailbox{}, store.Account{})
	add(4, "off", dear, store.Mailbox{DomainID: 2}, active)
	add(5, "sendonly", dear, store.Mailbox{SendOnly: true}, active)
	add(6, "master", dear, store.Mailbox{}, store.Account{Active: true, Master: true})
	add(7, "external", "", store.Mailbox{}, active)
	add(8, "weak", "{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69", store.Mailbox{}, active)
	add(9, "broken", "{NONSENSE}x", store.Mailbox{}, active)
	b.AddAccount(store.Account{ID: 10, Username: "boss", Password: dear, Active: true, Master: true})
	if change != nil {
		change(b)
	}
	return b.Build(time.Now())
}

func options() Options {
	return Options{Home: "/srv/%d/%n", UID: 5000, GID: 5001, DefaultScheme: "CRYPT", MasterSeparator: "*", FailureDelay: 2 * time.Second, Remember: time.Minute}
}

func ask(l *Logins, service, login, secret, authzid string) Outcome {
	a := &Attempt{Service: service, Login: []byte(login), Password: []byte(secret), Authzid: []byte(authzid), Remote: netip.MustParseAddr("192.0.2.1")}
	out, rest := l.Check(a)
	if rest != nil {
		out = rest(context.Background())
	}
	return out
}

func TestCheck(t *testing.T) {
	l := New(&data{world(nil)}, &password.Pool{}, nil, Hooks{}, options())
	for _, tt := range []struct {
		service, login, secret, authzid string
		want                            string // user, user/master or cause
	}{
		{"imap", "plain@a.test", "secret", "", "plain@a.test"},
		{"imap", "PLAIN@A.Test", "secret", "", "plain@a.test"},
		{"imap", "plain@a.test", "Secret", "", "wrong_password"},
		{"imap", "plain@a.test", "", "", "wrong_password"},
		{"imap", "plain@a.test", "secret", "Plain@a.test", "plain@a.test"},
		{"imap", "plain@a.test", "secret", "dear@a.test", "not_master"},
		{"imap", "plain@a.test", "wrong", "dear@a.test", "not_master"},
		{"imap", "name-plain", "secret", "", "unknown"},
		{"imap", "dear@a.test", "secret", "", "dear@a.test"},
		{"imap", "dear@a.test", "secret ", "", "wrong_password"},
		{"imap", "nobody@a.test", "secret", "", "unknown"},
		{"imap", "", "secret", "", "unknown"},
		{"imap", "closed@a.test", "secret", "", "refused"},
		{"imap", "closed@a.test", "wrong", "", "wrong_password"},
		{"imap", "off@off.test", "secret", "", "refused"},
		{"imap", "sendonly@a.test", "secret", "", "refused"},
		{"pop3", "sendonly@a.test", "secret", "", "refused"},
		{"smtp", "sendonly@a.test", "secret", "", "sendonly@a.test"},
		{"sieve", "sendonly@a.test", "secret", "", "sendonly@a.test"},
		{"imap", "external@a.test", "", "", "no_password"},
		{"imap", "external@a.test", "secret", "", "no_password"},
		{"imap", "weak@a.test", "secret", "", "weak_scheme"},
		{"imap", "broken@a.test", "secret", "", "unsure"},
		{"imap", "boss", "secret", "", "unknown"},
		{Page, "boss", "secret", "", "boss"},
		{Page, "BOSS", "secret", "", "boss"},
		{Page, "boss", "wrong", "", "wrong_password"},
		{Page, "name-closed", "secret", "", "refused"},
		{Page, "name-off", "secret", "", "name-off"},
		{Page, "name-external", "secret", "", "no_password"},
		{Page, "plain@a.test", "secret", "", "unknown"},
		{Page, "name-plain*name-master", "secret", "", "unknown"},
		{Page, "boss", "secret", "name-plain", "not_master"},
		{"imap", "plain@a.test*master@a.test", "secret", "", "plain@a.test/master@a.test"},
		{"imap", "plain@a.test*master@a.test", "secret", "plain@a.test", "plain@a.test/master@a.test"},
		{"imap", "plain@a.test*master@a.test", "secret", "dear@a.test", "other_authzid"},
		{"imap", "plain@a.test*dear@a.test", "secret", "master@a.test", "not_master"},
		{"imap", "plain@a.test*dear@a.test", "wrong", "", "not_master"},
		{"imap", "master@a.test", "secret", "plain@a.test", "plain@a.test/master@a.test"},
		{"imap", "plain@a.test*master@a.test", "wrong", "", "wrong_password"},
		{"imap", "plain@a.test*dear@a.test", "secret", "", "not_master"},
		{"imap", "closed@a.test*master@a.test", "secret", "", "refused"},
		{"imap", "nobody@a.test*master@a.test", "secret", "", "refused"},
		{"imap", "plain@a.test*", "secret", "", "unknown"},
		{"imap", "*master@a.test", "secret", "", "unknown"},
	} {
		for range 2 { // again: what is remembered must not change anything
			out := ask(l, tt.service, tt.login, tt.secret, tt.authzid)
			got := out.User
			switch {
			case out.Verdict == Unsure:
				got = "unsure"
			case out.Verdict == No:
				got = string(out.Cause)
				if out.Delay <= time.Second || out.Delay > 2*time.Second {
					t.Errorf("%+v: held for %v", tt, out.Delay)
				}
			case out.Master != "":
				got += "/" + out.Master
			}
			if got != tt.want {
				t.Errorf("%+v: %s (%s)", tt, got, out.Reason)
			}
		}
	}
}

// TestNoDataIsNotNo: while nothing is known nobody is refused.
func TestNoDataIsNotNo(t *testing.T) {
	d := &data{}
	l := New(d, &password.Pool{}, nil, Hooks{}, options())
	if out := ask(l, "imap", "nobody@a.test", "x", ""); out.Verdict != Unsure {
		t.Errorf("%+v", out)
	}
	if _, found, err := l.User(t.Context(), []byte("nobody@a.test"), "lmtp"); found || !errors.Is(err, errNoData) {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := l.Names(t.Context(), "doveadm"); !errors.Is(err, errNoData) {
		t.Error(err)
	}
	if _, found, err := l.Stored(t.Context(), []byte("nobody@a.test"), "imap", false); found || !errors.Is(err, errNoData) {
		t.Errorf("%v, %v", found, err)
	}
	d.snap = world(nil)
	if out := ask(l, "imap", "nobody@a.test", "x", ""); out.Verdict != No {
		t.Errorf("%+v", out)
	}
}

// TestAnOverrunPoolIsNotNo ends the wait for the pool.
func TestAnOverrunPoolIsNotNo(t *testing.T) {
	l := New(&data{world(nil)}, &password.Pool{}, nil, Hooks{}, options())
	_, rest := l.Check(&Attempt{Service: "imap", Login: []byte("dear@a.test"), Password: []byte("secret")})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if out := rest(ctx); out.Verdict != Unsure {
		t.Errorf("%+v", out)
	}
}

// TestGuesses lets one guess, and then know the password, from two places.
func TestGuesses(t *testing.T) {
	l := New(&data{world(nil)}, &password.Pool{}, guard.New(guard.Settings{}), Hooks{}, options())
	for i := range 25 {
		ask(l, "imap", "dear@a.test", fmt.Sprint("guess", i), "")
	}
	if out := ask(l, "imap", "dear@a.test", "secret", ""); out.Verdict != No || out.Cause != Guarded || out.Delay < time.Second {
		t.Errorf("after many guesses: %+v", out)
	}
	for range 100 { // one wrong password is one guess
		ask(l, "imap", "plain@a.test", "old", "")
	}
	a := &Attempt{Service: "imap", Login: []byte("plain@a.test"), Password: []byte("secret"), Remote: netip.MustParseAddr("198.51.100.1")}
	if out, _ := l.Check(a); out.Verdict != Yes {
		t.Errorf("after one guess, often: %+v", out)
	}
	for range 50 { // right passwords that may not be used are no guesses
		ask(l, "imap", "closed@a.test", "secret", "")
	}
	a.Login = []byte("closed@a.test")
	_, rest := l.Check(a)
	if rest == nil {
		t.Fatal("decided without a look at the password")
	}
	if out := rest(t.Context()); out.Cause != Refused {
		t.Errorf("a closed account: %+v", out)
	}
}

func TestHooks(t *testing.T) {
	var weak, broken, rehashed []string
	o := options()
	o.WeakSchemes, o.Rehash, o.RehashParams = true, "SHA512-CRYPT", password.Params{Rounds: 2000}
	l := New(&data{world(nil)}, &password.Pool{}, nil, Hooks{
		Weak:   func(account, scheme string, refused bool) { weak = append(weak, fmt.Sprint(account, scheme, refused)) },
		Broken: func(account string, err error) { broken = append(broken, account) },
		Rehashed: func(a *store.Account, hash string) {
			h, err := password.Parse(hash, "")
			if err != nil {
				t.Error(err)
			}
			if right, _ := h.Verify(a.Email, "secret"); right {
				rehashed = append(rehashed, a.Username+" "+h.Scheme())
			}
		},
	}, o)
	for _, login := range []string{"plain", "dear", "weak", "broken", "master"} {
		ask(l, "imap", login+"@a.test", "secret", "")
	}
	ask(l, "imap", "dear@a.test", "wrong", "")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	for len(l.rehash) > 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
	if want := "[weak@a.testPLAIN-MD5false]"; fmt.Sprint(weak) != want {
		t.Errorf("weak: %v, want %v", weak, want)
	}
	if fmt.Sprint(broken) != "[broken@a.test]" {
		t.Errorf("broken: %v", broken)
	}
	if want := "[name-plain SHA512-CRYPT name-dear SHA512-CRYPT name-weak SHA512-CRYPT]"; fmt.Sprint(rehashed) != want { // master is not local
		t.Errorf("rehashed: %v, want %v", rehashed, want)
	}
}

func TestUser(t *testing.T) {
	s := world(func(b *store.Builder) {
		for i, local := range []string{"..", "a/b", "x%n"} {
			b.AddMailbox(store.Mailbox{ID: uint32(20 + i), Local: local, DomainID: 1})
		}
	})
	l := New(&data{s}, &password.Pool{}, nil, Hooks{}, options())
	for _, tt := range []struct{ name, service, home string }{
		{"Plain@a.test", "lmtp", "/srv/a.test/plain"},
		{"closed@a.test", "lmtp", "/srv/a.test/closed"},
		{"off@off.test", "imap", "/srv/off.test/off"},
		{"sendonly@a.test", "lmtp", ""},
		{"sendonly@a.test", "smtp", "/srv/a.test/sendonly"},
		{"nobody@a.test", "lmtp", ""},
		{"boss", "doveadm", ""},
		{"..@a.test", "lmtp", ""},
		{"a/b@a.test", "lmtp", ""},
		{"x%n@a.test", "lmtp", "/srv/a.test/x%n"},
	} {
		u, found, err := l.User(t.Context(), []byte(tt.name), tt.service)
		if err != nil || found != (tt.home != "") || u.Home != tt.home {
			t.Errorf("%+v: %+v, %v, %v", tt, u, found, err)
		}
	}
	u, _, _ := l.User(t.Context(), []byte("plain@a.test"), "imap")
	if want := (User{Name: "plain@a.test", Home: "/srv/a.test/plain", UID: 5000, GID: 5001, Quota: 5}); u != want {
		t.Errorf("%+v, want %+v", u, want)
	}
	names, err := l.Names(t.Context(), "imap")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name := range names {
		if n++; name == "sendonly@a.test" || name == "a/b@a.test" {
			t.Errorf("%s is listed", name)
		}
	}
	if n != 9 {
		t.Errorf("%d users", n)
	}
}
