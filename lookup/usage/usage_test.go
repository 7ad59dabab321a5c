package usage

import (
	"context"
	"errors"
	"maps"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/store"
)

// world is a journal, the database behind it, and the snapshot of that.
type world struct {
	pending  map[string]Figures
	database map[string]Figures
	snapshot map[string]Figures
	clock    time.Time
	checked  time.Time
	full     bool // the journal's disk
}

func newWorld() *world {
	return &world{pending: map[string]Figures{}, database: map[string]Figures{}, snapshot: map[string]Figures{}, clock: time.Unix(1e9, 0)}
}

var errFull = errors.New("disk full")

func (w *world) Pending(address string) (Figures, bool) { f, ok := w.pending[address]; return f, ok }

func (w *world) All(yield func(string, Figures) bool) { maps.All(w.pending)(yield) }

func (w *world) Begin(address string, f Figures) (func(context.Context) error, error) {
	if w.full {
		return func(context.Context) error { return errFull }, nil
	}
	w.pending[address] = f
	return func(context.Context) error { return nil }, nil
}

func (w *world) usage() *Usage {
	u := New(w, func() time.Time { return w.checked })
	u.now = func() time.Time { w.clock = w.clock.Add(time.Millisecond); return w.clock }
	return u
}

func (w *world) mailbox(address string) store.Mailbox {
	f, ok := w.snapshot[address]
	return store.Mailbox{Address: address, DomainID: 1, Bytes: f.Bytes, Messages: f.Messages, Counted: ok}
}

func (w *world) find(address string) (store.Mailbox, bool) { return w.mailbox(address), true }

// drain lets the database have what the journal keeps.
func (w *world) drain() {
	maps.Copy(w.database, w.pending)
	clear(w.pending)
}

// read makes a new snapshot.
func (w *world) read() {
	clear(w.snapshot)
	maps.Copy(w.snapshot, w.database)
	w.clock = w.clock.Add(time.Millisecond)
	w.checked = w.clock
}

// TestReportsCountUntilTheDatabaseHasThem compares with a model that has but
// one truth: the last report, or a later change of the database once that was
// read.
func TestReportsCountUntilTheDatabaseHasThem(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		w := newWorld()
		u := w.usage()
		truth := map[string]Figures{}
		names := []string{"a@d", "b@d", "c@d"}
		name := rapid.SampledFrom(names)
		small := rapid.Int64Range(0, 9)
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				f := Figures{small.Draw(t, "bytes"), small.Draw(t, "messages")}
				m := w.mailbox(name.Draw(t, "name"))
				wait, err := u.Apply(&m, []Op{{Bytes, Forget, 0}, {Messages, Forget, 0}, {Bytes, Set, f.Bytes}, {Messages, Set, f.Messages}})
				if err == nil {
					err = wait(context.Background())
				}
				if (err != nil) != w.full {
					t.Fatal(err)
				}
				if !w.full {
					truth[m.Address] = f
				}
			},
			"add": func(t *rapid.T) {
				bytes, messages := small.Draw(t, "bytes")-4, small.Draw(t, "messages")-4
				m := w.mailbox(name.Draw(t, "name"))
				old, known := truth[m.Address]
				want := Figures{old.Bytes + bytes, old.Messages + messages}
				wait, err := u.Apply(&m, []Op{{Bytes, Add, bytes}, {Messages, Add, messages}})
				if !known || want.Bytes < 0 || want.Messages < 0 {
					if !errors.Is(err, ErrUnknown) {
						t.Fatalf("%+v of %+v, %v: %v", want, old, known, err)
					}
					return
				}
				if err == nil {
					err = wait(context.Background())
				}
				if (err != nil) != w.full {
					t.Fatal(err)
				}
				if !w.full {
					truth[m.Address] = want
				}
			},
			"drain": func(*rapid.T) { w.drain() },
			"read":  func(*rapid.T) { w.read() },
			"disk":  func(*rapid.T) { w.full = !w.full },
			"restart": func(*rapid.T) {
				// What is in neither place is not known until the database
				// was read.
				w.read()
				u = w.usage()
			},
			"forget": func(*rapid.T) { u.Forget(w.find) },
			"elsewhere": func(t *rapid.T) { // somebody corrects the database when all is quiet
				w.drain()
				w.read()
				n := name.Draw(t, "name")
				m := w.mailbox(n)
				u.Of(&m)
				w.read()
				w.database[n] = Figures{small.Draw(t, "bytes"), 1}
				truth[n] = w.database[n]
				w.read()
			},
			"": func(t *rapid.T) {
				sum := int64(0)
				for _, n := range names {
					m := w.mailbox(n)
					f, ok := u.Of(&m)
					if want, known := truth[n]; ok != known || f != want {
						t.Fatalf("%s: %+v, %v, want %+v, %v", n, f, ok, want, known)
					}
					sum += f.Bytes
				}
				d := store.Domain{ID: 1}
				for _, f := range w.snapshot {
					d.Bytes += f.Bytes
				}
				if got := u.InDomain(&d, w.find); got != sum && len(w.pending) == 0 {
					t.Fatalf("domain: %d bytes, want %d", got, sum)
				}
			},
		})
	})
}

func TestApplyRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		ops  []Op
		want error
	}{
		"negative":  {[]Op{{Bytes, Set, -1}}, ErrRange},
		"too many":  {[]Op{{Messages, Set, math.MaxInt32 + 1}}, ErrRange},
		"overflow":  {[]Op{{Bytes, Set, math.MaxInt64}, {Bytes, Add, 1}}, ErrUnknown},
		"below 0":   {[]Op{{Bytes, Set, 5}, {Bytes, Add, -6}}, ErrUnknown},
		"unknown":   {[]Op{{Bytes, Add, 1}}, ErrUnknown},
		"forgotten": {[]Op{{Bytes, Set, 5}, {Bytes, Forget, 0}, {Bytes, Add, 1}}, ErrUnknown},
	} {
		w := newWorld()
		u, m := w.usage(), w.mailbox("a@d")
		if _, err := u.Apply(&m, c.ops); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if f, ok := u.Of(&m); ok || len(w.pending) > 0 {
			t.Errorf("%s: left %+v behind, %v", name, f, w.pending)
		}
	}
}

func TestForgettingAsksForACount(t *testing.T) {
	w := newWorld()
	w.database["a@d"] = Figures{5, 1}
	w.read()
	u, m := w.usage(), w.mailbox("a@d")
	wait, err := u.Apply(&m, []Op{{Bytes, Forget, 0}, {Messages, Forget, 0}})
	if err != nil || wait(t.Context()) != nil {
		t.Fatal(err)
	}
	if f, ok := u.Of(&m); ok {
		t.Errorf("still %+v", f)
	}
	if len(w.pending) > 0 || w.database["a@d"] != (Figures{5, 1}) {
		t.Errorf("the database lost its row: %v %v", w.pending, w.database)
	}
}
