package drill

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/socketmap"
)

// Probe is a question with its one right answer.
type Probe struct {
	Table, Key string
	Want       string // "" = not found
}

// Clients ask a socketmap server without pause, over several connections with
// one request in flight on each, as Postfix does, and judge the answers.
type Clients struct {
	socket string
	probes []Probe
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
	each   []*client
	began  time.Time
}

// client is one connection, made anew when it breaks.
type client struct {
	mu   sync.Mutex
	seen Tally
	last time.Time // of the last answer, or of the start
}

// Ask begins to ask. Stop ends it, and so does the end of the test.
func Ask(t testing.TB, socket string, conns int, probes []Probe) *Clients {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &Clients{socket: socket, probes: probes, ctx: ctx, cancel: cancel, began: time.Now()}
	for i := range conns {
		one := &client{last: c.began}
		c.each = append(c.each, one)
		c.all.Go(func() { c.run(one, i*len(probes)/conns) })
	}
	t.Cleanup(c.end)
	return c
}

// AwaitAnswer waits until an answer of this phase has come, of any kind.
func (c *Clients) AwaitAnswer(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, one := range c.each {
			one.mu.Lock()
			n := one.seen.Right + one.seen.Temp + one.seen.NotFound + one.seen.Wrong
			one.mu.Unlock()
			if n > 0 {
				return
			}
		}
	}
	t.Error("no answer in a minute")
}

// Turn ends a phase and begins the next one: it returns what was seen in the
// phase that ends. A wait for an answer that has not come counts in both.
func (c *Clients) Turn() *Tally {
	now := time.Now()
	total := &Tally{Took: now.Sub(c.began)}
	for _, one := range c.each {
		one.mu.Lock()
		one.seen.gap(now.Sub(one.last))
		total.merge(&one.seen)
		one.seen = Tally{}
		one.mu.Unlock()
	}
	c.began = now
	return total
}

// Stop ends the clients and returns what was seen in the last phase.
func (c *Clients) Stop() *Tally {
	total := c.Turn()
	c.end()
	return total
}

func (c *Clients) end() {
	c.cancel()
	c.all.Wait()
}

// run connects and asks until it is over. A daemon that is gone is no wrong
// answer: Postfix waits for it and tries again, too.
func (c *Clients) run(one *client, from int) {
	for c.ctx.Err() == nil {
		nc, err := net.Dial("unix", c.socket)
		if err == nil {
			from, err = c.ask(one, nc, from)
			nc.Close()
		}
		if err != nil && c.ctx.Err() == nil {
			one.note(func(s *Tally) { s.Broken++ })
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// ask asks the probes in turn until the connection breaks, and returns where it
// was.
func (c *Clients) ask(one *client, nc net.Conn, from int) (int, error) {
	asker := socketmap.NewClient(nc)
	for i := from; ; i++ {
		if i >= len(c.probes) {
			i = 0
		}
		p := &c.probes[i]
		value, found, err := asker.Lookup(c.ctx, p.Table, p.Key)
		var temp *socketmap.TempError
		if err != nil && !errors.As(err, &temp) {
			return i, err
		}
		one.answered(p, value, found, temp)
	}
}

// answered judges an answer.
func (one *client) answered(p *Probe, value string, found bool, temp *socketmap.TempError) {
	now := time.Now()
	one.mu.Lock()
	defer one.mu.Unlock()
	s := &one.seen
	s.gap(now.Sub(one.last))
	one.last = now
	switch {
	case temp != nil:
		s.Temp++
	case !found && p.Want == "", found && value == p.Want:
		s.Right++
		if s.FirstRight.IsZero() {
			s.FirstRight = now
		}
	case !found:
		s.NotFound++
		s.wrong("%s in %s is answered: not found; it is %q", p, p.Want)
	default:
		s.Wrong++
		s.wrong("%s in %s is answered %q; it is %q", p, value, p.Want)
	}
}

func (one *client) note(change func(*Tally)) {
	one.mu.Lock()
	defer one.mu.Unlock()
	change(&one.seen)
}

// Tally is what clients saw in a phase.
type Tally struct {
	Took       time.Duration
	Right      int
	Temp       int           // "try again"
	NotFound   int           // of what is there: mail would have been refused
	Wrong      int           // other wrong answers
	Broken     int           // connections that failed, or could not be made
	Gap        time.Duration // the longest that a connection waited for an answer
	FirstRight time.Time
	Examples   []string // of wrong answers
}

// Rate is the number of right answers in a second.
func (s *Tally) Rate() float64 { return float64(s.Right) / s.Took.Seconds() }

// String says what was seen.
func (s *Tally) String() string {
	return fmt.Sprintf("%d right answers in %v (%.0f/s), %d try again, %d wrongly not found, %d wrong, %d broken connections, longest gap %v",
		s.Right, s.Took.Round(time.Millisecond), s.Rate(), s.Temp, s.NotFound, s.Wrong, s.Broken, s.Gap.Round(100*time.Microsecond))
}

func (s *Tally) gap(d time.Duration) { s.Gap = max(s.Gap, d) }

func (s *Tally) wrong(format string, p *Probe, more ...any) {
	if len(s.Examples) < 5 {
		s.Examples = append(s.Examples, fmt.Sprintf(format, append([]any{p.Key, p.Table}, more...)...))
	}
}

func (s *Tally) merge(o *Tally) {
	s.Right += o.Right
	s.Temp += o.Temp
	s.NotFound += o.NotFound
	s.Wrong += o.Wrong
	s.Broken += o.Broken
	s.gap(o.Gap)
	s.Examples = append(s.Examples, o.Examples...)
	if s.FirstRight.IsZero() || !o.FirstRight.IsZero() && o.FirstRight.Before(s.FirstRight) {
		s.FirstRight = o.FirstRight
	}
}
