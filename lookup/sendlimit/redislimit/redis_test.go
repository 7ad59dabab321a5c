package redislimit_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/internal/peers"
	sl "github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/lookup/sendlimit/redislimit"
)

func TestMain(m *testing.M) {
	redis.SetLogger(silent{})
	goleak.VerifyTestMain(m)
}

// silent is a logger for go-redis, which writes a line for each failure.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

var (
	alice  = sl.Subject{Kind: sl.Account, Name: "alice@example.com"}
	bob    = sl.Subject{Kind: sl.Account, Name: "bob@example.com"}
	domain = sl.Subject{Kind: sl.Domain, Name: "example.com"}
)

const hour = sl.Window(time.Hour)

// server is a Redis that keeps nothing when it ends.
type server struct {
	t    *testing.T
	dir  string
	more []string // arguments
	proc *exec.Cmd
}

func newServer(t *testing.T, more ...string) *server {
	t.Helper()
	peers.Program(t, "redis-server", "redis-server")
	dir, err := os.MkdirTemp("", "rl") // short: the socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{t: t, dir: dir, more: more}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) socket() string { return filepath.Join(s.dir, "s") }

func (s *server) start() {
	s.t.Helper()
	args := append([]string{"--port", "0", "--unixsocket", s.socket(), "--save", "", "--appendonly", "no", "--dir", s.dir}, s.more...)
	s.proc = exec.Command("redis-server", args...)
	s.proc.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.proc.Start(); err != nil {
		s.t.Fatal(err)
	}
	c := s.client()
	defer c.Close()
	eventually(s.t, "redis-server answers", func() bool { return c.Ping(s.t.Context()).Err() == nil })
}

func (s *server) kill() {
	if s.proc != nil {
		_ = s.proc.Process.Kill()
		_ = s.proc.Wait()
		s.proc = nil
	}
}

func (s *server) client() *redis.Client {
	return redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket(), MaxRetries: -1})
}

func (s *server) flush() {
	s.t.Helper()
	c := s.client()
	defer c.Close()
	if err := c.FlushAll(s.t.Context()).Err(); err != nil {
		s.t.Fatal(err)
	}
}

// node is an engine that shares.
type node struct {
	*sl.Engine
	t      *testing.T
	errors atomic.Int64
	stop   func()
}

func (s *server) node() *node {
	s.t.Helper()
	n := s.nodeOf(sl.Settings{})
	n.together()
	return n
}

// nodeOf makes a node that has not met the others yet.
func (s *server) nodeOf(o sl.Settings) *node {
	s.t.Helper()
	n := &node{t: s.t}
	r, err := redislimit.Open("unix://"+s.socket(), redislimit.Options{Page: 50})
	if err != nil {
		s.t.Fatal(err)
	}
	o.Shared, o.ShareEvery = r, 20*time.Millisecond
	o.ShareLimit = 5 * time.Second // the machine may be busy
	if o.NodeGone == 0 {
		o.NodeGone = 30 * time.Second
	}
	o.OnError = func(error) { n.errors.Add(1) }
	n.Engine = sl.Open(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Run(ctx)
	}()
	n.stop = func() {
		cancel()
		<-done
		if err := n.Close(); err != nil {
			s.t.Error(err)
		}
		_ = r.Close()
		n.stop = func() {}
	}
	s.t.Cleanup(func() { n.stop() })
	return n
}

func (n *node) together() {
	n.t.Helper()
	eventually(n.t, "the nodes are together", func() bool { return n.Apart() == nil })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in a minute: %s", what)
		}
	}
}

func limited(s sl.Subject, max int64) sl.Limited {
	return sl.Limited{Subject: s, Limits: []sl.Limit{{Unit: sl.Recipients, Max: max, Window: hour}}}
}

func charge(recipients int64, subjects ...sl.Limited) sl.Charge {
	return sl.Charge{Subjects: subjects, Recipients: recipients, Messages: 1}
}

func (n *node) send(c sl.Charge) bool { return n.Take(n.t.Context(), c).OK }

func (n *node) used(s sl.Subject) int64 {
	return n.Peek(s, sl.Limit{Unit: sl.Recipients, Max: 1, Window: hour})[0].Used
}

// hammer charges messages on several nodes at once, and gives how many were let
// through. during is called meanwhile.
func hammer(nodes []*node, goroutines, each int, during func(), subjects ...sl.Limited) int64 {
	var ok atomic.Int64
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() {
			for range each {
				if nodes[i%len(nodes)].send(charge(1, subjects...)) {
					ok.Add(1)
				}
			}
		})
	}
	if during != nil {
		during()
	}
	wg.Wait()
	return ok.Load()
}

// TestExact: two nodes let through together what the limits allow.
func TestExact(t *testing.T) {
	s := newServer(t)
	a, b := s.node(), s.node()
	if n := hammer([]*node{a, b}, 20, 60, nil, limited(alice, 700), limited(domain, 500)); n != 500 {
		t.Errorf("%d were let through, want 500", n)
	}
	if a.send(charge(1, limited(domain, 500))) || b.send(charge(1, limited(domain, 500))) {
		t.Error("one more is let through")
	}
	eventually(t, "both know it", func() bool {
		return a.used(alice) == 500 && b.used(alice) == 500 && a.used(domain) == 500 && b.used(domain) == 500
	})
	if s := a.Stats(); s.Unshared > 0 || a.errors.Load()+b.errors.Load() > 0 {
		t.Errorf("%+v, %d and %d errors", s, a.errors.Load(), b.errors.Load())
	}
}

