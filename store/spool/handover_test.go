package spool_test

import (
	"testing"

	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/spool"
)

// TestHandOver: two processes have the file open. Each finds what the other
// wrote, one writes to the database, and the last write wins, whoever made it.
func TestHandOver(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := mailboxes(t, url, 50)
		p := path(t)
		old := startChild(t, "obey", p, url)
		say(t, old, "put 1 10")
		s := open(t, p, spool.Options{})
		if n := pendingBytes(s, 1); n != 10 {
			t.Errorf("u1 = %d after Open, want the other process' 10", n)
		}
		say(t, old, "run")
		eventually(t, "the old process writes", func() bool { return usage(t, d)[user(1)] == 10 })
		stop := run(t, s, &modoboa.WriteBack{DB: d})
		want := map[int]int64{}
		for n := int64(100); n < 200; n++ {
			u := int(n*7) % 50
			if n%3 == 0 {
				say(t, old, "put %d %d", u, n)
			} else {
				put(t, s, quota(u, n))
			}
			want[u] = n
		}
		eventually(t, "everything is written", func() bool { return equal(usage(t, d), want) })
		if s.Stats().Running {
			t.Error("two processes write to the database")
		}
		eventually(t, "we see it", func() bool { return s.Stats().Pending == 0 })
		// What the old one leaves behind is ours now, without its Close.
		if err := old.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		put(t, s, quota(3, 333))
		eventually(t, "we write", func() bool { return usage(t, d)[user(3)] == 333 && s.Stats().Running })

		// The other way round: a process that does not run a sink.
		idle := startChild(t, "obey", p, url)
		say(t, idle, "put 4 444")
		eventually(t, "we write what the other one put", func() bool { return usage(t, d)[user(4)] == 444 })
		stop()
		put(t, s, quota(5, 555))
		say(t, idle, "run")
		eventually(t, "the other one writes what we put", func() bool { return usage(t, d)[user(5)] == 555 })
		idle.end()
	})
}

// TestLogStaysWithItsUser: a process that closes the file does not take the
// write-ahead log away from one that goes on writing.
func TestLogStaysWithItsUser(t *testing.T) {
	url := dbtest.SQLite(t)
	mailboxes(t, url, 3)
	p := path(t)
	s := open(t, p, spool.Options{})
	put(t, s, quota(0, 1))
	startChild(t, "obey", p, url).end()
	put(t, s, quota(1, 2)) // not closed: as if killed
	other := startChild(t, "obey", p, url)
	if got := other.ask("get 1"); got != `{"bytes":2,"messages":1}` {
		t.Errorf("another process finds %q", got)
	}
	other.end()
}

func say(t *testing.T, p *process, format string, args ...any) {
	t.Helper()
	if answer := p.ask(format, args...); answer != "ok" {
		t.Fatalf("%s %v: %s", format, args, answer)
	}
}

func equal(got map[string]int64, want map[int]int64) bool {
	for u, n := range want {
		if got[user(u)] != n {
			return false
		}
	}
	return true
}
