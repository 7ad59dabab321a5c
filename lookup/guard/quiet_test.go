package guard

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// twin is a Guard of which nothing is ever quiet.
func twin(s Settings) *Guard {
	g := New(s)
	for i := range g.quiet.marks.Load() {
		g.quiet.marks.Load()[i].Store(^uint64(0))
	}
	g.quiet.swept = 1 << 62
	return g
}

// TestQuietIsGlance: who asks Quiet first gets the verdicts of who does not.
// Places are not compared in the hour in which they may be forgotten.
func TestQuietIsGlance(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		now := time.Unix(1e9, 0)
		s := Settings{Now: func() time.Time { return now }, MaxEntries: 1 << 12, MaxHomes: 1 << 12}
		with, without := New(s), twin(s)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			a := Attempt{
				Account:     rapid.SampledFrom([]string{"ann@a.test", "bob@a.test"}).Draw(t, "account"),
				Remote:      netip.MustParseAddr(rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "127.0.0.1"}).Draw(t, "remote")),
				Fingerprint: uint64(rapid.IntRange(1, 6).Draw(t, "password")),
			}
			right := rapid.Bool().Draw(t, "right")
			quiet := with.Quiet(&a)
			var got Verdict
			if !quiet {
				got = with.Glance(a)
			}
			want := without.Glance(a)
			if got != want {
				t.Fatalf("%v, quiet %v: %+v, want %+v", a, quiet, got, want)
			}
			refused := want.Refuse
			how := rapid.SampledFrom([]string{"at once", "at once", "slowly", "not at all", "for ever"}).Draw(t, "ends")
			if how != "at once" && !refused {
				got, want := with.Begin(a), without.Begin(a)
				if got != want {
					t.Fatalf("%v begins: %+v, want %+v", a, got, want)
				}
				refused = want.Refuse
			}
			switch {
			case refused || how == "for ever":
			case how == "not at all":
				with.Cancel(a)
				without.Cancel(a)
			default:
				if got, want := with.After(a, right), without.After(a, right); got != want {
					t.Fatalf("%v ended, right %v: %+v, want %+v", a, right, got, want)
				}
			}
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 60, 600, 7200, 20 * 24 * 3600}).Draw(t, "seconds")) * time.Second)
		}
		if got, want := with.Stats(), without.Stats(); got != want {
			t.Fatalf("counted %+v, want %+v", got, want)
		}
	})
}

// TestSweep: what was forgiven or forgotten is quiet again after a while, what
// was not is not.
func TestSweep(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := New(Settings{Now: func() time.Time { return now }, MaxEntries: 1 << 12, MaxHomes: 1 << 12})
	typo := Attempt{Account: "ann@a.test", Remote: netip.MustParseAddr("192.0.2.1"), Fingerprint: 1}
	attacked := Attempt{Account: "bob@a.test", Remote: netip.MustParseAddr("198.51.100.1"), Fingerprint: 2}
	if !g.Quiet(&typo) || !g.Quiet(&attacked) {
		t.Fatal("a new guard is not quiet")
	}
	g.After(typo, false)
	if g.Quiet(&typo) {
		t.Error("quiet after a wrong password")
	}
	for range 20 * 24 * 6 { // the wrong password is remembered for two weeks
		now = now.Add(10 * time.Minute)
		for i := range uint64(200) {
			a := attacked
			a.Fingerprint += i
			if !g.Glance(a).Refuse {
				g.After(a, false)
			}
		}
	}
	if !g.Quiet(&typo) {
		t.Error("what was forgotten is still marked")
	}
	if g.Quiet(&attacked) {
		t.Error("an account that is being attacked is quiet")
	}
}

// TestQuietWhileUnderWay: an owner is quiet once his password was right, also if
// that took a while; a guess of which nobody has said the end stays.
func TestQuietWhileUnderWay(t *testing.T) {
	g := New(Settings{MaxEntries: 8, MaxHomes: 1 << 12}) // two guesses
	a := Attempt{Account: "ann@a.test", Remote: netip.MustParseAddr("192.0.2.1"), Fingerprint: 1}
	if !g.Quiet(&a) {
		t.Fatal("a new guard is not quiet")
	}
	g.Begin(a)
	if again := a; g.Quiet(&again) {
		t.Error("quiet while a guess is under way")
	}
	g.After(a, true)
	if !g.Quiet(&a) {
		t.Error("not quiet after a right password")
	}
	g.Begin(a)
	for i := range uint64(20) { // others take its slot
		g.Begin(Attempt{Account: "bob@a.test", Remote: a.Remote, Fingerprint: 2 + i})
	}
	if g.Quiet(&a) {
		t.Error("quiet although nobody said how the guess ended")
	}
}

// BenchmarkQuietLogin is a login of an owner at his usual place.
func BenchmarkQuietLogin(b *testing.B) {
	benchmark(b, func(g *Guard, a Attempt) {
		if !g.Quiet(&a) {
			g.Glance(a)
		}
		g.After(a, true)
	})
}
