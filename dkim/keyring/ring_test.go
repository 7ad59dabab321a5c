package keyring

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
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

func TestKeys(t *testing.T) {
	s := newSite(t, Options{})
	a := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	put(t, filepath.Join(s.dir, "bare.pem"), pemOf(t, keys()[1]))
	off := domainRow(4, "off.test", a)
	off.DKIM.Enabled = false
	s.serve(domainRow(1, "a.test", a), domainRow(2, "Bücher.test", "bare.pem"), domainRow(3, "asks.test", ""), off,
		domainRow(5, "lost.test", filepath.Join(s.dir, "lost.pem")), store.DomainAlias{ID: 1, Name: "alias.test", TargetID: 1})
	for domain, want := range map[string]string{
		"a.test":             by("modoboa", "a.test", 0),
		"xn--bcher-kva.test": by("modoboa", "xn--bcher-kva.test", 1),
		"asks.test":          "key_unmade",
		"off.test":           "dkim_off",
		"lost.test":          "key_missing",
		"other.test":         "no_key",
		"sub.a.test":         "no_key",
		"alias.test":         "no_key",
	} {
		if got := s.signer(domain); got != want { // at once, whether the loader has come by or not
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
	e := s.wantEvent("cannot sign")
	var f *FileError
	if !errors.As(e.Err, &f) || f.Remedy() == "" || e.Domain != "lost.test" {
		t.Errorf("event %+v", e)
	}
	put(t, filepath.Join(s.dir, "lost.pem"), pemOf(t, keys()[2]))
	s.want("lost.test", by("modoboa", "lost.test", 2))
}

func TestParentsAndAliases(t *testing.T) {
	s := newSite(t, Options{Parents: true, AliasTarget: true})
	a := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	b := put(t, filepath.Join(s.dir, "b.pem"), pemOf(t, keys()[1]))
	off := domainRow(2, "off.a.test", a)
	off.DKIM.Enabled = false
	s.serve(domainRow(1, "a.test", a), off, store.DomainAlias{ID: 1, Name: "alias.test", TargetID: 1}, store.DomainAlias{ID: 2, Name: "own.test", TargetID: 1},
		store.SigningKey{ID: 1, Domain: "own.test", Selector: "s1", Algorithm: "rsa", Path: b, PublicKey: "MII", Stage: string(Active)})
	for domain, want := range map[string]string{
		"a.test":         by("modoboa", "a.test", 0),
		"x.y.a.test":     by("modoboa", "a.test", 0),
		"off.a.test":     "dkim_off",
		"sub.off.a.test": "dkim_off",
		"alias.test":     by("modoboa", "a.test", 0),
		"own.test":       by("s1", "own.test", 1),
		"test":           "no_key",
	} {
		if got := s.signer(domain); got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
}

// TestFurtherKeys: the newest active key of each algorithm signs; the one
// before it as long as the newest cannot be used.
func TestFurtherKeys(t *testing.T) {
	s := newSite(t, Options{})
	file := func(n string, k int) string { return put(t, filepath.Join(s.dir, n), pemOf(t, keys()[k])) }
	d := domainRow(1, "a.test", file("own.pem", 0))
	row := func(id uint32, selector, algorithm, path string, stage Stage) store.SigningKey {
		return store.SigningKey{ID: id, Domain: "a.test", Selector: selector, Algorithm: algorithm, Path: path, PublicKey: "MII", Stage: string(stage), Changed: int64(id)}
	}
	second, third, ed := file("second.pem", 1), file("third.pem", 2), file("ed.pem", 3)
	for _, tc := range []struct {
		rows []any
		want string
	}{
		{[]any{row(1, "r1", "rsa", second, New)}, by("modoboa", "a.test", 0)},
		{[]any{row(1, "r1", "rsa", second, Published)}, by("modoboa", "a.test", 0)},
		{[]any{row(1, "r1", "rsa", second, Active)}, by("r1", "a.test", 1)},
		{[]any{row(1, "r1", "rsa", second, Retiring), row(2, "r2", "rsa", third, Active)}, by("r2", "a.test", 2)},
		{[]any{row(1, "r1", "rsa", second, Gone)}, by("modoboa", "a.test", 0)},
		{[]any{row(1, "e1", "ed25519", ed, Active)}, by("e1", "a.test", 3) + ", " + by("modoboa", "a.test", 0)},
		{[]any{row(1, "r9", "rsa", filepath.Join(s.dir, "none"), Active)}, by("modoboa", "a.test", 0)},
	} {
		s.serve(append([]any{d}, tc.rows...)...)
		if got := s.signer("a.test"); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.rows, got, tc.want)
		}
	}
}

// TestReplacedInPlace is what Modoboa does: the old key signs until DNS shows
// the new one, after a restart too.
func TestReplacedInPlace(t *testing.T) {
	s := newSite(t, Options{})
	path := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	old, fresh := by("modoboa", "a.test", 0), by("modoboa", "a.test", 1)
	s.serve(domainRow(1, "a.test", path))
	s.want("a.test", old)
	s.serve(domainRow(1, "a.test", "")) // dkim_key_length was changed
	s.wantEvent("signs on")
	s.want("a.test", old)
	put(t, path, pemOf(t, keys()[1]))
	s.serve(domainRow(1, "a.test", path))
	e := s.wantEvent("another key is in its file")
	s.mu.Lock()
	if want := s.now.Add(7 * 24 * time.Hour); !e.Until.Equal(want) {
		t.Errorf("until %v, want %v", e.Until, want)
	}
	s.mu.Unlock()
	s.say(No)
	s.want("a.test", old)
	if st := s.ring.State("a.test", "modoboa"); !st.Old || st.Next == nil || dkim.Fingerprint(st.Next) != dkim.Fingerprint(keys()[1].Public()) {
		t.Errorf("state %+v", st)
	}
	s.restart()
	s.serve(s.rows...)
	s.wantEvent("another key is in its file")
	s.want("a.test", old)
	s.say(Yes)
	signal(s.ring.ask)
	s.want("a.test", fresh)
	s.wantEvent("DNS shows the new key")
	if _, err := os.Stat(KeptFile(s.options.Kept, "a.test", "modoboa")); !errors.Is(err, os.ErrNotExist) {
		eventually(t, func() string {
			if left, _ := filepath.Glob(filepath.Join(s.options.Kept, "*")); len(left) > 0 {
				return fmt.Sprintf("left behind: %v", left)
			}
			return ""
		})
	}
	s.restart()
	s.serve(s.rows...)
	s.want("a.test", fresh)
}

// TestOldKeyEnds: its time is bounded, and whoever deletes it on disk ends it.
func TestOldKeyEnds(t *testing.T) {
	s := newSite(t, Options{})
	path := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	s.serve(domainRow(1, "a.test", path))
	s.want("a.test", by("modoboa", "a.test", 0))
	put(t, path, pemOf(t, keys()[1]))
	s.wantEvent("another key is in its file")
	s.add(8 * 24 * time.Hour)
	s.want("a.test", by("modoboa", "a.test", 1))
	put(t, path, pemOf(t, keys()[2]))
	s.wantEvent("another key is in its file")
	kept := KeptFile(s.options.Kept, "a.test", "modoboa")
	eventually(t, func() string {
		if err := os.Remove(kept); err != nil {
			return err.Error()
		}
		return ""
	})
	s.want("a.test", by("modoboa", "a.test", 2))
	s.wantEvent("by order")
	put(t, path, pemOf(t, keys()[0]))
	s.wantEvent("another key is in its file")
	s.ring.Activate("a.test", "modoboa")
	s.want("a.test", by("modoboa", "a.test", 0))

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.wantEvent("signs on")
	s.want("a.test", by("modoboa", "a.test", 0))
	s.restart()
	s.serve(s.rows...)
	s.want("a.test", by("modoboa", "a.test", 0))
	s.add(8 * 24 * time.Hour)
	s.want("a.test", "key_missing")
}

// TestKeptKeyForTheFirstMessage: who asks before the loader has begun gets the
// old key as well.
func TestKeptKeyForTheFirstMessage(t *testing.T) {
	s := newSite(t, Options{})
	path := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	s.serve(domainRow(1, "a.test", path))
	s.want("a.test", by("modoboa", "a.test", 0))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.wantEvent("signs on")
	s.stop()
	ring := NewRing(s.options)
	s.ring = ring
	s.serve(s.rows...)
	got := make(chan string)
	go func() { got <- s.signer("a.test") }()
	eventually(t, func() string {
		ring.mu.Lock()
		defer ring.mu.Unlock()
		if len(ring.urgent) == 0 {
			return "nobody waits for the key"
		}
		return ""
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); ring.Run(ctx) }()
	s.stop = func() { cancel(); <-done }
	if got, want := <-got, by("modoboa", "a.test", 0); got != want {
		t.Errorf("signed by %s, want %s", got, want)
	}
}

// TestBadFiles: each is refused with a remedy, and does not harm a key that was
// good.
func TestBadFiles(t *testing.T) {
	s := newSite(t, Options{})
	good := pemOf(t, keys()[0])
	at := func(name string) string { return filepath.Join(s.dir, name) }
	outside := put(t, filepath.Join(t.TempDir(), "x.pem"), good)
	real := put(t, at("real.pem"), good)
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(os.Symlink(real, at("link.pem")))
	do(os.Symlink(outside, at("outlink.pem")))
	do(os.Mkdir(at("folder"), 0o700))
	do(os.Symlink(at("folder"), at("linked")))
	put(t, at("folder/in.pem"), good)
	put(t, at("open.pem"), good)
	do(os.Chmod(at("open.pem"), 0o644))
	put(t, at("writable.pem"), good)
	do(os.Chmod(at("writable.pem"), 0o602))
	do(syscall.Mkfifo(at("pipe"), 0o600))
	put(t, at("cut.pem"), good[:len(good)/2])
	put(t, at("empty.pem"), nil)
	put(t, at("long.pem"), make([]byte, maxKeyFile+1))
	put(t, at("hollow.pem"), []byte("-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n"))
	put(t, at("group.pem"), good)
	do(os.Chmod(at("group.pem"), 0o640))
	for path, want := range map[string]string{
		at("folder/in.pem"): "",
		"folder/in.pem":     "",
		at("group.pem"):     "",
		outside:             "is not below dkim.key_dir",
		"../x.pem":          "is not below dkim.key_dir",
		at("../x.pem"):      "is not below dkim.key_dir",
		s.dir:               "is not below dkim.key_dir",
		at("link.pem"):      "symbolic link",
		at("outlink.pem"):   "symbolic link",
		at("linked/in.pem"): "symbolic link",
		at("folder"):        "no plain file",
		at("pipe"):          "no plain file",
		at("open.pem"):      "may be read by everybody",
		at("writable.pem"):  "may be changed by everybody",
		at("cut.pem"):       "no whole PEM block",
		at("empty.pem"):     "no private key",
		at("long.pem"):      "too long",
		at("hollow.pem"):    "no private key",
		at("none.pem"):      "does not exist",
		at("real.pem/x"):    "",
	} {
		name := strings.ToLower(fmt.Sprintf("d%x.test", path))
		if len(name) > 60 {
			name = name[len(name)-60:]
		}
		s.rows = []any{domainRow(1, name, path)}
		got := s.signer(name)
		if want == "" && !strings.Contains(path, "real.pem/x") {
			if got != by("modoboa", name, 0) {
				t.Errorf("%s: %s", path, got)
			}
			continue
		}
		st := s.ring.State(name, "modoboa")
		var f *FileError
		if !errors.As(st.Err, &f) || !strings.Contains(f.Text, want) || f.Remedy() == "" || got != string(f.Reason) {
			t.Errorf("%s: %s, %v; want %q with a remedy", path, got, st.Err, want)
		}
		if strings.Contains(fmt.Sprint(st.Err), "MII") {
			t.Errorf("%s: the error quotes the file: %v", path, st.Err)
		}
	}
	d := domainRow(1, "keeps.test", put(t, at("keeps.pem"), good))
	s.serve(d)
	s.want("keeps.test", by("modoboa", "keeps.test", 0))
	put(t, at("keeps.pem"), good[:100])
	s.wantEvent("signs on")
	do(os.Chmod(s.dir, 0o700))
	put(t, at("keeps.pem"), good)
	s.wantEvent("can be used")
	do(os.Chmod(at("keeps.pem"), 0o604))
	s.wantEvent("signs on")
	s.want("keeps.test", by("modoboa", "keeps.test", 0))
}

// TestNoFolder: one report for all keys, and what was read signs on.
func TestNoFolder(t *testing.T) {
	s := newSite(t, Options{})
	put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	s.serve(domainRow(1, "a.test", "a.pem"))
	s.want("a.test", by("modoboa", "a.test", 0))
	if err := os.Rename(s.dir, s.dir+".away"); err != nil {
		t.Fatal(err)
	}
	e := s.wantEvent("no key can be read")
	if e.Domain != "" || e.Err == nil {
		t.Errorf("%+v", e)
	}
	s.want("a.test", by("modoboa", "a.test", 0))
	if err := os.Rename(s.dir+".away", s.dir); err != nil {
		t.Fatal(err)
	}
	s.wantEvent("can be read again")
}

// TestWaitIsBounded: without a loader a message waits its time, and no longer.
func TestWaitIsBounded(t *testing.T) {
	r := NewRing(Options{Dir: t.TempDir(), Wait: 20 * time.Millisecond})
	began := time.Now()
	if _, why := r.Keys(context.Background(), snapshotOf([]any{domainRow(1, "a.test", "a.pem")}), "a.test"); why != Loading {
		t.Errorf("%s, want %s", why, Loading)
	}
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("did not wait: %v", took)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, why := r.Keys(ctx, snapshotOf([]any{domainRow(1, "a.test", "a.pem")}), "a.test"); why != Loading {
		t.Errorf("called off: %s", why)
	}
}

// TestSwapUnderLoad replaces keys, rows and files while many sign: each gets
// the old key or the new one.
func TestSwapUnderLoad(t *testing.T) {
	s := newSite(t, Options{Parsed: 1})
	s.say(Yes)
	path := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	rows := []any{domainRow(1, "a.test", path), domainRow(2, "b.test", path)}
	s.serve(rows...)
	blank := snapshotOf([]any{domainRow(1, "a.test", ""), domainRow(2, "b.test", path)})
	full := snapshotOf(rows)
	s.want("a.test", by("modoboa", "a.test", 0))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				for _, snap := range []*store.Snapshot{full, blank} {
					got, why := s.ring.Keys(context.Background(), snap, "a.test")
					if len(got) != 1 {
						t.Errorf("no key: %s", why)
						return
					}
				}
			}
		})
	}
	for i := range 20 {
		put(t, path, pemOf(t, keys()[1+i%2]))
		s.ring.Sync(blank)
		s.ring.Rescan()
		s.ring.Sync(full)
		s.want("a.test", by("modoboa", "a.test", 1+i%2))
	}
	cancel()
	wg.Wait()
}

