package sendlimit

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

func TestDay(t *testing.T) {
	e, c := newEngine(t, Settings{})
	limits := []Limited{perDay(alice, 10), perDay(domain, 12)}
	if !send(t, e, message(6, limits...)) || !send(t, e, message(4, limits...)) {
		t.Fatal("refused within the limit")
	}
	v := e.Take(t.Context(), message(1, limits...))
	want := Mark{Subject: alice, Limit: limits[0].Limits[0], Used: 10, Free: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC), First: true}
	if v.OK || !cmp.Equal(v.Over, want) {
		t.Errorf("%+v, want %+v", v, want)
	}
	if !send(t, e, message(2, perDay(bob, 10), limits[1])) {
		t.Error("bob is refused")
	}
	if v := e.Take(t.Context(), message(1, perDay(bob, 10), limits[1])); v.OK || v.Over.Subject != domain {
		t.Errorf("%+v, want the domain's limit", v)
	}
	if n := used(e, bob, Recipients, Day); n != 2 {
		t.Errorf("bob has used %d after a refusal by his domain's limit, want 2", n)
	}
	c.advance(30 * time.Minute)
	if !send(t, e, message(10, limits...)) {
		t.Error("refused on the next day")
	}
}

func TestUnits(t *testing.T) {
	tests := []struct {
		unit Unit
		max  int64
		ok   int // messages of 3 recipients and 1000 bytes
	}{
		{Recipients, 10, 3}, {Recipients, 9, 3}, {Messages, 10, 10}, {Bytes, 2999, 2}, {Bytes, 0, 0}, {Recipients, -5, 0}, {Messages, 1 << 62, 20},
	}
	for _, tt := range tests {
		e, _ := newEngine(t, Settings{})
		ok := 0
		for range 20 {
			if send(t, e, message(3, Limited{alice, []Limit{{tt.unit, tt.max, Window(time.Hour)}}})) {
				ok++
			}
		}
		if ok != tt.ok {
			t.Errorf("%d %v: %d messages, want %d", tt.max, tt.unit, ok, tt.ok)
		}
	}
}

func TestTooLargeForEver(t *testing.T) {
	e, _ := newEngine(t, Settings{})
	v := e.Take(t.Context(), message(11, perDay(alice, 10), perDay(domain, 20)))
	if v.OK || !v.Over.Free.IsZero() || v.Over.Used != 0 {
		t.Errorf("%+v, want a refusal that is never over", v)
	}
	send(t, e, message(5, perDay(alice, 10), perDay(domain, 5)))
	v = e.Take(t.Context(), message(8, perDay(alice, 10), perDay(domain, 5)))
	if v.OK || v.Over.Subject != domain || !v.Over.Free.IsZero() {
		t.Errorf("%+v, want the limit that never lets it through", v)
	}
}

