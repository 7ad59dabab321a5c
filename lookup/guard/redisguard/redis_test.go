package redisguard_test

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/internal/peers"
	"github.com/vmapd/vmapd/lookup/guard"
	"github.com/vmapd/vmapd/lookup/guard/redisguard"
)

func TestMain(m *testing.M) {
	redisguard.SetLog(func(string) {})
	goleak.VerifyTestMain(m)
}

const (
	alice  = "alice@example.com"
	victim = "victim@example.com"
)

var (
	home = netip.MustParseAddr("192.0.2.10")
	away = netip.MustParseAddr("198.51.100.7")
)

// server is a Redis that keeps nothing when it ends.
type server struct {
	t    *testing.T
	dir  string
	proc *exec.Cmd
}

func newServer(t *testing.T) *server {
	t.Helper()
	peers.Program(t, "redis-server", "redis-server")
	dir, err := os.MkdirTemp("", "rg") // short: the socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{t: t, dir: dir}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) socket() string { return filepath.Join(s.dir, "s") }

func (s *server) start() {
	s.t.Helper()
	s.proc = exec.Command("redis-server", "--port", "0", "--unixsocket", s.socket(), "--save", "", "--appendonly", "no", "--dir", s.dir)
	if err := s.proc.Start(); err != nil {
		s.t.Fatal(err)
	}
	c := s.client()
	defer c.Close()
	eventually(s.t, "redis-server answers", func() bool { return c.Ping(s.t.Context()).Err() == nil })
}

func (s *server) kill() {
	if s.proc != nil {
		s.proc.Process.Kill()
		s.proc.Wait()
		s.proc = nil
	}
}

func (s *server) client() *redis.Client {
	return redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket(), MaxRetries: -1})
}

// node is a guard that shares.
type node struct {
	*guard.Guard
	errors atomic.Int64
	stop   func()
}

func (s *server) node() *node { return s.nodeOf(redisguard.Options{Block: 100 * time.Millisecond}) }

