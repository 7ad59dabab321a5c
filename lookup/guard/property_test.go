package guard

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// anyAddr draws an address, often near the owner's.
func anyAddr(t *rapid.T, owner netip.Addr) netip.Addr {
	b := owner.As16()
	for range rapid.IntRange(1, 6).Draw(t, "bytes") {
		b[rapid.IntRange(0, 15).Draw(t, "byte")] ^= byte(rapid.IntRange(0, 255).Draw(t, "bits"))
	}
	return netip.AddrFrom16(b).Unmap()
}

// TestOwnerIsNeverLockedOut has an attacker do what he likes from as many
// addresses as he likes, logins to an account of his own and attempts without
// an end included. The owner gets in at home, always, at once.
func TestOwnerIsNeverLockedOut(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		g, c := newGuard(Settings{MaxEntries: rapid.SampledFrom([]int{8, 64, 4096}).Draw(t, "entries")})
		owner := rapid.SampledFrom([]netip.Addr{home1, v6(7, 1)}).Draw(t, "home")
		try(g, alice, owner, "right", true)
		left := 13 * 24 * time.Hour
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			from := anyAddr(t, owner)
			if bits := placeBits(owner); netip.PrefixFrom(owner, bits).Masked().Contains(from) {
				continue
			}
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				guesses(g, alice, from, rapid.IntRange(0, 1000).Draw(t, "first"), 50)
			case 1:
				guesses(g, "bob@example.com", from, 0, 50)
			case 2:
				try(g, "mallory@example.com", from, "right", true)
			case 3:
				g.Before(Attempt{Account: alice, Remote: from, Fingerprint: rapid.Uint64Range(1, 1<<16).Draw(t, "pending")})
			case 4:
				if d := time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "wait")); d < left {
					left -= d
					c.advance(d)
				}
			}
			if v := probe(g, alice, owner); v != (Verdict{}) {
				t.Fatalf("the owner at home: %+v", v)
			}
		}
		if !try(g, alice, owner, "right", true) {
			t.Fatal("the owner could not log in")
		}
	})
}

// TestOwnNetworksAreNeverRefused does anything there and elsewhere.
func TestOwnNetworksAreNeverRefused(t *testing.T) {
	own := netip.MustParsePrefix("10.1.0.0/16")
	property.Check(t, func(t *rapid.T) {
		g, _ := newGuard(Settings{Exempt: []netip.Prefix{own}})
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			from := netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(1, 2).Draw(t, "net")), 0, byte(rapid.IntRange(0, 3).Draw(t, "host"))})
			account := accountName(rapid.IntRange(0, 2).Draw(t, "account"))
			guesses(g, account, from, rapid.IntRange(0, 100).Draw(t, "first"), 20)
			if rapid.Bool().Draw(t, "then right") {
				try(g, account, from, "right", true)
			}
			for i := range 3 {
				if v := probe(g, accountName(i), netip.MustParseAddr("10.1.0.1")); v.Refuse {
					t.Fatalf("refused: %+v", v)
				}
			}
		}
		_, networks := g.Top(100)
		for _, n := range networks {
			if own.Overlaps(n.Network) {
				t.Fatalf("counted: %+v", n)
			}
		}
	})
}

// TestSuccessResets holds at every place and after whatever it was.
func TestSuccessResets(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		g, c := newGuard(Settings{})
		from := rapid.SampledFrom(modelPlaces).Draw(t, "remote")
		guesses(g, alice, from, 0, rapid.IntRange(0, 19).Draw(t, "guesses"))
		c.advance(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "wait")))
		if !try(g, alice, from, "right", true) {
			t.Fatal("refused")
		}
		if v := probe(g, alice, from); v != (Verdict{}) {
			t.Fatalf("after a success: %+v", v)
		}
		if accounts, networks := g.Top(1); len(accounts)+len(networks) > 0 {
			t.Fatalf("something is left: %v %v", accounts, networks)
		}
	})
}

// TestGuessesPerDayAreBounded has an attacker with any number of addresses go
// on for days: he gets the first twenty, and one for each that is forgotten.
func TestGuessesPerDayAreBounded(t *testing.T) {
	g, c := newGuard(Settings{})
	looked, n := 0, 0
	const days = 3
	for range days * 24 * 60 {
		for range 3 {
			looked += guesses(g, alice, addr4(n*257), n, 1)
			n++
		}
		c.advance(time.Minute)
	}
	if most := 20 + days*24*4; looked > most || looked < most-2 {
		t.Errorf("%d guesses of %d in %d days, want %d", looked, n, days, most)
	}
}

// TestFingerprintsDoNotRunOut has an attacker go on for half a year, with
// fingerprints of twelve bits: repetitions by chance remain rare.
func TestFingerprintsDoNotRunOut(t *testing.T) {
	g, c := newGuard(Settings{})
	looked := 0
	const days = 180
	random := rand.New(rand.NewPCG(1, 2))
	for range days * 24 * 4 {
		for range 10 {
			a := Attempt{Account: alice, Remote: addr4(random.IntN(1 << 24)), Fingerprint: 1<<12 + random.Uint64N(1<<12)}
			if !g.Before(a).Refuse {
				looked++
				g.After(a, false)
			}
		}
		c.advance(15 * time.Minute)
	}
	if most := 20 + days*24*4; looked > most+most/100 {
		t.Errorf("%d guesses in %d days, want %d and a few", looked, days, most)
	}
}

// TestFloodKeepsMemoryAndOffenders sends a million attempts from a million
// addresses for a million accounts: the tables are as large as before, those
// who guess much are still there, and the owner gets in.
func TestFloodKeepsMemoryAndOffenders(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	g, _ := newGuard(Settings{MaxEntries: 4096, MaxHomes: 4096})
	try(g, alice, home1, "right", true)
	guesses(g, "victim@example.com", away, 0, 20)
	for i := range n {
		a := Attempt{Account: accountName(i), Remote: addr4(i * 4099), Fingerprint: uint64(i + 1)}
		if !g.Before(a).Refuse {
			g.After(a, false)
		}
	}
	for name, size := range map[string]int{
		"accounts": len(g.accounts.slots), "places": len(g.pairs.slots), "networks": len(g.networks.slots),
		"words": len(g.words.slots), "pending": 4 * len(g.pending.slots), "homes": len(g.homes.slots),
	} {
		if size != 4096 {
			t.Errorf("%s: %d entries, want 4096", name, size)
		}
	}
	if v := probe(g, "victim@example.com", netip.MustParseAddr("203.0.113.99")); !v.Refuse {
		t.Errorf("the account under attack was evicted: %+v", v)
	}
	if v := probe(g, accountName(-1), away); !v.Refuse {
		t.Errorf("the worst address was evicted: %+v", v)
	}
	if v := probe(g, alice, home1); v != (Verdict{}) {
		t.Errorf("the owner at home: %+v", v)
	}
	if g.Stats().Evicted == 0 {
		t.Error("nothing was evicted")
	}
}
