package guard

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

func TestDelaysGrowAndThenRefuse(t *testing.T) {
	g, c := newGuard(Settings{})
	var delays []time.Duration
	for i := range 9 {
		a := Attempt{Account: alice, Remote: addr4(i * 70000), Fingerprint: uint64(i + 1)} // each from elsewhere
		if v := g.Before(a); v.Refuse {
			t.Fatalf("attempt %d is refused: %+v", i, v)
		}
		delays = append(delays, g.After(a, false).Delay)
	}
	s := time.Second
	if diff := cmp.Diff([]time.Duration{0, 0, 0, 1 * s, 2 * s, 4 * s, 8 * s, 8 * s, 8 * s}, delays); diff != "" {
		t.Errorf("delays (-want +got):\n%s", diff)
	}
	if n := guesses(g, alice, addr4(90000000), 100, 50); n != 11 {
		t.Errorf("%d more guesses were let through, want 11, twenty in all", n)
	}
	want := Verdict{Refuse: true, Delay: 8 * s, Reason: "account"}
	if diff := cmp.Diff(want, probe(g, alice, away)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c.advance(15 * time.Minute)
	if n := guesses(g, alice, away, 200, 50); n != 1 {
		t.Errorf("after the time in which one is forgotten, %d guesses were let through, want 1", n)
	}
	c.advance(20 * 15 * time.Minute)
	if v := probe(g, alice, away); v != (Verdict{}) {
		t.Errorf("after all is forgotten: %+v", v)
	}
}

func TestSprayingFillsTheNetworks(t *testing.T) {
	for _, tt := range []struct {
		name   string
		remote func(i int) netip.Addr // one guess for each account, each from here
		looked int
		reason string
	}{
		{"one IPv4 address", func(int) netip.Addr { return away }, 20, "address"},
		{"as IPv6 writes it", func(i int) netip.Addr { return netip.MustParseAddr("::ffff:198.51.100.7") }, 20, "address"},
		{"an IPv4 /24", func(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}) }, 100, "network"},
		{"an IPv6 /64", func(i int) netip.Addr { return v6(0, i) }, 20, "address"},
		{"an IPv6 /56", func(i int) netip.Addr { return v6(i%256, 0) }, 50, "network"},
		{"an IPv6 /48", func(i int) netip.Addr { return v6(i*256%65536, 0) }, 200, "network"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, _ := newGuard(Settings{})
			looked := 0
			for i := range 1000 {
				looked += guesses(g, accountName(i), tt.remote(i), 0, 1)
			}
			if looked != tt.looked {
				t.Errorf("%d guesses were let through, want %d", looked, tt.looked)
			}
			if v := probe(g, alice, tt.remote(3)); !v.Refuse || v.Reason != tt.reason {
				t.Errorf("%+v, want a refusal for %q", v, tt.reason)
			}
			if v := probe(g, alice, home1); v != (Verdict{}) {
				t.Errorf("elsewhere: %+v", v)
			}
		})
	}
}

// v6 gives an address in one /48: the network's 16 bits, and a device.
func v6(network, device int) netip.Addr {
	b := [16]byte{0x20, 1, 0xd, 0xb8, 0, 1, byte(network >> 8), byte(network)}
	b[14], b[15] = byte(device>>8), byte(device)
	return netip.AddrFrom16(b)
}

func TestSamePasswordCountsOnce(t *testing.T) {
	g, c := newGuard(Settings{})
	for i := range 1000 {
		if !try(g, alice, away, "last year's", false) {
			t.Fatalf("attempt %d was refused", i)
		}
		c.advance(7 * time.Minute)
	}
	if s := g.Stats(); s.Failures != 1000 || s.Repeats != 999 {
		t.Errorf("%+v, want 1000 failures, all but one repeats", s)
	}
	for i := range 1000 { // and from everywhere
		if !try(g, alice, addr4(i), "last year's", false) {
			t.Fatalf("attempt %d was refused", i)
		}
	}
}

func TestSuccessForgivesItsOwnGuessesOnly(t *testing.T) {
	g, _ := newGuard(Settings{})
	guesses(g, alice, away, 0, 10)      // an attacker
	guesses(g, alice, home1, 1000, 7)   // the owner
	try(g, alice, home1, "right", true) // at last
	if v := probe(g, alice, home1); v != (Verdict{}) {
		t.Errorf("the owner: %+v", v)
	}
	if v := probe(g, accountName(1), home1); v != (Verdict{}) {
		t.Errorf("another account at the owner's: %+v", v)
	}
	accounts, networks := g.Top(10)
	if len(accounts) != 1 || accounts[0].Guesses != 10 {
		t.Errorf("accounts %+v: want the attacker's 10 guesses", accounts)
	}
	if len(networks) != 2 || networks[0].Guesses != 10 || networks[1].Guesses != 10 {
		t.Errorf("networks %+v: want the attacker's two, 10 guesses each", networks)
	}
	if n := guesses(g, alice, away, 100, 50); n != 10 {
		t.Errorf("the attacker had %d more guesses, want 10", n)
	}
}

