package guard

import (
	"cmp"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

// newGuard makes a guard with a clock of its own, and with small tables unless
// s says something else.
func newGuard(s Settings) (*Guard, *clock) {
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	s.Now = c.now
	s.MaxEntries, s.MaxHomes = cmp.Or(s.MaxEntries, 8192), cmp.Or(s.MaxHomes, 1024)
	g := New(s)
	fixKey(g)
	return g, c
}

// fixKey makes fingerprints the same in every run: with random ones two
// passwords are taken for one once in four thousand times.
func fixKey(g *Guard) { g.key.Store(&[32]byte{}) }

const alice = "alice@example.com"

var (
	home1   = netip.MustParseAddr("192.0.2.10")
	away    = netip.MustParseAddr("198.51.100.7")
	webmail = netip.MustParseAddr("127.0.0.1")
)

// try makes a whole attempt, as a daemon would. The password is right if ok.
// It reports whether the password was looked at.
func try(g *Guard, account string, remote netip.Addr, password string, ok bool) (looked bool) {
	a := Attempt{Account: account, Remote: remote, Fingerprint: g.Fingerprint(account, []byte(password))}
	if g.Before(a).Refuse {
		return false
	}
	g.After(a, ok)
	return true
}

// guesses makes n attempts with passwords that nobody used before, and returns
// how many were looked at. The fingerprints are given, not hashed, so that no
// two of them are the same by chance.
func guesses(g *Guard, account string, remote netip.Addr, from, n int) (looked int) {
	for i := range n {
		a := Attempt{Account: account, Remote: remote, Fingerprint: uint64(from + i + 1)}
		if g.Before(a).Refuse {
			continue
		}
		looked++
		g.After(a, false)
	}
	return looked
}

// probe asks about an attempt and takes it back.
func probe(g *Guard, account string, remote netip.Addr) Verdict {
	a := Attempt{Account: account, Remote: remote, Fingerprint: 1 << 60}
	v := g.Before(a)
	if !v.Refuse {
		g.Cancel(a)
	}
	return v
}

func addr4(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(11 + i>>24), byte(i >> 16), byte(i >> 8), byte(i)})
}

func accountName(i int) string { return fmt.Sprintf("user%d@example.com", i) }