// TestVerdicts of all nodes are those of one.
func TestVerdicts(t *testing.T) {
	s := newServer(t)
	a, b := s.node(), s.node()
	a.send(charge(6, limited(alice, 10), limited(domain, 100)))
	v := b.Take(t.Context(), charge(5, limited(alice, 10), limited(domain, 100)))
	if v.OK || v.Over.Subject != alice || v.Over.Used != 6 || v.Over.Free.IsZero() || v.Over.Apart || !v.Over.First {
		t.Errorf("%+v", v)
	}
	v = b.Take(t.Context(), charge(2, limited(alice, 10), limited(domain, 100)))
	w := a.Take(t.Context(), charge(1, limited(alice, 10), limited(domain, 100)))
	if len(v.Warn) != 1 || v.Warn[0].Subject != alice || v.Warn[0].Used != 8 || len(w.Warn) != 0 {
		t.Errorf("%+v, then %+v: want one warning", v, w)
	}
	dry := charge(1, limited(alice, 10))
	dry.Dry = true
	for range 5 {
		if !b.send(dry) {
			t.Error("a dry charge counts")
		}
	}
	// The same counter twice, once with a lower limit.
	twice := sl.Limited{Subject: bob, Limits: []sl.Limit{{Unit: sl.Recipients, Max: 10, Window: hour}, {Unit: sl.Recipients, Max: 5, Window: hour}}}
	if !a.send(charge(4, twice)) || b.send(charge(2, twice)) || !b.send(charge(1, twice)) {
		t.Error("two limits of one counter are judged wrongly")
	}
	eventually(t, "a knows of bob", func() bool { return a.used(bob) == 5 })
}

// TestInstances: a message is charged once, with what was said of it last.
func TestInstances(t *testing.T) {
	s := newServer(t)
	a, b := s.node(), s.node()
	ask := func(instance string, recipients int64) bool {
		c := charge(recipients, limited(alice, 10))
		c.Instance = instance
		return a.send(c)
	}
	for i, step := range []struct {
		instance   string
		recipients int64
		want       bool
	}{{"1", 6, true}, {"1", 6, true}, {"1", 4, true}, {"2", 6, true}, {"3", 1, false}, {"2", 5, true}} {
		if ask(step.instance, step.recipients) != step.want {
			t.Errorf("step %d: not %v", i, step.want)
		}
	}
	eventually(t, "b knows it", func() bool { return b.used(alice) == 9 })
	c := charge(0, limited(alice, 10))
	c.Instance = "1"
	a.Cancel(t.Context(), c)
	eventually(t, "b knows that it was taken back", func() bool { return b.used(alice) == 5 })
}

// TestReset and suspensions go to all nodes.
func TestReset(t *testing.T) {
	s := newServer(t)
	a, b := s.node(), s.node()
	a.send(charge(6, limited(alice, 10)))
	b.send(charge(4, limited(alice, 10)))
	eventually(t, "a knows it", func() bool { return a.used(alice) == 10 })
	a.Reset(alice)
	eventually(t, "b knows it", func() bool { return b.used(alice) == 0 })
	if !b.send(charge(10, limited(alice, 10))) || a.send(charge(1, limited(alice, 10))) {
		t.Error("not reset")
	}

	a.Suspend(bob, time.Time{}, "why|not")
	eventually(t, "b knows that bob is suspended", func() bool { got, ok := b.Suspended(bob); return ok && got.Why == "why|not" })
	b.Release(bob)
	eventually(t, "a knows that bob is released", func() bool { _, ok := a.Suspended(bob); return !ok })
	a.Suspend(bob, time.Now().Add(time.Hour), "again")
	c := s.node()
	eventually(t, "a newcomer knows it", func() bool { _, ok := c.Suspended(bob); return ok })
}

// TestNewcomer knows what was counted before it came, more than fits a page.
func TestNewcomer(t *testing.T) {
	s := newServer(t)
	a := s.node()
	for i := range 180 {
		a.send(charge(3, limited(sl.Subject{Kind: sl.Account, Name: fmt.Sprint("u", i)}, 10)))
	}
	a.stop()
	b := s.node()
	eventually(t, "b knows all", func() bool { return b.Stats().Subjects == 180 })
	if n := b.used(sl.Subject{Kind: sl.Account, Name: "u99"}); n != 3 {
		t.Errorf("used %d", n)
	}
}

