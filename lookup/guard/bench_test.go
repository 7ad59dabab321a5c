package guard

import (
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkBefore judges logins of accounts at their usual places, with the
// right passwords.
func BenchmarkBefore(b *testing.B) { benchmark(b, func(g *Guard, a Attempt) { g.Before(a) }) }

// BenchmarkLogin is a whole one.
func BenchmarkLogin(b *testing.B) {
	benchmark(b, func(g *Guard, a Attempt) {
		g.Before(a)
		g.After(a, true)
	})
}

// BenchmarkGuess is an attempt of an attacker, refused or not.
func BenchmarkGuess(b *testing.B) {
	benchmark(b, func(g *Guard, a Attempt) {
		if !g.Before(a).Refuse {
			g.After(a, false)
		}
	})
}

func benchmark(b *testing.B, do func(*Guard, Attempt)) {
	g := New(Settings{})
	list := benchAttempts(g)
	b.ReportAllocs()
	var next atomic.Uint64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			do(g, list[next.Add(1)%uint64(len(list))])
		}
	})
}

func benchAttempts(g *Guard) []Attempt {
	list := make([]Attempt, 50_000)
	for i := range list {
		list[i] = Attempt{Account: accountName(i), Remote: addr4(i * 7), Fingerprint: uint64(i + 1)}
		g.After(list[i], true)
	}
	return list
}

// BenchmarkFingerprint is what hashing a password for comparison costs.
func BenchmarkFingerprint(b *testing.B) {
	g := New(Settings{})
	b.ReportAllocs()
	for b.Loop() {
		g.Fingerprint(alice, []byte("correct horse battery staple"))
	}
}

// TestNothingIsAllocated is for every login there is; only a place that an
// account comes from for the first time takes memory.
func TestNothingIsAllocated(t *testing.T) {
	g := New(Settings{Remember: 24 * time.Hour})
	list := benchAttempts(g)[:1000]
	i := 0
	next := func() Attempt { i++; return list[i%len(list)] }
	for name, do := range map[string]func(){
		"before":  func() { g.Before(next()) },
		"success": func() { g.After(next(), true) },
		"guess":   func() { a := next(); a.Fingerprint += uint64(i) << 20; g.Before(a); g.After(a, false) },
		"refused": func() { guesses(g, alice, away, 0, 1) },
		"new":     func() { a := next(); a.Account = list[(i*7)%1000].Account; a.Remote = v6(i, 1); g.Before(a) },
		"cancel":  func() { a := next(); g.Before(a); g.Cancel(a) },
	} {
		if n := testing.AllocsPerRun(2000, do); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
