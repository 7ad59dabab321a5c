package spool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/spool"
)

func TestMain(m *testing.M) {
	if os.Getenv(childMode) != "" {
		os.Exit(child())
	}
	code := dbtest.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// open opens a spool that is closed when the test ends. Errors that the test
// does not expect fail it.
func open(t testing.TB, path string, o spool.Options) *spool.Spool {
	t.Helper()
	if o.OnError == nil {
		o.OnError = func(err error) { t.Errorf("OnError: %v", err) }
	}
	s, err := spool.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t testing.TB, s *spool.Spool, writes ...spool.Write) {
	t.Helper()
	if err := s.Put(context.Background(), writes...); err != nil {
		t.Fatal(err)
	}
}

func write(key, value string) spool.Write {
	return spool.Write{Kind: "quota", Key: key, Value: []byte(value)}
}

func get(s *spool.Spool, key string) string {
	w, ok := s.Get("quota", key)
	if !ok {
		return "none"
	}
	return string(w.Value)
}

// run runs the spool until the test, or the function it returns, ends it.
func run(t testing.TB, s *spool.Spool, sink spool.Sink) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, sink) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits, long, until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happened: %s", what)
		}
	}
}

// memory is a Sink that keeps what it is given.
type memory struct {
	mu   sync.Mutex
	rows map[string]string
	fail func(batch []spool.Write) error // asked first, if set
}

func (m *memory) Apply(_ context.Context, batch []spool.Write) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(batch); err != nil {
			return err
		}
	}
	if m.rows == nil {
		m.rows = map[string]string{}
	}
	for _, w := range batch {
		m.rows[w.Key] = string(w.Value)
	}
	return nil
}

func (m *memory) row(key string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[key]
}

func path(t testing.TB) string { return filepath.Join(t.TempDir(), "spool.db") }

// TestReadYourWrites, also after the spool was closed and opened again.
func TestReadYourWrites(t *testing.T) {
	p := path(t)
	s := open(t, p, spool.Options{})
	put(t, s, write("a", "1"), write("b", "1"))
	put(t, s, write("a", "2"), write("a", "3"))
	at := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC) // the clock went back
	put(t, s, spool.Write{Kind: "last_login", Key: "a", Value: []byte("x"), At: at})
	for range 2 {
		if a, b, c := get(s, "a"), get(s, "b"), get(s, "c"); a != "3" || b != "1" || c != "none" {
			t.Errorf("a, b, c = %s, %s, %s; want 3, 1, none", a, b, c)
		}
		if w, _ := s.Get("last_login", "a"); string(w.Value) != "x" || !w.At.Equal(at) {
			t.Errorf("last_login = %+v", w)
		}
		if st := s.Stats(); st.Pending != 3 {
			t.Errorf("%d pending, want 3", st.Pending)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, p, spool.Options{})
	}
	info, err := os.Stat(p)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if err := errors.Join(s.Close(), s.Put(t.Context(), write("a", "4"))); !errors.Is(err, spool.ErrClosed) {
		t.Errorf("Put after Close: %v", err)
	}
}

// TestGroupCommit: who waits shares a transaction.
func TestGroupCommit(t *testing.T) {
	s := open(t, path(t), spool.Options{})
	const writers, each = 64, 20
	var wg sync.WaitGroup
	for g := range writers {
		wg.Go(func() {
			for i := range each {
				put(t, s, write(fmt.Sprintf("u%d", g), fmt.Sprint(i)))
			}
		})
	}
	wg.Wait()
	st := s.Stats()
	if st.Acknowledged != writers*each || st.Pending != writers {
		t.Errorf("%d acknowledged, %d pending; want %d, %d", st.Acknowledged, st.Pending, writers*each, writers)
	}
	if st.Commits > writers*each/4 {
		t.Errorf("%d transactions for %d writes by %d at once", st.Commits, writers*each, writers)
	}
}

