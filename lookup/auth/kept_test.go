package auth

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// ids are those of a queue, oldest first.
func (l *keptLogins) ids() (ids []uint32) {
	for n := l.from; n != l.to; n++ {
		if k := l.at(n); !k.gone {
			ids = append(ids, k.id)
		}
	}
	return ids
}

// TestKeptIsBounded has a client whose logins nobody asks for.
func TestKeptIsBounded(t *testing.T) {
	var l keptLogins
	start := time.Now()
	for i := range uint32(3 * maxKept) {
		l.add(&kept{id: i, at: start})
	}
	if l.len() != maxKept || l.oldest().id != 2*maxKept || len(l.places) > 2*maxKept {
		t.Errorf("%d are kept in %d places, the oldest is %d", l.len(), len(l.places), l.oldest().id)
	}
	l.add(&kept{id: 2*maxKept + 5, at: start}) // again
	if n := len(l.ids()); n != l.len() {
		t.Errorf("%d are kept, %d in order", l.len(), n)
	}
	l.add(&kept{id: 7, at: start.Add(keepFor)})
	if l.len() != 1 || l.oldest().id != 7 {
		t.Errorf("%d are kept, the oldest is %d", l.len(), l.oldest().id)
	}
	if l.take(7); len(l.places) > spareKept || l.oldest() != nil {
		t.Errorf("%d places for none", len(l.places))
	}
}

// TestKeptBehindOne has a client of whom one login is never asked for, and all
// others are at once.
func TestKeptBehindOne(t *testing.T) {
	var l keptLogins
	start := time.Now()
	l.add(&kept{id: 1, at: start})
	for i := range uint32(100_000) {
		l.add(&kept{id: 2 + i, at: start})
		if k, ok := l.take(2 + i); !ok || k.id != 2+i {
			t.Fatalf("login %d: %v, %v", 2+i, k.id, ok)
		}
	}
	if k, ok := l.take(1); !ok || k.id != 1 || len(l.places) > 2*fewKept {
		t.Errorf("login 1: %v; %d places", ok, len(l.places))
	}
}

// TestKeptModel compares the queue with a slice.
func TestKeptModel(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		l := keptLogins{places: make([]kept, fewKept), byID: map[uint32]uint32{}}
		l.from = rapid.SampledFrom([]uint32{0, 1<<32 - 5}).Draw(t, "start")
		l.to = l.from
		var want []uint32
		var at []time.Time
		now := time.Unix(1e9, 0)
		remove := func(i int) { want, at = slices.Delete(want, i, i+1), slices.Delete(at, i, i+1) }
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, keepFor / 3}).Draw(t, "later"))
			id := rapid.Uint32Range(0, 60).Draw(t, "id")
			i := slices.Index(want, id)
			if rapid.IntRange(0, 3).Draw(t, "take") == 0 {
				k, ok := l.take(id)
				if ok != (i >= 0) || ok && (k.id != id || !k.at.Equal(at[i])) {
					t.Fatalf("take %d: %+v, %v", id, k, ok)
				}
				if ok {
					remove(i)
				}
				continue
			}
			for len(want) > 0 && now.Sub(at[0]) >= keepFor {
				remove(0)
			}
			if i = slices.Index(want, id); i >= 0 {
				remove(i)
			}
			l.add(&kept{id: id, at: now})
			want, at = append(want, id), append(at, now)
			if got := l.ids(); !slices.Equal(got, want) || l.len() != len(want) || l.oldest().id != want[0] {
				t.Fatalf("kept %v, want %v", got, want)
			}
		}
	})
}