func (s *server) nodeOf(o redisguard.Options) *node {
	s.t.Helper()
	n := &node{}
	r, err := redisguard.Open("unix://"+s.socket(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	n.Guard = guard.New(guard.Settings{MaxEntries: 4096, MaxHomes: 1024, Shared: r, ShareRetry: 10 * time.Millisecond, OnShareError: func(err error) {
		if !strings.HasPrefix(err.Error(), "redisguard: ") {
			s.t.Errorf("an error of an unknown kind: %v", err)
		}
		n.errors.Add(1)
	}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Run(ctx)
	}()
	n.stop = func() {
		cancel()
		<-done
		r.Close()
		n.stop = func() {}
	}
	s.t.Cleanup(func() { n.stop() })
	return n
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in a minute: %s", what)
		}
	}
}

// guesses makes n wrong attempts, and returns how many were looked at.
func (n *node) guesses(account string, remote netip.Addr, first, count int) (looked int) {
	for i := range count {
		a := guard.Attempt{Account: account, Remote: remote, Fingerprint: uint64(first + i)}
		if !n.Before(a).Refuse {
			looked++
			n.After(a, false)
		}
	}
	return looked
}

func (n *node) login(account string, remote netip.Addr) {
	a := guard.Attempt{Account: account, Remote: remote, Fingerprint: 7777}
	n.Before(a)
	n.After(a, true)
}

func (n *node) refused(account string, remote netip.Addr) bool {
	a := guard.Attempt{Account: account, Remote: remote, Fingerprint: 8888}
	v := n.Before(a)
	if !v.Refuse {
		n.Cancel(a)
	}
	return v.Refuse
}

func (n *node) guessesSeen(account string) int {
	accounts, _ := n.Top(100)
	for _, o := range accounts {
		if o.Account == account {
			return o.Guesses
		}
	}
	return 0
}

func TestNodesShare(t *testing.T) {
	s := newServer(t)
	a, b := s.node(), s.node()
	a.guesses(victim, away, 1, 10)
	eventually(t, "b counts what a counted", func() bool { return b.guessesSeen(victim) == 10 })
	if n := b.guesses(victim, away, 100, 20); n != 10 {
		t.Errorf("%d more guesses on b, want 10", n)
	}
	eventually(t, "a refuses what b counted", func() bool { return a.refused(victim, away) })

	a.guesses(victim, away, 1, 1) // refused: not told
	b.login(alice, home)
	b.guesses(alice, netip.MustParseAddr("203.0.113.5"), 1, 20)
	eventually(t, "a knows that alice is under attack", func() bool { return a.refused(alice, netip.MustParseAddr("203.0.113.77")) })
	if a.refused(alice, home) {
		t.Error("a refuses alice at home, where she logged in through b")
	}

	b.Forgive(victim)
	eventually(t, "a forgives the account", func() bool { return a.guessesSeen(victim) == 0 })
	if !a.refused(accountOf(1), away) {
		t.Error("the address is forgiven with the account")
	}
	a.ForgivePrefix(netip.PrefixFrom(away, 32))
	eventually(t, "b forgives the address", func() bool { return !b.refused(accountOf(1), away) })
	if n := a.errors.Load() + b.errors.Load(); n > 0 {
		t.Errorf("%d errors", n)
	}
}

func accountOf(i int) string { return "user" + strconv.Itoa(i) + "@example.com" }

// TestOldPasswordOnTwoNodes is a phone that is balanced between them.
func TestOldPasswordOnTwoNodes(t *testing.T) {
	s := newServer(t)
	a, b := s.node(), s.node()
	eventually(t, "they have one key", func() bool { return sameKey(a, b) })
	for range 100 {
		for _, n := range []*node{a, b} {
			try := guard.Attempt{Account: alice, Remote: away, Fingerprint: n.Fingerprint(alice, []byte("last year's"))}
			if n.Before(try).Refuse {
				t.Fatal("refused")
			}
			n.After(try, false)
		}
	}
	a.guesses(alice, away, 1<<20, 1)
	eventually(t, "b has read all", func() bool { return b.guessesSeen(alice) >= 2 })
	if n, m := a.guessesSeen(alice), b.guessesSeen(alice); n != 2 || m != 2 {
		t.Errorf("%d and %d guesses are counted, want 2", n, m)
	}
}

func sameKey(a, b *node) bool {
	for i := range 4 {
		p := []byte{byte(i)}
		if a.Fingerprint(alice, p) != b.Fingerprint(alice, p) {
			return false
		}
	}
	return true
}

// TestNewcomer counts what was counted before it came, at the age that has.
func TestNewcomer(t *testing.T) {
	s := newServer(t)
	old := s.node()
	old.login(alice, home)
	old.guesses(alice, away, 1, 20)
	old.guesses(victim, away, 1, 5)
	old.ForgivePrefix(netip.PrefixFrom(away, 24))
	other := s.node()
	eventually(t, "the newcomer refuses", func() bool { return other.refused(alice, netip.MustParseAddr("203.0.113.5")) })
	old.stop() // and with it go its own memories
	again := s.node()
	eventually(t, "who comes again refuses", func() bool { return again.refused(alice, netip.MustParseAddr("203.0.113.5")) })
	for _, n := range []*node{other, again} {
		if n.refused(alice, home) {
			t.Error("alice is refused at home")
		}
	}
}

// TestRedisIsKilled: logins go on, nothing is refused that was not, and what
// was counted meanwhile is told when an empty Redis has come.
func TestRedisIsKilled(t *testing.T) {
	s := newServer(t)
	a, b := s.node(), s.node()
	eventually(t, "they have one key", func() bool { return sameKey(a, b) })
	before := a.Fingerprint(alice, []byte("x"))
	s.kill()
	eventually(t, "the failure is reported", func() bool { return a.errors.Load() > 0 && b.errors.Load() > 0 })
	if a.Apart() == nil {
		t.Error("nobody says that a is apart")
	}
	if n := a.guesses(victim, away, 1, 15); n != 15 {
		t.Errorf("%d guesses were looked at, want 15", n)
	}
	if a.refused(alice, home) || b.refused(victim, away) {
		t.Error("refused for want of Redis")
	}
	s.start()
	eventually(t, "b counts what a counted in the outage", func() bool { return b.guessesSeen(victim) == 15 })
	eventually(t, "they are together again", func() bool { return a.Apart() == nil && b.Apart() == nil })
	c := s.node()
	eventually(t, "a newcomer has the old key", func() bool { return sameKey(a, c) && sameKey(b, c) })
	if a.Fingerprint(alice, []byte("x")) != before {
		t.Error("the key has changed")
	}
	eventually(t, "the newcomer counts too", func() bool { return c.guessesSeen(victim) == 15 })
}

// TestRedisHangs: no login waits for it.
func TestRedisHangs(t *testing.T) {
	s := newServer(t)
	a, b := s.node(), s.node()
	eventually(t, "they have one key", func() bool { return sameKey(a, b) })
	s.proc.Process.Signal(syscall.SIGSTOP)
	resume := func() { s.proc.Process.Signal(syscall.SIGCONT) }
	defer resume()
	for i := range 6000 { // more than are kept for later
		a.guesses(accountOf(i), netip.AddrFrom4([4]byte{11, byte(i >> 8), byte(i), 1}), 1, 1)
	}
	if s := a.Stats(); s.Failures != 6000 || s.Unshared == 0 {
		t.Errorf("%+v: want 6000 failures, some not shared", s)
	}
	resume()
	eventually(t, "b hears again", func() bool { return b.guessesSeen(accountOf(0)) == 1 || b.Stats().Evicted > 0 })
	// Until what waited is told, more of it is not; then b hears every guess.
	later := 0
	eventually(t, "b hears what came after", func() bool {
		account := accountOf(10_000 + later)
		a.guesses(account, netip.AddrFrom4([4]byte{12, byte(later >> 8), byte(later), 1}), 1, 1)
		later++
		for range 20 {
			if b.guessesSeen(account) == 1 {
				return true
			}
			time.Sleep(10 * time.Millisecond)
		}
		return false
	})
}

// TestStreamIsCapped and what is in it is harmless.
func TestStreamIsCapped(t *testing.T) {
	s := newServer(t)
	n := s.nodeOf(redisguard.Options{Block: 100 * time.Millisecond, MaxLen: 500})
	c := s.client()
	defer c.Close()
	const password = "correct horse battery staple"
	for i := range 3000 {
		account := accountOf(i)
		a := guard.Attempt{Account: account, Remote: away, Fingerprint: n.Fingerprint(account, []byte(password))}
		n.After(a, false)
	}
	eventually(t, "the events are told", func() bool {
		last, err := c.XRevRangeN(t.Context(), "vmapd:guard:events", "+", "-", 1).Result()
		return err == nil && len(last) == 1 && strings.Contains(last[0].Values["event"].(string), accountOf(2999))
	})
	length, err := c.XLen(t.Context(), "vmapd:guard:events").Result()
	if err != nil || length > 1000 {
		t.Errorf("%d events, %v, want about 500", length, err)
	}
	all, err := c.XRange(t.Context(), "vmapd:guard:events", "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		for name, v := range m.Values {
			if strings.Contains(v.(string), password) || len(v.(string)) > 150 {
				t.Fatalf("%s: %s", name, v)
			}
		}
	}
}

