package main_test

import (
	"context"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/lookup/socketmap"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// clockDrills set the clock. No process can be given a clock of its own, and
// that of the machine is not ours to set: so a Store runs in this process, and
// reads a clock that can be set.
func clockDrills() []failureDrill {
	return []failureDrill{
		{"clock set back an hour", "postgres", "postgres", func(g *stage) { g.setClock(-time.Hour) }},
		{"clock set forward a day", "postgres", "", func(g *stage) { g.setClock(24 * time.Hour) }},
	}
}

// steppedClock gives the time as time.Now would if the clock had been set: the
// time of day is another, the monotonic reading goes on.
type steppedClock struct{ step atomic.Int64 } // seconds

// Now depends on how package time stores a Time with a monotonic reading: a
// flag, 33 bits of seconds since 1885 and 30 bits of nanoseconds. TestSteppedClock
// notices if that changes.
func (c *steppedClock) Now() time.Time {
	t := time.Now()
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall += uint64(c.step.Load()) << 30
	return t
}

func TestSteppedClock(t *testing.T) {
	var c steppedClock
	before := c.Now()
	c.step.Store(-3600)
	after := c.Now()
	if d := after.Sub(before); d < 0 || d > time.Minute {
		t.Errorf("the monotonic clock went by %v", d)
	}
	if d := after.Round(0).Sub(before.Round(0)); d > -59*time.Minute || d < -time.Hour {
		t.Errorf("the time of day went by %v", d)
	}
}

// setClock sets the clock while a database is followed, and again while it is
// away. max_stale counts what has passed, not what the clock says.
func (g *stage) setClock(by time.Duration) {
	proxy, url := g.drillSite.proxy(g.T, g.url)
	clock := new(steppedClock)
	const maxStale = 10 * time.Minute
	s := &store.Store{
		Settings: store.Settings{Source: &modoboa.Source{DB: dbtest.Open(g.T, url, db.Options{ReadOnly: true})}, MaxStale: maxStale, Origin: "drill"},
		File:     filepath.Join(g.TempDir(), "snapshot"), Now: clock.Now,
	}
	socket := serveStore(g.T, s)
	g.clients = drill.Ask(g.T, socket, 2, g.size.probes())
	time.Sleep(g.limits.before)
	g.before = g.judge("before", g.clients.Turn())

	g.fault(func() { clock.step.Add(int64(by / time.Second)) }, func() { g.fresh(s) })
	began := time.Now()
	awaitServed(g.T, socket, g.change(g.T, g.url), time.Minute)
	g.recovered(time.Since(began))

	proxy.Cut()
	drill.Await(g.T, time.Minute, "the store notices", func() bool { return !s.Status().DatabaseUp })
	g.fault(func() { clock.step.Add(int64(by / time.Second)) }, func() {
		if age, stale := s.Stale(); stale || age > time.Minute {
			g.Errorf("what is served is %v old, stale: %v", age, stale)
		}
	})
	if err := proxy.Resume(); err != nil {
		g.Fatal(err)
	}
	began = time.Now()
	awaitServed(g.T, socket, g.change(g.T, g.url), time.Minute)
	g.recovered(time.Since(began))
	g.fresh(s)
	g.judge("after", g.clients.Stop())
}

// fresh expects that the store keeps up: it looks every second.
func (g *stage) fresh(s *store.Store) {
	g.Helper()
	if st := s.Status(); st.Age > 5*time.Second || st.Stale || !st.DatabaseUp {
		g.Errorf("status after the clock was set: %+v", st)
	}
}

// serveStore runs a store and answers from it on a socket, until the test ends.
func serveStore(t *testing.T, s *store.Store) (socket string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	socket = filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; ln.Close() })
	if _, err := s.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	server := &socketmap.Server{Lookup: lookup.NewResolver(s, lookup.Options{RecipientDelimiter: "+", SenderLogin: "2.x", ParentDomains: true}).Lookup}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _ = server.ServeConn(ctx, c) }()
		}
	}()
	return socket
}
