package sendlimit

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// event is a message that was let through.
type event struct {
	instance string
	at       int64
	n        int64
}

// model is the plain meaning of a limit: a list of what was sent.
type model struct {
	limit  Limit
	events []event
}

// within gives what was sent after a time, without one message.
func (m *model) within(after int64, without string) (n int64) {
	for _, e := range m.events {
		if e.at > after && (without == "" || e.instance != without) {
			n += e.n
		}
	}
	return n
}

func (m *model) find(instance string, now int64) (event, bool) {
	for _, e := range m.events {
		if instance != "" && e.instance == instance && e.at+rememberInstance > now {
			return e, true
		}
	}
	return event{}, false
}

func (m *model) put(e event) {
	for i := range m.events {
		if e.instance != "" && m.events[i].instance == e.instance && m.events[i].at+rememberInstance > e.at {
			m.events[i] = e
			return
		}
	}
	m.events = append(m.events, e)
}

// start is the last time that has left the window for good, exact that which has
// left it if it is not rounded.
func (m *model) bounds(now int64) (start, exact int64) {
	width, span := m.limit.Window.buckets()
	start = (now/width-span+1)*width - 1
	if m.limit.Window == Day {
		return start, start
	}
	return start, now - time.Duration(m.limit.Window).Milliseconds()
}

// TestModel compares windows with a list of all that was sent.
func TestModel(t *testing.T) { property.Check(t, checkModel) }

func checkModel(rt *rapid.T) {
	c := newClock()
	e := Open(Settings{Now: c.now})
	windows := rapid.SampledFrom([]Window{Day, Window(time.Second), Window(time.Minute), Window(90 * time.Second), Window(time.Hour), Window(7 * 24 * time.Hour), MaxWindow})
	var models []*model
	limited := Limited{Subject: alice}
	for range rapid.IntRange(1, 3).Draw(rt, "limits") {
		l := Limit{Recipients, rapid.Int64Range(0, 40).Draw(rt, "max"), windows.Draw(rt, "window")}
		models = append(models, &model{limit: l})
		limited.Limits = append(limited.Limits, l)
	}
	// The same window twice is one counter, with both limits.
	for range rapid.IntRange(1, 120).Draw(rt, "messages") {
		w := models[rapid.IntRange(0, len(models)-1).Draw(rt, "which")].limit.Window
		step := time.Duration(w)
		if w == Day {
			step = 24 * time.Hour
		}
		if rapid.Bool().Draw(rt, "short") {
			step /= 40
		}
		c.advance(time.Duration(rapid.Int64Range(0, int64(step)).Draw(rt, "pause")))
		instance := rapid.SampledFrom([]string{"", "", "a", "b", "c"}).Draw(rt, "instance")
		n := rapid.Int64Range(0, 12).Draw(rt, "recipients")
		modelTake(rt, e, c.ms.Load(), models, limited, instance, n)
	}
}

func modelTake(rt *rapid.T, e *Engine, now int64, models []*model, limited Limited, instance string, n int64) {
	want := true
	for _, m := range models {
		start, _ := m.bounds(now)
		old, ok := m.find(instance, now)
		if !ok || old.at <= start {
			old.n = 0
		}
		rest := m.within(start, "") - old.n
		want = want && (n <= old.n || rest+n <= m.limit.Max)
	}
	v := e.Take(rt.Context(), Charge{Instance: instance, Subjects: []Limited{limited}, Recipients: n})
	if v.OK != want {
		rt.Fatalf("%d recipients: %+v, want %v", n, v, want)
	}
	for _, m := range models {
		if v.OK {
			m.put(event{instance, now, n})
		}
		start, exact := m.bounds(now)
		if got, want := used(e, limited.Subject, Recipients, m.limit.Window), m.within(start, ""); got != want {
			rt.Fatalf("used %d of %v, want %d", got, m.limit, want)
		}
		if sent := m.within(exact, ""); sent > m.limit.Max {
			rt.Fatalf("%d were let through in a window of %v", sent, m.limit)
		}
		width, _ := m.limit.Window.buckets()
		if exact-start > width+pieces { // a bucket has whole milliseconds
			rt.Fatalf("%v is off by %d ms", m.limit, exact-start)
		}
	}
	if !v.OK && !v.Over.Free.IsZero() && !v.Over.Free.After(time.UnixMilli(now)) {
		rt.Fatalf("free at %v, now is %v", v.Over.Free, time.UnixMilli(now))
	}
}