// TestRestartOfANode: it goes on as the same one.
func TestRestartOfANode(t *testing.T) {
	s := newServer(t)
	path := filepath.Join(t.TempDir(), "limits")
	for i := range int64(3) {
		n := s.nodeOf(sl.Settings{Path: path})
		n.together()
		if !n.send(charge(10, limited(alice, 30))) || n.used(alice) != 10*(i+1) {
			t.Errorf("%d: used %d", i, n.used(alice))
		}
		n.stop()
		if i == 1 {
			s.flush()
		}
	}
	c := s.client()
	defer c.Close()
	fields, err := c.HKeys(t.Context(), "{vmapd:limits}:c:a:recipients:3600000000000:alice@example.com").Result()
	nodes := map[string]bool{}
	for _, f := range fields {
		if name, ok := strings.CutPrefix(f, "s:"); ok {
			nodes[name] = true
		}
	}
	if err != nil || len(nodes) != 1 {
		t.Errorf("%v, %v: want one node", fields, err)
	}
}

// TestSuspensionByAll: refusals count wherever they happen.
func TestSuspensionByAll(t *testing.T) {
	s := newServer(t)
	auto := sl.Settings{Suspend: sl.AutoSuspend{Times: 4}}
	a := s.nodeOf(auto)
	a.together()
	for range 3 {
		if a.send(charge(1, limited(alice, 0))) {
			t.Fatal("let through")
		}
	}
	c := s.node()
	a.stop() // having told all
	b := s.nodeOf(auto)
	b.together()
	if v := b.Take(t.Context(), charge(1, limited(alice, 0))); v.OK || v.Suspended != nil {
		t.Errorf("%+v", v)
	}
	for _, n := range []*node{b, c} {
		eventually(t, "all know that alice is suspended", func() bool { got, ok := n.Suspended(alice); return ok && got.Auto })
	}
}

// TestKeysExpire with their windows.
func TestKeysExpire(t *testing.T) {
	s := newServer(t)
	n := s.node()
	n.send(charge(1, sl.Limited{Subject: alice, Limits: []sl.Limit{{Unit: sl.Messages, Max: 10, Window: sl.Window(time.Second)}, {Unit: sl.Messages, Max: 10}}}))
	c := s.client()
	defer c.Close()
	keys, err := c.Keys(t.Context(), "{vmapd:limits}:c:*").Result()
	if err != nil || len(keys) != 2 {
		t.Fatalf("%v, %v", keys, err)
	}
	for _, k := range keys {
		if ttl, err := c.PTTL(t.Context(), k).Result(); err != nil || ttl <= 0 || ttl > 48*time.Hour {
			t.Errorf("%s: %v, %v", k, ttl, err)
		}
	}
	eventually(t, "a key is gone", func() bool { keys, _ := c.Keys(t.Context(), "{vmapd:limits}:c:*").Result(); return len(keys) == 1 })
}

// TestForeignThings in Redis disturb nobody.
func TestForeignThings(t *testing.T) {
	s := newServer(t)
	c := s.client()
	defer c.Close()
	ctx := t.Context()
	name := "c:a:recipients:3600000000000:alice@example.com"
	c.HSet(ctx, "{vmapd:limits}:"+name, "v", 7, "c:x:5", 3, "later", 8, "c:nonsense", 2)
	c.HSet(ctx, "{vmapd:limits}:c:z", "v", 1)
	c.ZAdd(ctx, "{vmapd:limits}:changed", redis.Z{Score: 1, Member: name}, redis.Z{Score: 2, Member: "c:z"}, redis.Z{Score: 3, Member: "c:a:recipients:-5:x"}, redis.Z{Score: 4, Member: "gone"})
	c.HSet(ctx, "{vmapd:limits}:sentences", "abob", "nonsense", "a", "1|2|3|true|true|", "aeve", "5|0|0|false|false|really")
	c.Set(ctx, "{vmapd:limits}:sentences:v", 9, 0)
	n := s.node()
	eventually(t, "eve is suspended", func() bool { _, ok := n.Suspended(sl.Subject{Kind: sl.Account, Name: "eve"}); return ok })
	if !n.send(charge(10, limited(alice, 10))) || n.send(charge(1, limited(alice, 10))) {
		t.Error("wrong")
	}
	if n.errors.Load() > 0 {
		t.Error("errors")
	}
}

func TestURL(t *testing.T) {
	r, err := redislimit.Open("redis://user:s3cret@localhost:6379/0?nonsense=1", redislimit.Options{})
	if err == nil {
		r.Close()
		t.Fatal("taken")
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v: the password", err)
	}
}

// BenchmarkTake is what a message costs with Redis.
func BenchmarkTake(b *testing.B) {
	peers.Program(b, "redis-server", "redis-server")
	dir := b.TempDir()
	socket := filepath.Join(dir, "s")
	proc := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir)
	if err := proc.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = proc.Process.Kill(); _ = proc.Wait() }()
	r, err := redislimit.Open("unix://"+socket, redislimit.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	e := sl.Open(sl.Settings{Shared: r, ShareLimit: time.Minute})
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { e.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	for e.Apart() != nil {
		time.Sleep(time.Millisecond)
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			account := sl.Subject{Kind: sl.Account, Name: fmt.Sprint("u", next.Add(1)%1000)}
			if !e.Take(b.Context(), charge(1, limited(account, 1<<40), limited(domain, 1<<40))).OK {
				b.Fatal("refused")
			}
		}
	})
}
