package lookup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// demo fills a builder with n mailboxes with self-aliases in one domain, and
// an alias of two.
func demo(n int) fixed {
	return func(b *store.Builder) {
		b.AddDomain(store.Domain{ID: 1, Name: "example.test", Type: store.LocalDomain, Enabled: true})
		for i := range uint32(n) {
			id, local := i+1, fmt.Sprintf("user%d", i)
			b.AddAccount(store.Account{ID: id, Username: local + "@example.test", Email: local + "@example.test", Active: true})
			b.AddMailbox(store.Mailbox{ID: id, Local: local, DomainID: 1, AccountID: id})
			b.AddAlias(store.Alias{ID: id, Address: local + "@example.test", DomainID: 1, Enabled: true, Internal: true})
			b.AddRecipient(store.Recipient{ID: id, Address: local + "@example.test", AliasID: id, MailboxID: id})
		}
		id := uint32(n) + 1
		b.AddAlias(store.Alias{ID: id, Address: "info@example.test", DomainID: 1, Enabled: true})
		b.AddRecipient(store.Recipient{ID: id, Address: "user0@example.test", AliasID: id, MailboxID: 1})
		b.AddRecipient(store.Recipient{ID: id + 1, Address: "user1@example.test", AliasID: id, MailboxID: 2})
	}
}

// running starts a Store over a source and stops it when the test ends.
func running(t testing.TB, s *store.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func resolver(t testing.TB, n int) *Resolver {
	s := &store.Store{Settings: store.Settings{Source: demo(n), Reload: -1}}
	running(t, s)
	if _, err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	return NewResolver(s, defaults())
}

// TestLookupDoesNotAllocate asks every table for hits, misses and keys with
// an extension.
func TestLookupDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("pools do not keep their items under the race detector")
	}
	r := resolver(t, 100)
	dst := make([]byte, 0, 4096)
	for _, table := range Tables() {
		for _, key := range []string{"user7@example.test", "User7+Ext@Example.test", "info+x@example.test", "nobody@example.test", "example.test", "x@far.test"} {
			name, k := []byte(table.Name), []byte(key)
			n := testing.AllocsPerRun(100, func() {
				if _, _, err := r.Lookup(context.Background(), dst, name, k); err != nil {
					t.Fatal(err)
				}
			})
			if n != 0 {
				t.Errorf("%s %s: %v allocations a lookup, want 0", table.Name, key, n)
			}
		}
	}
}

func TestLookupAppends(t *testing.T) {
	r := resolver(t, 3)
	got, found, err := r.Lookup(t.Context(), []byte("OK "), []byte("aliases"), []byte("info+x@example.test"))
	if want := "OK user0+x@example.test,user1+x@example.test"; err != nil || !found || string(got) != want {
		t.Errorf("got %q %v %v, want %q", got, found, err, want)
	}
	got, found, err = r.Lookup(t.Context(), []byte("OK "), []byte("aliases"), []byte("nobody@example.test"))
	if err != nil || found || string(got) != "OK " {
		t.Errorf("a miss: got %q %v %v, want dst back", got, found, err)
	}
}

func TestUnknownTable(t *testing.T) {
	_, found, err := resolver(t, 1).Lookup(t.Context(), nil, []byte("alases"), []byte("x"))
	if found || !errors.Is(err, ErrUnknownTable) || !strings.Contains(err.Error(), "alases") {
		t.Errorf("got %v %v", found, err)
	}
}

// broken is a Source that fails until it is mended.
type broken struct{ mended chan struct{} }

func (s broken) Load(_ context.Context, b *store.Builder) error {
	select {
	case <-s.mended:
		demo(2)(b)
		return nil
	default:
		return errors.New("postgres: connection refused")
	}
}