// TestOwnAccountDoesNotHelpAnAttacker logs in between guesses for others.
func TestOwnAccountDoesNotHelpAnAttacker(t *testing.T) {
	g, _ := newGuard(Settings{})
	looked := 0
	for i := range 100 {
		looked += guesses(g, accountName(i), away, 0, 1)
		try(g, "mallory@example.com", away, "right", true)
	}
	if looked != 20 {
		t.Errorf("%d guesses were let through, want 20", looked)
	}
}

func TestGuessesAtTheSameMoment(t *testing.T) {
	g, _ := newGuard(Settings{})
	passed := 0
	for i := range 1000 {
		if !g.Before(Attempt{Account: alice, Remote: addr4(i * 300), Fingerprint: uint64(i + 1)}).Refuse {
			passed++
		}
	}
	if passed != 20 {
		t.Errorf("%d guesses passed before the first was found wrong, want 20", passed)
	}
}

// TestAnOfficeComesBack is no attack: many accounts at once, all right.
func TestAnOfficeComesBack(t *testing.T) {
	g, _ := newGuard(Settings{})
	var list []Attempt
	for i := range 500 {
		a := Attempt{Account: accountName(i), Remote: away, Fingerprint: uint64(i + 1)}
		if v := g.Before(a); v != (Verdict{}) {
			t.Fatalf("login %d: %+v", i, v)
		}
		list = append(list, a)
	}
	for _, a := range list {
		g.After(a, true)
	}
	if accounts, networks := g.Top(5); len(accounts)+len(networks) > 0 {
		t.Errorf("something is left: %v %v", accounts, networks)
	}
}

func TestCancelTakesBack(t *testing.T) {
	g, _ := newGuard(Settings{})
	for i := range 100 { // an outage
		a := Attempt{Account: alice, Remote: away, Fingerprint: uint64(i + 1)}
		if g.Before(a).Refuse {
			t.Fatalf("attempt %d is refused", i)
		}
		g.Cancel(a)
		g.Cancel(a) // once too often does no harm
	}
	if n := guesses(g, alice, away, 1000, 100); n != 20 {
		t.Errorf("%d guesses, want 20", n)
	}
}

func TestAskedTwice(t *testing.T) {
	g, _ := newGuard(Settings{})
	guesses(g, alice, away, 0, 19)
	a := Attempt{Account: alice, Remote: away, Fingerprint: 1000}
	if v := g.Before(a); v.Refuse || v.Delay != 8*time.Second {
		t.Fatalf("the last one that passes: %+v", v)
	}
	if v := g.Before(a); v != (Verdict{}) {
		t.Errorf("asked again while it is under way: %+v", v)
	}
	g.After(a, true)
	if v := probe(g, alice, away); v != (Verdict{}) {
		t.Errorf("it was the right one: %+v", v)
	}
}

func TestWithoutAddressOrFingerprint(t *testing.T) {
	g, _ := newGuard(Settings{})
	a := Attempt{Account: alice}
	for range 20 {
		if v := g.Before(a); v.Refuse {
			t.Fatalf("%+v", v)
		}
		g.After(a, false)
	}
	if v := g.Before(a); !v.Refuse || v.Reason != "account" {
		t.Errorf("%+v, want a refusal", v)
	}
}

// TestOwnNetworks guesses through webmail: nobody is refused there, and the
// account is held, and refused at unknown places.
func TestOwnNetworks(t *testing.T) {
	g, _ := newGuard(Settings{})
	if n := guesses(g, alice, webmail, 0, 200); n != 200 {
		t.Errorf("%d guesses, want all 200", n)
	}
	if v := probe(g, alice, webmail); v != (Verdict{Delay: 8 * time.Second, Reason: "account"}) {
		t.Errorf("alice in webmail: %+v", v)
	}
	if v := probe(g, accountName(1), webmail); v != (Verdict{}) {
		t.Errorf("others in webmail: %+v", v)
	}
	if v := probe(g, alice, away); !v.Refuse {
		t.Errorf("alice elsewhere: %+v", v)
	}
	g, _ = newGuard(Settings{Exempt: []netip.Prefix{}})
	if n := guesses(g, alice, webmail, 0, 200); n != 20 {
		t.Errorf("without own networks %d guesses, want 20", n)
	}
}

func TestPlacesAreForgotten(t *testing.T) {
	g, c := newGuard(Settings{Remember: 24 * time.Hour})
	try(g, alice, home1, "right", true)
	c.advance(23 * time.Hour)
	guesses(g, alice, away, 0, 100)
	if v := probe(g, alice, home1); v.Refuse {
		t.Errorf("after 23 hours: %+v", v)
	}
	c.advance(time.Hour)
	guesses(g, alice, netip.MustParseAddr("203.0.113.1"), 100, 100)
	if v := probe(g, alice, home1); !v.Refuse {
		t.Errorf("after 24 hours: %+v, want a refusal", v)
	}
}

