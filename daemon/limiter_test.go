package daemon

import (
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	var l limiter
	now := time.Unix(1000, 0)
	for i, want := range []struct {
		after      time.Duration
		suppressed int
		ok         bool
	}{{0, 0, true}, {0, 0, false}, {999 * time.Millisecond, 0, false}, {time.Second, 2, true}, {time.Second, 0, false}, {2 * time.Second, 1, true}} {
		if n, ok := l.allow(now.Add(want.after)); n != want.suppressed || ok != want.ok {
			t.Errorf("step %d: %d, %v", i, n, ok)
		}
	}
}