// TestForeignThings in Redis disturb nobody.
func TestForeignThings(t *testing.T) {
	s := newServer(t)
	c := s.client()
	defer c.Close()
	add := func(values ...any) {
		if err := c.XAdd(t.Context(), &redis.XAddArgs{Stream: "vmapd:guard:events", Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	add("x", "y")
	add("node", "other", "event", "{")
	add("node", "other", "event", `{"k":"invented","a":"a"}`)
	add("node", "other", "event", `{"k":"failed","a":"`+strings.Repeat("a", 100_000)+`"}`)
	add("node", "other", "event", `{"k":"failed","a":"`+victim+`","r":"198.51.100.7","f":5,"new":true}`)
	n := s.node()
	eventually(t, "what is good is read", func() bool { return n.guessesSeen(victim) == 1 })
	if n.errors.Load() > 0 {
		t.Error("errors")
	}

	c.Set(t.Context(), "vmapd:guard:key", "short", 0)
	m := s.node()
	eventually(t, "a bad key is reported", func() bool { return m.errors.Load() > 0 })
	c.Del(t.Context(), "vmapd:guard:key")
	m.guesses(alice, away, 1, 3)
	eventually(t, "once it is deleted all is well", func() bool { return n.guessesSeen(alice) == 3 })
}

func TestURL(t *testing.T) {
	r, err := redisguard.Open("redis://user:s3cret@localhost:6379/0?nonsense=1", redisguard.Options{})
	if err == nil {
		r.Close()
		t.Fatal("taken")
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v: the password", err)
	}
}
