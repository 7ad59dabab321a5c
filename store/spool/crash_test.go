package spool_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/spool"
)

const loadUsers = 8

// TestKill kills a process that writes as fast as it can, several times. What
// it had acknowledged is in the spool or in the database, and in the database
// once the spool has been drained.
func TestKill(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := mailboxes(t, url, loadUsers)
		p := path(t)
		acknowledged := map[int]int64{}
		for round := range 4 {
			base := int64(round) * 1_000_000
			killUnderLoad(t, p, url, base, 300+170*round, acknowledged)
			s := open(t, p, spool.Options{})
			checkKept(t, s, usage(t, d), base, acknowledged)
			if round%2 == 1 { // else it piles up
				stop := run(t, s, &modoboa.WriteBack{DB: d})
				eventually(t, "the spool is drained", func() bool { return s.Stats().Pending == 0 })
				stop()
				checkKept(t, s, usage(t, d), base, acknowledged)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// checkKept: the last write of a user is there, or one after it that became
// durable without its answer having been seen.
func checkKept(t *testing.T, s *spool.Spool, inDatabase map[string]int64, base int64, acknowledged map[int]int64) {
	t.Helper()
	for u, n := range acknowledged {
		got := pendingBytes(s, u)
		if got == 0 {
			got = inDatabase[user(u)]
		}
		if got != n && got != n+1 && got != base+1 {
			t.Errorf("%s has %d, acknowledged were %d", user(u), got, n)
		}
	}
}

// killUnderLoad kills a child after it acknowledged so many writes.
func killUnderLoad(t *testing.T, path, url string, base int64, writes int, acknowledged map[int]int64) {
	t.Helper()
	p := startChild(t, "load", path, url)
	if _, err := fmt.Fprintln(p.in, base); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		line, err := p.out.ReadString('\n')
		if err != nil {
			break
		}
		var u int
		var n int64
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "%d %d", &u, &n); err != nil {
			t.Fatal(err)
		}
		acknowledged[u] = n
		if i == writes {
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = p.cmd.Wait()
}

func pendingBytes(s *spool.Spool, u int) (n int64) {
	if w, ok := s.Get(modoboa.KindQuota, user(u)); ok {
		n, _, _ = modoboa.ParseQuota(w.Value)
	}
	return n
}
