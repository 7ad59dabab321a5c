package sendlimit

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told is what hooks have said.
type told struct{ list []string }

func (h *told) settings(s Settings) Settings {
	s.OnSuspend = func(s Suspension) { h.list = append(h.list, "suspended "+s.Subject.Name) }
	s.OnRelease = func(s Suspension, over bool) {
		h.list = append(h.list, fmt.Sprint("released ", s.Subject.Name, " ", over))
	}
	return s
}

func TestSuspend(t *testing.T) {
	var h told
	e, c := newEngine(t, h.settings(Settings{}))
	e.Suspend(alice, c.now().Add(time.Hour), "she was hacked")
	e.Suspend(domain, time.Time{}, "unpaid")
	e.Suspend(bob, c.now(), "over at once")
	v := e.Take(t.Context(), message(1, Limited{Subject: bob}, Limited{Subject: alice}))
	want := Suspension{Subject: alice, Since: c.now(), Until: c.now().Add(time.Hour), Why: "she was hacked"}
	if v.OK || v.Suspended == nil || !cmp.Equal(*v.Suspended, want) {
		t.Errorf("%+v, want %+v", v, want)
	}
	if got, ok := e.Suspended(alice); !ok || !cmp.Equal(got, want) {
		t.Errorf("%+v, %v", got, ok)
	}
	if v := e.Take(t.Context(), message(1, perDay(bob, 10), perDay(domain, 10))); v.OK || used(e, bob, Recipients, Day) != 0 {
		t.Errorf("%+v: the domain is suspended", v)
	}
	if len(e.Suspensions()) != 2 {
		t.Errorf("%+v", e.Suspensions())
	}
	c.advance(time.Hour)
	if !send(t, e, message(1, Limited{Subject: alice})) {
		t.Error("alice is suspended when her time is over")
	}
	e.tick()
	if !e.Release(domain) || e.Release(domain) || e.Release(alice) {
		t.Error("releases are wrong")
	}
	if len(e.Suspensions()) != 0 || !send(t, e, message(1, perDay(domain, 10))) {
		t.Error("the domain is still suspended")
	}
	if want := []string{"suspended alice@example.com", "suspended example.com", "released alice@example.com true", "released example.com false"}; !cmp.Equal(h.list, want) {
		t.Errorf("%q, want %q", h.list, want)
	}
}

func TestAutoSuspend(t *testing.T) {
	var h told
	e, c := newEngine(t, h.settings(Settings{Suspend: AutoSuspend{Times: 3, Within: time.Hour, For: 2 * time.Hour}}))
	limits := []Limited{perDay(alice, 1), perDay(domain, 100)}
	ask := func(instance string) Verdict { return e.Take(t.Context(), message(2, limits...).as(instance)) }
	for range 5 { // one message, asked again and again
		if v := ask("a"); v.OK || v.Suspended != nil {
			t.Fatalf("%+v", v)
		}
	}
	ask("b")
	c.advance(2 * time.Hour) // that was long ago
	ask("c")
	ask("d")
	if len(h.list) > 0 {
		t.Fatalf("%q", h.list)
	}
	ask("e")
	v := ask("f")
	if v.Suspended == nil || !v.Suspended.Auto || v.Suspended.Why != "refused 3 times within 1h0m0s" || !v.Suspended.Until.Equal(c.now().Add(2*time.Hour)) {
		t.Errorf("%+v", v)
	}
	e.Release(alice)
	if v := ask("g"); v.OK || v.Suspended != nil {
		t.Errorf("%+v: once released it begins anew", v)
	}
	for i := range 10 { // by the domain's limit
		e.Take(t.Context(), message(1, perDay(domain, 0)).as(fmt.Sprint(i)))
	}
	if want := []string{"suspended alice@example.com", "released alice@example.com false"}; !cmp.Equal(h.list, want) {
		t.Errorf("%q, want %q", h.list, want)
	}
}
