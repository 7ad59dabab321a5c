package alarm

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

func TestLevels(t *testing.T) {
	l := Level{On: 80, Off: 75}
	above := false
	for _, step := range []struct {
		used int64
		want bool
	}{{0, false}, {799, false}, {800, true}, {799, true}, {750, true}, {749, false}, {799, false}, {5000, true}} {
		if above = l.Above(above, step.used, 1000); above != step.want {
			t.Errorf("%d of 1000: %v", step.used, above)
		}
	}
	for _, l := range []Level{{}, {Off: 75}} {
		if l.Above(true, 1000, 1000) {
			t.Errorf("%+v is crossed", l)
		}
	}
	if l.Above(true, 10, 0) || l.Above(false, -1, 10) {
		t.Error("crossed where nothing is known")
	}
}

// TestLevelsDoNotFlap: what moves by less than the distance of the bounds changes
// the state once at most.
func TestLevelsDoNotFlap(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		l := Level{On: 80, Off: 75}
		base := rapid.Int64Range(0, 2000).Draw(t, "base")
		above, changes := false, 0
		for range 20 {
			next := l.Above(above, base+rapid.Int64Range(0, 49).Draw(t, "noise"), 1000)
			if next != above {
				changes++
			}
			above = next
		}
		if changes > 1 {
			t.Errorf("%d changes", changes)
		}
	})
}