func TestInstances(t *testing.T) {
	type ask struct {
		instance   string
		recipients int64
		bytes      int64
		ok         bool
		used       [2]int64 // recipients, bytes
	}
	limits := Limited{alice, []Limit{{Recipients, 10, Day}, {Bytes, 5000, Day}}}
	for name, asks := range map[string][]ask{
		"the same again":        {{"a", 6, 0, true, [2]int64{6, 0}}, {"a", 6, 0, true, [2]int64{6, 0}}, {"b", 4, 0, true, [2]int64{10, 0}}, {"a", 6, 0, true, [2]int64{10, 0}}},
		"size at the end":       {{"a", 6, 100, true, [2]int64{6, 100}}, {"a", 6, 4000, true, [2]int64{6, 4000}}, {"b", 1, 2000, false, [2]int64{6, 4000}}},
		"fewer at the end":      {{"a", 6, 0, true, [2]int64{6, 0}}, {"a", 4, 0, true, [2]int64{4, 0}}, {"b", 6, 0, true, [2]int64{10, 0}}},
		"refused at the end":    {{"a", 6, 0, true, [2]int64{6, 0}}, {"a", 6, 6000, false, [2]int64{6, 0}}, {"a", 6, 5000, true, [2]int64{6, 5000}}},
		"nobody says which":     {{"", 6, 0, true, [2]int64{6, 0}}, {"", 6, 0, false, [2]int64{6, 0}}},
		"refused, then smaller": {{"a", 11, 0, false, [2]int64{0, 0}}, {"a", 10, 0, true, [2]int64{10, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := newEngine(t, Settings{})
			for i, a := range asks {
				ok := send(t, e, Charge{Instance: a.instance, Subjects: []Limited{limits}, Recipients: a.recipients, Bytes: a.bytes})
				got := [2]int64{used(e, alice, Recipients, Day), used(e, alice, Bytes, Day)}
				if ok != a.ok || got != a.used {
					t.Errorf("%d: %v, used %v; want %v, %v", i, ok, got, a.ok, a.used)
				}
			}
		})
	}
}

func TestCancel(t *testing.T) {
	e, c := newEngine(t, Settings{})
	m := message(6, perDay(alice, 10), perDay(domain, 10)).as("a")
	send(t, e, m)
	c.advance(time.Minute)
	e.Cancel(t.Context(), m)
	e.Cancel(t.Context(), m)
	if a, d := used(e, alice, Recipients, Day), used(e, domain, Recipients, Day); a != 0 || d != 0 {
		t.Errorf("used %d and %d, want 0", a, d)
	}
	if !send(t, e, message(10, perDay(alice, 10))) {
		t.Error("refused")
	}
}

func TestInstanceIsForgotten(t *testing.T) {
	e, c := newEngine(t, Settings{MaxInstances: 3})
	week := Limited{alice, []Limit{{Messages, 100, Window(7 * 24 * time.Hour)}}}
	send(t, e, message(1, week).as("a"))
	c.advance(59 * time.Minute)
	send(t, e, message(1, week).as("a"))
	c.advance(59 * time.Minute)
	send(t, e, message(1, week).as("a"))
	if n := used(e, alice, Messages, week.Limits[0].Window); n != 1 {
		t.Errorf("used %d, want 1", n)
	}
	c.advance(time.Hour)
	send(t, e, message(1, week).as("a"))
	if n := used(e, alice, Messages, week.Limits[0].Window); n != 2 {
		t.Errorf("used %d, want 2: it is another message now", n)
	}
	for i := range 1000 {
		send(t, e, message(1, week).as(fmt.Sprint(i)))
	}
	if n := e.Stats().Instances; n > 3 {
		t.Errorf("%d instances, want at most 3", n)
	}
}

func TestDry(t *testing.T) {
	over := 0
	e, _ := newEngine(t, Settings{OnOver: func(Mark) { over++ }, Suspend: AutoSuspend{Times: 1}})
	m := message(10, perDay(alice, 10))
	m.Dry = true
	for range 3 {
		if v := e.Take(t.Context(), m); !v.OK || len(v.Warn) > 0 {
			t.Errorf("%+v", v)
		}
	}
	m.Recipients = 11
	if send(t, e, m) || over > 0 || used(e, alice, Recipients, Day) != 0 || len(e.Suspensions()) > 0 {
		t.Error("a dry charge has an effect")
	}
}

func TestWarnings(t *testing.T) {
	var told []string
	e, c := newEngine(t, Settings{Soft: 75, OnWarn: func(m Mark) { told = append(told, fmt.Sprintf("%s %d", m.Subject.Name, m.Used)) }})
	limits := []Limited{perDay(alice, 10), {domain, []Limit{{Messages, 10, Window(time.Hour)}}}}
	var warned []int
	for i := range 9 {
		if len(e.Take(t.Context(), message(1, limits...)).Warn) > 0 {
			warned = append(warned, i)
		}
	}
	c.advance(2 * time.Hour) // the next day
	for range 3 {
		send(t, e, message(3, limits...))
	}
	want := []string{"alice@example.com 8", "example.com 8", "alice@example.com 9"}
	if !cmp.Equal(told, want) || !cmp.Equal(warned, []int{7}) {
		t.Errorf("%q by %v, want %q by [7]", told, warned, want)
	}
}

func TestNewRecipients(t *testing.T) {
	limits := []Limited{{alice, []Limit{{NewRecipients, 3, Day}}}, perDay(domain, 100)}
	to := func(instance string, addresses string) Charge {
		list := strings.Fields(addresses)
		c := message(int64(len(list)), limits...).as(instance)
		c.Addresses = list
		return c
	}
	e, c := newEngine(t, Settings{MaxRemembered: 5})
	for i, tt := range []struct {
		charge Charge
		ok     bool
		used   int64
	}{
		{to("1", "a b"), true, 2},
		{to("2", "a b a"), true, 2},
		{to("3", "c d"), false, 2},
		{to("4", "c c a"), true, 3},
		{to("4", "c c a"), true, 3}, // asked again: c is new still
		{to("5", "d"), false, 3},
		{to("5", "a b c"), true, 3},
		{to("4", "a"), true, 2}, // c was not sent to after all
		{to("6", "c"), true, 3},
	} {
		if ok := send(t, e, tt.charge); ok != tt.ok || used(e, alice, NewRecipients, Day) != tt.used {
			t.Errorf("%d: %v, used %d; want %v, %d", i, ok, used(e, alice, NewRecipients, Day), tt.ok, tt.used)
		}
	}
	c.advance(24 * time.Hour)
	send(t, e, to("7", "x y z"))
	if got := e.Each(Subject{}, 1)[0].Remembered; got != 5 {
		t.Errorf("%d are remembered, want 5", got)
	}
	c.advance(24 * time.Hour)
	send(t, e, to("8", "a b c x y z")) // a was forgotten; b, c are known
	if n := used(e, alice, NewRecipients, Day); n != 1 {
		t.Errorf("%d are new, want 1: the oldest was forgotten", n)
	}
}

func TestManyRemembered(t *testing.T) {
	e, _ := newEngine(t, Settings{MaxRemembered: 200})
	limits := Limited{alice, []Limit{{NewRecipients, 1 << 40, Day}}}
	for round := range 3 {
		for i := range 200 {
			c := message(1, limits).as(fmt.Sprint(round, i))
			c.Addresses = []string{fmt.Sprintf("user%d@example.net", i)}
			send(t, e, c)
		}
	}
	if n := used(e, alice, NewRecipients, Day); n != 200 {
		t.Errorf("%d are new, want 200", n)
	}
}

// TestHammer lets through exactly what the limits allow, whoever competes.
func TestHammer(t *testing.T) {
	e, _ := newEngine(t, Settings{})
	var ok [2]atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			account, who := alice, 0
			if i%2 == 1 {
				account, who = bob, 1
			}
			for range 200 {
				if send(t, e, message(1, perDay(domain, 1500), perDay(account, 1000))) {
					ok[who].Add(1)
				}
			}
		})
	}
	wg.Wait()
	a, b := ok[0].Load(), ok[1].Load()
	if a+b != 1500 || a > 1000 || b > 1000 {
		t.Errorf("%d and %d were let through, want 1500 together and at most 1000 of each", a, b)
	}
	if n := used(e, domain, Recipients, Day); n != 1500 {
		t.Errorf("the domain has used %d", n)
	}
}

