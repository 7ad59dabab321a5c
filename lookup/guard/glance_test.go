package guard

import (
	"net/netip"
	"testing"
)

// TestGlance: an attempt whose end is known at once is counted by its end alone,
// one that takes long from its Begin on; both are one attempt.
func TestGlance(t *testing.T) {
	g := New(Settings{})
	remote := netip.MustParseAddr("192.0.2.1")
	try := func(password uint64) Attempt {
		return Attempt{Account: "ann@a.test", Remote: remote, Fingerprint: password}
	}
	guesses := func() int {
		accounts, _ := g.Top(1)
		if len(accounts) == 0 {
			return 0
		}
		return accounts[0].Guesses
	}
	for i, step := range []struct {
		do      func()
		guesses int
	}{
		{func() { g.Glance(try(1)) }, 0},
		{func() { g.After(try(1), false) }, 1},
		{func() { g.Glance(try(2)); g.Begin(try(2)) }, 2},
		{func() { g.Cancel(try(2)) }, 1},
		{func() { g.Glance(try(3)); g.Begin(try(3)); g.After(try(3), false) }, 2},
		{func() { g.Glance(try(3)); g.Begin(try(3)); g.After(try(3), false) }, 2}, // again
		{func() { g.Glance(try(4)); g.After(try(4), true) }, 0},
	} {
		if step.do(); guesses() != step.guesses {
			t.Errorf("step %d: %d guesses, want %d", i, guesses(), step.guesses)
		}
	}
	if st := g.Stats(); st.Attempts != 5 || st.Successes != 1 || st.Failures != 3 {
		t.Errorf("%+v", st)
	}
}

// TestBeginRefuses: attempts that take long at the same time count against each
// other, although all were let through by a glance.
func TestBeginRefuses(t *testing.T) {
	g := New(Settings{})
	remote := netip.MustParseAddr("192.0.2.1")
	begun := 0
	var all []Attempt
	for i := range uint64(30) {
		all = append(all, Attempt{Account: "ann@a.test", Remote: remote, Fingerprint: i + 1})
		if g.Glance(all[i]).Refuse {
			t.Fatalf("a glance refuses attempt %d", i)
		}
	}
	for _, a := range all {
		if !g.Begin(a).Refuse {
			begun++
		}
	}
	if begun != 20 {
		t.Errorf("%d attempts at the same time, want 20", begun)
	}
}