// TestManyPlaces keeps those that were used last.
func TestManyPlaces(t *testing.T) {
	g, c := newGuard(Settings{})
	for i := range 2 * maxPlaces {
		c.advance(time.Minute)
		try(g, alice, addr4(i*1000), "right", true)
	}
	for i := range 2 * maxPlaces {
		k := g.keys(alice, addr4(i*1000), 0)
		if known := g.isHome(&k, g.time()); known != (i >= maxPlaces) {
			t.Errorf("place %d known: %v", i, known)
		}
	}
}

func TestForgive(t *testing.T) {
	g, _ := newGuard(Settings{})
	guesses(g, alice, away, 0, 30)
	if !g.Forgive(alice) || g.Forgive(alice) {
		t.Error("want something to forgive once")
	}
	if v := probe(g, alice, home1); v != (Verdict{}) {
		t.Errorf("the account: %+v", v)
	}
	if v := probe(g, alice, away); !v.Refuse || v.Reason != "address" {
		t.Errorf("the address: %+v", v)
	}
	if n := g.ForgivePrefix(netip.MustParsePrefix("198.51.100.0/26")); n != 2 {
		t.Errorf("forgave %d networks, want the address and its /24", n)
	}
	if v := probe(g, alice, away); v != (Verdict{}) {
		t.Errorf("the address, forgiven: %+v", v)
	}
}

// TestForgiveAtHome is for the owner whose own place was used for guessing.
func TestForgiveAtHome(t *testing.T) {
	g, _ := newGuard(Settings{})
	try(g, alice, home1, "right", true)
	guesses(g, alice, home1, 0, 30)
	if v := probe(g, alice, home1); !v.Refuse || v.Reason != "place" {
		t.Errorf("%+v, want a refusal", v)
	}
	if accounts, _ := g.Top(1); len(accounts) > 0 {
		t.Errorf("counted for the account: %+v", accounts)
	}
	g.Forgive(alice)
	if v := probe(g, alice, home1); v != (Verdict{}) {
		t.Errorf("forgiven: %+v", v)
	}
}

func TestPressure(t *testing.T) {
	g, c := newGuard(Settings{})
	guesses(g, alice, home1, 0, 3) // are free
	if accounts, networks := g.Pressure(); accounts != (Pressure{}) || networks != (Pressure{}) {
		t.Errorf("%+v %+v, want none", accounts, networks)
	}
	guesses(g, alice, home1, 3, 1)
	guesses(g, accountName(1), away, 0, 20)
	if accounts, networks := g.Pressure(); accounts != (Pressure{1, 1}) || networks != (Pressure{1, 1}) {
		t.Errorf("%+v %+v, want of each one that is held and one that is refused", accounts, networks)
	}
	c.advance(24 * time.Hour)
	if accounts, networks := g.Pressure(); accounts != (Pressure{}) || networks != (Pressure{}) {
		t.Errorf("a day later: %+v %+v, want none", accounts, networks)
	}
}

func TestTopHidesWhatHarmsATerminal(t *testing.T) {
	g, c := newGuard(Settings{})
	guesses(g, "\x1b[2J\xff"+string(make([]byte, 100)), away, 0, 25)
	guesses(g, alice, away, 0, 1)
	guesses(g, alice, home1, 5, 2)
	accounts, networks := g.Top(1)
	if len(accounts) != 1 || len(networks) != 1 {
		t.Fatalf("%v %v, want one of each", accounts, networks)
	}
	if a := accounts[0]; !a.Refused || a.Guesses != 20 || []rune(a.Account)[0] != '\uFFFD' || !a.Forgotten.Equal(c.t.Add(20*15*time.Minute)) {
		t.Errorf("%+v", a)
	}
	if n := networks[0]; !n.Refused || n.Network != netip.MustParsePrefix("198.51.100.7/32") {
		t.Errorf("%+v", n)
	}
}

func TestClockRunsBackwards(t *testing.T) {
	g, c := newGuard(Settings{})
	guesses(g, alice, away, 0, 20)
	c.advance(-365 * 24 * time.Hour)
	if v := probe(g, alice, away); !v.Refuse {
		t.Errorf("%+v, want a refusal", v)
	}
}

func TestFingerprint(t *testing.T) {
	g, _ := newGuard(Settings{})
	other := New(Settings{MaxEntries: 8, MaxHomes: 8})
	same, differs := 0, 0
	property.Check(t, func(t *rapid.T) {
		account, password := rapid.String().Draw(t, "account"), []byte(rapid.String().Draw(t, "password"))
		f := g.Fingerprint(account, password)
		if f == 0 || f >= 2<<fingerprintBits || f != g.Fingerprint(account, password) {
			t.Fatalf("%x", f)
		}
		// One byte from the password to the account, or another key, is another thing.
		if len(password) > 0 && g.Fingerprint(account+string(password[:1]), password[1:]) == f {
			same++
		}
		if other.Fingerprint(account, password) != f {
			differs++
		}
	})
	if same > 3 || differs == 0 {
		t.Errorf("%d collisions, %d differences", same, differs)
	}
}
