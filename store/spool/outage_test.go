package spool_test

import (
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/spool"
)

// TestOutage kills a server, or makes it hang, while batches are on their way
// to it. Put goes on, nothing is lost, and the spool drains when the server is
// back.
func TestOutage(t *testing.T) {
	servers := map[string]func(testing.TB) *dbtest.Server{"postgres": dbtest.NewPostgres, "mariadb": dbtest.NewMariaDB}
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			d := mailboxes(t, server.NewDatabase(t), 40)
			var failures atomic.Int64
			s := open(t, path(t), spool.Options{Gather: 1, ApplyTimeout: 500 * time.Millisecond, OnError: func(err error) {
				var a *spool.ApplyError
				if !errors.As(err, &a) {
					t.Errorf("OnError: %v", err)
				}
				failures.Add(1)
			}})
			run(t, s, &modoboa.WriteBack{DB: d})
			load := startLoad(t, s, 40)
			for _, c := range []struct {
				what     string
				down, up func() error
			}{
				{"hung", server.Pause, server.Resume},
				{"stopped", server.Stop, server.Start},
				{"killed", server.Kill, server.Start},
			} {
				eventually(t, "writes get through", load.progress(d))
				if err := c.down(); err != nil {
					t.Fatal(err)
				}
				before, acknowledged := failures.Load(), s.Stats().Acknowledged
				eventually(t, c.what+": batches fail while Put goes on", func() bool {
					return failures.Load() > before+2 && s.Stats().Acknowledged > acknowledged+100
				})
				if err := c.up(); err != nil {
					t.Fatal(err)
				}
				back := time.Now()
				eventually(t, c.what+": it drains", load.progress(d))
				t.Logf("%s: all written %v after the return", c.what, time.Since(back).Round(time.Millisecond))
			}
			want := load.stop()
			eventually(t, "everything is written", func() bool { return s.Stats().Pending == 0 })
			if got := usage(t, d); !equal(got, want) {
				t.Errorf("the database has %v, acknowledged were %v", got, want)
			}
		})
	}
}

// load is somebody who writes all the time.
type load struct {
	t    *testing.T
	mu   sync.Mutex
	last map[int]int64 // by user, as acknowledged
	end  chan struct{}
	done chan struct{}
}

func startLoad(t *testing.T, s *spool.Spool, users int) *load {
	l := &load{t: t, last: map[int]int64{}, end: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for n := int64(1); ; n++ {
			select {
			case <-l.end:
				return
			case <-time.After(time.Millisecond):
			}
			if err := s.Put(t.Context(), quota(int(n)%users, n)); err != nil {
				t.Error(err)
				return
			}
			l.mu.Lock()
			l.last[int(n)%users] = n
			l.mu.Unlock()
		}
	}()
	t.Cleanup(func() { l.stop() })
	return l
}

// progress returns a condition: the database has all that was acknowledged by
// now, or newer.
func (l *load) progress(d *db.DB) func() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	want := maps.Clone(l.last)
	return func() bool {
		got := usage(l.t, d)
		for u, n := range want {
			if got[user(u)] < n {
				return false
			}
		}
		return true
	}
}

func (l *load) stop() map[int]int64 {
	l.mu.Lock()
	select {
	case <-l.end:
	default:
		close(l.end)
	}
	l.mu.Unlock()
	<-l.done
	return l.last
}
