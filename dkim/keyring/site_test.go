package keyring

import (
	"context"
	"crypto"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keys gives tests a few keys that are made once: making one takes long.
var keys = sync.OnceValue(func() []crypto.Signer {
	var all []crypto.Signer
	for range 3 {
		k, err := dkim.Generate(dkim.RSASHA256, 2048)
		if err != nil {
			panic(err)
		}
		all = append(all, k)
	}
	k, err := dkim.Generate(dkim.Ed25519SHA256, 0)
	if err != nil {
		panic(err)
	}
	return append(all, k)
})

func pemOf(t testing.TB, k crypto.Signer) []byte {
	t.Helper()
	text, err := dkim.MarshalPrivate(k)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func put(t testing.TB, path string, text []byte) string {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// site is a ring at work over rows that a test changes.
type site struct {
	t       *testing.T
	dir     string
	rows    []any
	ring    *Ring
	mu      sync.Mutex
	now     time.Time
	answer  Answer
	events  []Event
	stop    func()
	options Options
}

func newSite(t *testing.T, o Options) *site {
	s := &site{t: t, dir: t.TempDir(), now: time.Now()}
	o.Dir, o.Kept = s.dir, filepath.Join(t.TempDir(), "kept")
	o.Recheck, o.Wait = 10*time.Millisecond, time.Minute
	o.Now = func() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now }
	o.Report = func(e Event) { s.mu.Lock(); defer s.mu.Unlock(); s.events = append(s.events, e) }
	o.Published = func(context.Context, string, string, crypto.PublicKey) Answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.answer
	}
	s.options = o
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *site) start() {
	s.ring = NewRing(s.options)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	ring := s.ring
	go func() { defer close(done); ring.Run(ctx) }()
	s.stop = func() { cancel(); <-done }
}

func (s *site) restart() { s.stop(); s.start() }

func snapshotOf(rows []any) *store.Snapshot {
	b := store.NewBuilder()
	for _, row := range rows {
		switch r := row.(type) {
		case store.Domain:
			b.AddDomain(r)
		case store.DomainAlias:
			b.AddDomainAlias(r)
		case store.SigningKey:
			b.AddSigningKey(r)
		}
	}
	return b.Build(time.Now())
}

func (s *site) serve(rows ...any) *store.Snapshot {
	s.rows = rows
	snap := snapshotOf(rows)
	s.ring.Sync(snap)
	return snap
}

func domainRow(id uint32, name, path string) store.Domain {
	return store.Domain{ID: id, Name: name, DKIM: store.DKIM{Enabled: true, Selector: "modoboa", Path: path}}
}

func (s *site) add(d time.Duration) { s.mu.Lock(); defer s.mu.Unlock(); s.now = s.now.Add(d) }

func (s *site) say(a Answer) { s.mu.Lock(); defer s.mu.Unlock(); s.answer = a }

// signer says what signs for a domain: "selector@domain fingerprint" of each
// key, or the reason.
func (s *site) signer(domain string) string {
	got, why := s.ring.Keys(context.Background(), snapshotOf(s.rows), domain)
	var all []string
	for _, k := range got {
		all = append(all, k.Selector+"@"+k.Domain+" "+dkim.Fingerprint(k.Public()))
	}
	return strings.Join(all, ", ") + string(why)
}

func (s *site) want(domain, want string) {
	s.t.Helper()
	eventually(s.t, func() string {
		if got := s.signer(domain); got != want {
			return fmt.Sprintf("%s is signed by %q, want %q", domain, got, want)
		}
		return ""
	})
}

func (s *site) wantEvent(text string) Event {
	s.t.Helper()
	var found Event
	eventually(s.t, func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, e := range s.events {
			if strings.Contains(e.Text, text) {
				found = e
				return ""
			}
		}
		return fmt.Sprintf("no event %q among %v", text, s.events)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = nil
	return found
}

// eventually waits for a condition, which says what is wrong.
func eventually(t *testing.T, wrong func() string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		w := wrong()
		if w == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal(w)
		}
	}
}

func by(selector, domain string, key int) string {
	return selector + "@" + domain + " " + dkim.Fingerprint(keys()[key].Public())
}
