package sendlimit

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childPath) != "" {
		os.Exit(child())
	}
	goleak.VerifyTestMain(m)
}

// clock is a time that tests move.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.set(time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC))
	return c
}

func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *clock) set(t time.Time)         { c.ms.Store(t.UnixMilli()) }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// bothWays runs a test with a file that is mapped, and with one that is written.
func bothWays(t *testing.T, test func(t *testing.T, mapped bool)) {
	t.Run("mapped", func(t *testing.T) { test(t, true) })
	t.Run("written", func(t *testing.T) { test(t, false) })
}

// write has an engine write its file, from now on, instead of mapping it.
func (e *Engine) write() {
	e.journal.mapped = false
	e.rewrite()
}

// newEngine makes an engine in memory, with a clock of its own.
func newEngine(t testing.TB, s Settings) (*Engine, *clock) {
	t.Helper()
	c := newClock()
	s.Now = c.now
	e := Open(s)
	t.Cleanup(func() { _ = e.Close() })
	return e, c
}

var (
	alice  = Subject{Account, "alice@example.com"}
	bob    = Subject{Account, "bob@example.com"}
	domain = Subject{Domain, "example.com"}
)

// perDay limits recipients, Modoboa's way.
func perDay(s Subject, n int64) Limited {
	return Limited{Subject: s, Limits: []Limit{{Recipients, n, Day}}}
}

// message is one to n recipients.
func message(n int64, subjects ...Limited) Charge {
	return Charge{Subjects: subjects, Recipients: n, Messages: 1, Bytes: 1000}
}

func (c Charge) as(instance string) Charge { c.Instance = instance; return c }

// send reports whether a charge is let through.
func send(t testing.TB, e *Engine, c Charge) bool {
	t.Helper()
	return e.Take(t.Context(), c).OK
}

func used(e *Engine, s Subject, u Unit, w Window) int64 {
	return e.Peek(s, Limit{Unit: u, Max: 1, Window: w})[0].Used
}
