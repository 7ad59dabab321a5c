package sendlimit

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// TestIndex does with an index what it does with a map. Many hashes have the same
// home.
func TestIndex(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		var x index
		m := map[uint64]place{}
		hash := rapid.Custom(func(t *rapid.T) uint64 {
			return rapid.Uint64Range(0, 40).Draw(t, "home")<<10 | rapid.Uint64Range(0, 3).Draw(t, "low")
		})
		for n := range rapid.IntRange(0, 400).Draw(t, "n") {
			h := hash.Draw(t, "hash")
			if _, ok := m[h]; ok && rapid.Bool().Draw(t, "remove") {
				delete(m, h)
				x.remove(h)
			} else {
				m[h] = place(n + 1)
				x.set(h, m[h])
			}
		}
		got := map[uint64]place{}
		for _, s := range x.slots {
			if s.at != 0 {
				got[s.hash] = s.at
			}
		}
		if !maps.Equal(got, m) || x.n != len(m) {
			t.Fatalf("%v, want %v", got, m)
		}
		for h := range uint64(41 << 10) {
			if x.get(h) != m[h] {
				t.Fatalf("%d is at %d, want %d", h, x.get(h), m[h])
			}
		}
	})
}
