package redislimit_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	sl "github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/lookup/sendlimit/redislimit"
)

// TestRedisIsKilled: nobody is told an error, together the nodes do not let
// through more than the limit, and what was counted meanwhile counts when an
// empty Redis has come.
func TestRedisIsKilled(t *testing.T) {
	for _, more := range [][]string{nil, {"--appendonly", "yes", "--appendfsync", "always"}} {
		t.Run(strings.Join(more, " "), func(t *testing.T) {
			s := newServer(t, more...)
			a, b := s.node(), s.node()
			eventually(t, "they know each other", func() bool { return a.Nodes() == 2 && b.Nodes() == 2 })
			const limit = 900
			ok := hammer([]*node{a, b}, 10, 250, func() {
				eventually(t, "a third is used", func() bool { return a.used(alice) > limit/3 })
				s.kill()
				eventually(t, "both are apart", func() bool { return a.Apart() != nil && b.Apart() != nil })
				time.Sleep(50 * time.Millisecond)
				s.start()
			}, limited(alice, limit))
			a.together()
			b.together()
			t.Logf("%d were let through in the storm, %d and %d alone", ok, a.Stats().Unshared, b.Stats().Unshared)
			ok += hammer([]*node{a, b}, 10, 150, nil, limited(alice, limit))
			if ok != limit {
				t.Errorf("%d were let through, want %d", ok, limit)
			}
			if a.errors.Load() != 1 || b.errors.Load() != 1 {
				t.Errorf("%d and %d errors, want one each", a.errors.Load(), b.errors.Load())
			}
		})
	}
}

// TestShares: while Redis is away each node lets through its part of what was
// left, and nothing else is refused.
func TestShares(t *testing.T) {
	s := newServer(t)
	a, b := s.node(), s.node()
	eventually(t, "they know each other", func() bool { return a.Nodes() == 2 && b.Nodes() == 2 })
	a.send(charge(10, limited(alice, 100)))
	eventually(t, "b knows it", func() bool { return b.used(alice) == 10 })
	s.kill()
	for _, n := range []*node{a, b} {
		ok := hammer([]*node{n}, 1, 100, nil, limited(alice, 100))
		if ok != 30 { // 90 are left for two, and one that makes up for what they do not know
			t.Errorf("%d were let through, want 30", ok)
		}
		if v := n.Take(t.Context(), charge(1, limited(alice, 100))); v.OK || !v.Over.Apart {
			t.Errorf("%+v, want a refusal since it is apart", v)
		}
		if !n.send(charge(1, limited(bob, 100))) || !n.send(charge(1, sl.Limited{Subject: domain})) {
			t.Error("refused for want of Redis")
		}
	}
	s.start()
	a.together()
	b.together()
	if ok := hammer([]*node{a, b}, 4, 100, nil, limited(alice, 100)); ok != 30 {
		t.Errorf("%d were let through, want the 30 that were left", ok)
	}
}

// TestAloneWhileOneIsGone: a node that does not come back is not waited for.
func TestAloneWhileOneIsGone(t *testing.T) {
	s := newServer(t)
	a, b := s.nodeOf(sl.Settings{NodeGone: time.Second}), s.nodeOf(sl.Settings{NodeGone: time.Second})
	a.together()
	b.together()
	eventually(t, "they know each other", func() bool { return a.Nodes() == 2 && b.Nodes() == 2 })
	s.kill()
	b.stop()
	eventually(t, "a is apart", func() bool { return a.Apart() != nil })
	s.start()
	a.together()
	eventually(t, "a knows that it is alone", func() bool { return a.Nodes() == 1 })
	if n := hammer([]*node{a}, 2, 30, nil, limited(alice, 50)); n != 50 {
		t.Errorf("%d were let through, want 50", n)
	}
}

// TestFlushAll: the nodes put back what they know.
func TestFlushAll(t *testing.T) {
	s := newServer(t)
	a, b := s.node(), s.node()
	const limit = 600
	nodes := []*node{a, b}
	ok := hammer(nodes, 8, 100, func() {
		eventually(t, "a third is used", func() bool { return a.used(alice) > limit/3 })
		s.flush()
	}, limited(alice, limit), limited(domain, 10_000))
	for range 3 {
		a.Suspend(bob, time.Time{}, "")
		a.send(charge(7, limited(bob, 100)))
		s.flush()
		eventually(t, "it is put back", func() bool {
			c := s.client()
			defer c.Close()
			n, err := c.HGet(t.Context(), "{vmapd:limits}:c:d:recipients:3600000000000:example.com", "v").Int()
			return err == nil && n > 0
		})
		a.together()
		b.together()
	}
	ok += hammer(nodes, 8, 100, nil, limited(alice, limit), limited(domain, 10_000))
	if ok != limit {
		t.Errorf("%d were let through, want %d", ok, limit)
	}
	c := s.node()
	eventually(t, "a newcomer knows all", func() bool { _, ok := c.Suspended(bob); return ok && c.used(alice) == limit && c.used(domain) == limit })
}

// TestRedisHangs: charges wait once, and not for long.
func TestRedisHangs(t *testing.T) {
	s := newServer(t)
	r, err := redislimit.Open("unix://"+s.socket(), redislimit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	e := sl.Open(sl.Settings{Shared: r, ShareEvery: 10 * time.Millisecond, ShareLimit: 3 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { e.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	eventually(t, "it is together", func() bool { return e.Apart() == nil })
	_ = s.proc.Process.Signal(syscall.SIGSTOP)
	resume := func() { _ = s.proc.Process.Signal(syscall.SIGCONT) }
	defer resume()
	for range 200 {
		if !e.Take(t.Context(), charge(1, limited(alice, 300))).OK {
			t.Fatal("refused")
		}
	}
	if e.Apart() == nil || e.Stats().Unshared != 200 {
		t.Errorf("%v, %+v", e.Apart(), e.Stats())
	}
	resume()
	eventually(t, "it is together again", func() bool { return e.Apart() == nil })
	for i := range 110 {
		if ok := e.Take(t.Context(), charge(1, limited(alice, 300))).OK; ok != (i < 100) {
			t.Fatalf("%d: %v", i, ok)
		}
	}
}

// TestRestartWhileApart: a node that starts while Redis is away goes on with what
// it had heard.
func TestRestartWhileApart(t *testing.T) {
	s := newServer(t)
	path := filepath.Join(t.TempDir(), "limits")
	a, b := s.nodeOf(sl.Settings{Path: path}), s.node()
	a.together()
	eventually(t, "a knows b", func() bool { return a.Nodes() == 2 })
	b.send(charge(40, limited(alice, 100)))
	eventually(t, "a knows what b counts", func() bool { return a.used(alice) == 40 })
	s.kill()
	a.stop()
	a = s.nodeOf(sl.Settings{Path: path})
	if a.used(alice) != 40 || a.Nodes() != 2 || a.Apart() == nil {
		t.Errorf("used %d, %d nodes, %v; want 40, 2, and why it is apart", a.used(alice), a.Nodes(), a.Apart())
	}
	if n := hammer([]*node{a}, 1, 30, nil, limited(alice, 100)); n != 20 {
		t.Errorf("%d were let through, want 20", n)
	}
	eventually(t, "that is reported", func() bool { return a.errors.Load() == 1 })
	s.start()
	a.together()
	b.together()
	if n := hammer([]*node{a, b}, 2, 50, nil, limited(alice, 100)); n != 40 {
		t.Errorf("%d were let through, want the 40 that were left", n)
	}
}