// TestDeletedDomains are forgotten in time.
func TestDeletedDomains(t *testing.T) {
	s := newSite(t, Options{})
	path := put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	s.serve(domainRow(1, "a.test", path), domainRow(2, "gone.test", "nothing"))
	s.want("a.test", by("modoboa", "a.test", 0))
	s.want("gone.test", "key_missing")
	entries := func() int { s.ring.mu.Lock(); defer s.ring.mu.Unlock(); return len(s.ring.entries) }
	s.serve()
	eventually(t, func() string {
		if n := entries(); n != 1 {
			return fmt.Sprintf("%d entries, want the one with a key", n)
		}
		return ""
	})
	s.serve(domainRow(1, "a.test", path))
	s.want("a.test", by("modoboa", "a.test", 0))
	s.serve()
	s.want("a.test", "no_key")
	eventually(t, func() string {
		s.add(8 * 24 * time.Hour)
		if n := entries(); n != 0 {
			return fmt.Sprintf("%d entries", n)
		}
		return ""
	})
}

// TestSigners: those keys are named whose records must be in DNS.
func TestSigners(t *testing.T) {
	s := newSite(t, Options{})
	file := func(n string, k int) string { return put(t, filepath.Join(s.dir, n), pemOf(t, keys()[k])) }
	row := func(id uint32, domain, selector, algorithm, path string, stage Stage) store.SigningKey {
		return store.SigningKey{ID: id, Domain: domain, Selector: selector, Algorithm: algorithm, Path: path, PublicKey: "MII", Stage: string(stage)}
	}
	off := domainRow(4, "off.test", file("off.pem", 0))
	off.DKIM.Enabled = false
	a, other := file("a.pem", 0), file("other.pem", 1)
	rows := []any{
		domainRow(1, "a.test", a), domainRow(2, "Bücher.test", file("b.pem", 1)), domainRow(3, "lost.test", filepath.Join(s.dir, "none")), off,
		store.DomainAlias{ID: 1, Name: "alias.test", TargetID: 1},
		row(1, "alias.test", "r", "rsa", a, Active), row(2, "off.test", "r", "rsa", a, Active),
		row(3, "a.test", "new", "rsa", other, New), row(4, "a.test", "e", "ed25519", file("e.pem", 3), Active), row(5, "a.test", "old", "rsa", other, Retiring), row(6, "a.test", "past", "rsa", other, Gone),
	}
	list := func() (string, uint64) {
		n := s.ring.Changes()
		var all []string
		for _, k := range s.ring.Signers() {
			public, err := k.Public()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, k.Selector+"@"+k.Domain+" "+dkim.Fingerprint(public))
		}
		slices.Sort(all)
		return strings.Join(all, ", "), n
	}
	want := func(all ...string) (changes uint64) {
		t.Helper()
		eventually(t, func() string {
			got, n := list()
			if changes = n; got != strings.Join(all, ", ") {
				return fmt.Sprintf("signers %q, want %q", got, all)
			}
			return ""
		})
		return changes
	}
	s.serve(rows...)
	first := want(by("e", "a.test", 3), by("modoboa", "a.test", 0), by("modoboa", "xn--bcher-kva.test", 1), by("old", "a.test", 1), by("r", "alias.test", 0))
	s.serve(append(rows, row(7, "a.test", "next", "rsa", file("next.pem", 2), Active))...)
	second := want(by("e", "a.test", 3), by("modoboa", "xn--bcher-kva.test", 1), by("next", "a.test", 2), by("old", "a.test", 1), by("r", "alias.test", 0))
	if second <= first {
		t.Errorf("%d changes, then %d", first, second)
	}
}