// TestHammerInstance counts a message once, however many ask about it at once.
func TestHammerInstance(t *testing.T) {
	e, _ := newEngine(t, Settings{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for i := range 100 {
				send(t, e, message(1, perDay(alice, 100), perDay(domain, 100)).as(fmt.Sprint(i)))
			}
		})
	}
	wg.Wait()
	if a, d := used(e, alice, Recipients, Day), used(e, domain, Recipients, Day); a != 100 || d != 100 {
		t.Errorf("used %d and %d, want 100", a, d)
	}
}

func TestSubjectTwice(t *testing.T) {
	e, _ := newEngine(t, Settings{})
	limits := []Limited{{alice, []Limit{{Recipients, 10, Day}, {Recipients, 7, Day}}}, {domain, []Limit{{Messages, 9, Day}}}, {alice, []Limit{{Recipients, 5, Day}}}}
	if !send(t, e, message(3, limits...)) || used(e, alice, Recipients, Day) != 3 {
		t.Errorf("used %d, want 3", used(e, alice, Recipients, Day))
	}
	if v := e.Take(t.Context(), message(3, limits...)); v.OK || v.Over.Limit.Max != 5 {
		t.Errorf("%+v, want the lowest limit", v)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	e, c := newEngine(t, Settings{MaxSubjects: 640})
	for i := range 5000 {
		send(t, e, message(1, perDay(Subject{Account, fmt.Sprint("user", i)}, 10)))
	}
	if s := e.Stats(); s.Subjects > 640 || s.Subjects < 500 || s.Evicted == 0 {
		t.Errorf("%+v", s)
	}
	c.advance(24 * time.Hour)
	for range shards {
		e.tick()
	}
	if s := e.Stats(); s.Subjects > 0 {
		t.Errorf("%d idle subjects are kept", s.Subjects)
	}
}

func TestEach(t *testing.T) {
	e, _ := newEngine(t, Settings{})
	for i := range 25 {
		send(t, e, message(2, perDay(Subject{Account, fmt.Sprintf("u%02d", i)}, 10), perDay(domain, 100)))
	}
	var names []string
	after := Subject{}
	for {
		page := e.Each(after, 10)
		if len(page) == 0 {
			break
		}
		for _, s := range page {
			names = append(names, s.Subject.Name)
		}
		after = page[len(page)-1].Subject
	}
	if len(names) != 26 || names[0] != "u00" || names[24] != "u24" || names[25] != domain.Name {
		t.Errorf("%q", names)
	}
	if got := e.Each(Subject{Account, "u24"}, 10); len(got) != 1 || len(got[0].Used) != 1 || got[0].Used[0].Used != 50 {
		t.Errorf("%+v", got)
	}
}

func TestReset(t *testing.T) {
	e, _ := newEngine(t, Settings{})
	limits := Limited{alice, []Limit{{Recipients, 10, Day}, {Messages, 3, Window(time.Hour)}}}
	send(t, e, message(10, limits).as("a"))
	e.Reset(alice)
	e.Reset(bob)
	if used(e, alice, Recipients, Day) != 0 || used(e, alice, Messages, limits.Limits[1].Window) != 0 || !send(t, e, message(10, limits)) {
		t.Error("not reset")
	}
	// A message that was charged before counts in full when it is asked about again.
	e.Reset(alice)
	send(t, e, message(4, limits).as("a"))
	if n := used(e, alice, Recipients, Day); n != 4 {
		t.Errorf("used %d, want 4", n)
	}
}

// TestResetWithinAMillisecond charges a message in the millisecond of a Reset,
// and again: it counts once, after the Reset.
func TestResetWithinAMillisecond(t *testing.T) {
	e, c := newEngine(t, Settings{})
	m := message(3, perDay(alice, 10))
	send(t, e, m.as("before"))
	e.Reset(alice)
	send(t, e, m.as("after"))
	for range 3 {
		if !send(t, e, m.as("after")) {
			t.Error("refused")
		}
		if n := used(e, alice, Recipients, Day); n != 3 {
			t.Errorf("%d are used, want 3", n)
		}
		c.advance(time.Millisecond)
	}
	send(t, e, m.as("before")) // what it was charged has been forgotten
	if n := used(e, alice, Recipients, Day); n != 6 {
		t.Errorf("%d are used, want 6", n)
	}
}

// TestNothingIsAllocated where there are no limits, which is most mail.
func TestNothingIsAllocated(t *testing.T) {
	e, _ := newEngine(t, Settings{})
	e.Suspend(bob, time.Time{}, "")
	c := message(3, Limited{Subject: alice}, Limited{Subject: domain}).as("a")
	if n := testing.AllocsPerRun(1000, func() { e.Take(t.Context(), c) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestNothingIsAllocatedForAMessage that is counted and written: neither for one
// of an account that has sent before, nor when it is charged a second time.
func TestNothingIsAllocatedForAMessage(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools")
	}
	e, _ := newEngine(t, Settings{Path: filepath.Join(t.TempDir(), "limits"), MaxInstances: 100})
	subjects := []Limited{perDay(alice, 1<<40), perDay(domain, 1<<40)}
	name, n := []byte("0000000000"), 0
	charge := func() {
		c := message(3, subjects...)
		c.Instance = unsafe.String(&name[0], len(name))
		if !e.Take(context.Background(), c).OK {
			t.Fatal("refused")
		}
	}
	next := func() {
		n++
		for i, d := len(name)-1, n; i >= 0; i, d = i-1, d/10 {
			name[i] = byte('0' + d%10)
		}
		charge()
	}
	for range 1000 {
		next()
	}
	if n := testing.AllocsPerRun(1000, next); n > 0 {
		t.Errorf("%v allocations for a message", n)
	}
	if n := testing.AllocsPerRun(1000, charge); n > 0 {
		t.Errorf("%v allocations for a message that was charged before", n)
	}
}