// TestBounded: a new key finds no room, a pending one does, and so does the
// new one when there is room again.
func TestBounded(t *testing.T) {
	s := open(t, path(t), spool.Options{Max: 2})
	put(t, s, write("a", "1"), write("b", "1"))
	if err := s.Put(t.Context(), write("a", "2"), write("c", "1")); !errors.Is(err, spool.ErrFull) {
		t.Errorf("Put of a third key: %v, want ErrFull", err)
	}
	put(t, s, write("b", "3"))
	if a, b, c := get(s, "a"), get(s, "b"), get(s, "c"); a != "1" || b != "3" || c != "none" {
		t.Errorf("a, b, c = %s, %s, %s; want 1, 3, none", a, b, c)
	}
	run(t, s, &memory{})
	eventually(t, "room", func() bool { return s.Stats().Pending == 0 })
	put(t, s, write("c", "1"))
}

// TestPutRefuses what is too long, and does not wait for a context that ended.
func TestPutRefuses(t *testing.T) {
	s := open(t, path(t), spool.Options{})
	for _, w := range []spool.Write{
		{Key: "a"},
		{Kind: "a"},
		{Kind: strings.Repeat("a", 65), Key: "a"},
		write(strings.Repeat("a", 1025), ""), write("a", strings.Repeat("a", 4097)),
	} {
		if err := s.Put(t.Context(), write("z", "1"), w); err == nil {
			t.Errorf("Put took a kind of %d, a key of %d and a value of %d bytes", len(w.Kind), len(w.Key), len(w.Value))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, write("z", "1")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put with a context that ended: %v", err)
	}
	if z := get(s, "z"); z != "none" {
		t.Errorf("z = %s, want none", z)
	}
	put(t, s, spool.Write{Kind: "quota", Key: "empty"})
	if e := get(s, "empty"); e != "" {
		t.Errorf("empty = %s", e)
	}
}

// TestDamagedFile is moved aside and reported; the spool goes on.
func TestDamagedFile(t *testing.T) {
	for name, damage := range map[string]func(p string) error{
		"header": func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("no database ", 1000)), 0o600) },
		"page": func(p string) error {
			f, err := os.OpenFile(p, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte(strings.Repeat("\xff", 4096)), 4096)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := path(t)
			s := open(t, p, spool.Options{})
			put(t, s, write("a", "1"))
			if err := errors.Join(s.Close(), damage(p)); err != nil {
				t.Fatal(err)
			}
			var got error
			s = open(t, p, spool.Options{OnError: func(err error) { got = err }})
			var d *spool.DamagedError
			if !errors.As(got, &d) || s.Stats().Damaged != d.MovedTo || !strings.Contains(d.Remedy(), ".recover") {
				t.Fatalf("OnError: %v, Stats: %+v", got, s.Stats())
			}
			if _, err := os.Stat(d.MovedTo); err != nil {
				t.Error(err)
			}
			put(t, s, write("b", "1"))
			if a, b := get(s, "a"), get(s, "b"); a != "none" || b != "1" {
				t.Errorf("a, b = %s, %s; want none, 1", a, b)
			}
		})
	}
}

// TestDamagedFileInUse is not moved from under another process.
func TestDamagedFileInUse(t *testing.T) {
	p := path(t)
	if err := os.WriteFile(p, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := os.Create(p + "-lock")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	if _, err := spool.Open(p, spool.Options{}); err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("Open: %v", err)
	}
}

// TestOtherFiles are refused and left alone.
func TestOtherFiles(t *testing.T) {
	p := path(t)
	d := dbtest.Open(t, "sqlite:"+p, db.Options{})
	dbtest.Exec(t, d, "CREATE TABLE core_user (id integer)")
	for _, p := range []string{p, filepath.Dir(p), "/dev/null", p + "/none", p + "?x=1"} {
		var e *spool.StorageError
		if _, err := spool.Open(p, spool.Options{}); !errors.As(err, &e) {
			t.Errorf("Open(%s): %v, want a *StorageError", p, err)
		}
	}
	newer := path(t)
	s := open(t, newer, spool.Options{})
	_ = s.Close()
	n := dbtest.Open(t, "sqlite:"+newer, db.Options{})
	dbtest.Exec(t, n, "PRAGMA user_version = 2")
	if _, err := spool.Open(newer, spool.Options{}); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("Open of a newer layout: %v", err)
	}
}
