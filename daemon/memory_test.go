package daemon

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func memoryLimit() int64 { return debug.SetMemoryLimit(-1) }

func awaitLimit(t *testing.T, what string, ok func(limit int64) bool) int64 {
	t.Helper()
	for range 500 {
		if l := memoryLimit(); ok(l) {
			return l
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("limit of memory %d: not %s within 5 s", memoryLimit(), what)
	return 0
}

// TestCeiling has the collector run all the time, as if there were no room.
func TestCeiling(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	var c ceiling
	const snapshot = 100 << 20
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.hold(ctx, snapshot)
	}()
	first := awaitLimit(t, "set", func(l int64) bool { return l < math.MaxInt64 })
	if room := first - snapshot; room < 40<<20 || room > 1<<30 {
		t.Errorf("the limit is %d", first)
	}
	awaitLimit(t, "raised", func(l int64) bool { return l >= first+2*snapshot/32 })
	cancel()
	<-done
	if memoryLimit() == math.MaxInt64 {
		t.Error("the limit ended with the load, before what was served is given back")
	}
	c.lift()
	c.raise(1) // these come late
	c.set(ctx, 1<<30)
	if l := memoryLimit(); l != math.MaxInt64 {
		t.Errorf("the limit is %d afterwards", l)
	}
}

// TestCeilingElsewhere leaves memory alone where somebody else has limited it,
// where it is not worth while, and where the load has failed at once.
func TestCeilingElsewhere(t *testing.T) {
	var c ceiling
	t.Setenv("GOMEMLIMIT", "")
	c.hold(t.Context(), 1<<20)
	t.Setenv("GOMEMLIMIT", "2GiB")
	c.hold(t.Context(), 1<<30)
	t.Setenv("GOMEMLIMIT", "")
	failed, cancel := context.WithCancel(t.Context())
	cancel()
	c.hold(failed, 1<<30)
	c.lift()
	if l := memoryLimit(); l != math.MaxInt64 {
		t.Errorf("the limit is %d", l)
	}
}