func TestNoDataIsNotAnAnswer(t *testing.T) {
	src := broken{make(chan struct{})}
	s := &store.Store{Settings: store.Settings{Source: src, Reload: -1}}
	running(t, s)
	o := defaults()
	o.Hold = time.Millisecond
	r := NewResolver(s, o)
	if err := s.Reload(t.Context()); err == nil {
		t.Fatal("a reload of a broken source succeeded")
	}
	_, found, err := r.Lookup(t.Context(), nil, []byte("aliases"), []byte("user0@example.test"))
	if found || !errors.Is(err, ErrNoData) || !strings.Contains(err.Error(), "connection refused") {
		t.Fatalf("before the first load: %v %v, want ErrNoData with its reason", found, err)
	}
	// A held request is answered as soon as there is data.
	o.Hold = time.Minute
	r.SetOptions(o)
	answer := make(chan string)
	go func() {
		v, _, err := r.Lookup(context.Background(), nil, []byte("aliases"), []byte("user0@example.test"))
		answer <- fmt.Sprint(string(v), err)
	}()
	close(src.mended)
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != "user0@example.test<nil>" {
		t.Errorf("the held request got %q", got)
	}
}

func TestStaleDataIsNotServed(t *testing.T) {
	began := time.Now()
	var later atomic.Int64 // the store asks from other goroutines too
	s := &store.Store{Settings: store.Settings{Source: demo(2), Reload: -1, MaxStale: time.Hour}, Now: func() time.Time { return began.Add(time.Duration(later.Load())) }}
	running(t, s)
	if _, err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(t.Context()); err != nil { // no load is under way any more
		t.Fatal(err)
	}
	r := NewResolver(s, defaults())
	if _, found, err := r.Lookup(t.Context(), nil, []byte("aliases"), []byte("user0@example.test")); !found || err != nil {
		t.Fatalf("fresh data: %v %v", found, err)
	}
	later.Store(int64(2 * time.Hour))
	if _, found, err := r.Lookup(t.Context(), nil, []byte("aliases"), []byte("user0@example.test")); found || !errors.Is(err, ErrStale) {
		t.Errorf("stale data: %v %v, want ErrStale", found, err)
	}
}

func TestLongAnswersKeepOrderAndDropDuplicates(t *testing.T) {
	var want []string
	snap := func() *store.Snapshot {
		b := store.NewBuilder()
		b.AddAlias(store.Alias{ID: 1, Address: "all@example.test", Enabled: true})
		for i := range uint32(500) {
			b.AddRecipient(store.Recipient{ID: i + 1, Address: fmt.Sprintf("r%d@example.test", i%200), AliasID: 1})
		}
		return b.Build(time.Now())
	}()
	for i := range 200 {
		want = append(want, fmt.Sprintf("r%d@example.test", i))
	}
	got, _ := ask(snap, defaults(), "aliases", "all@example.test")
	if got != strings.Join(want, ",") {
		t.Errorf("got %d values: %.100s…", strings.Count(got, ",")+1, got)
	}
}

func FuzzLookup(f *testing.F) {
	r := resolver(f, 10)
	for _, key := range []string{"user1@example.test", "USER1+x@example.test", "@", "+@", "a+b@", "é+É@example.test", "\xff@\xff", `"q q"@example.test`, "*", "a@b@c", "postmaster+x@example.test"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		for _, table := range Tables() {
			v, found, err := r.Lookup(t.Context(), []byte("x"), []byte(table.Name), []byte(key))
			if err != nil || found && len(v) < 2 || !found && string(v) != "x" {
				t.Fatalf("%s %q: %q %v %v", table.Name, key, v, found, err)
			}
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	r := resolver(b, 1_000_000)
	keys := make([][]byte, 4096)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "user%d@example.test", i*241%1_000_000)
	}
	dst := make([]byte, 0, 4096)
	for _, table := range []string{"aliases", "sender-login", "transport", "mailboxes"} {
		b.Run(table, func(b *testing.B) {
			b.ReportAllocs()
			name := []byte(table)
			for i := 0; b.Loop(); i++ {
				_, _, _ = r.Lookup(context.Background(), dst, name, keys[i%len(keys)])
			}
		})
	}
}
