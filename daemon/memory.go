package daemon

import (
	"context"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	measured "runtime/metrics"
	"sync"
	"time"
)

// tuneMemory makes the collector run when the heap has grown by a quarter instead
// of doubled: nearly all of it is the snapshot, of that many bytes, which has no
// pointers to follow, so that a collection is cheap, and the garbage of requests is
// next to nothing. Beside a small snapshot a quarter of the heap is next to nothing
// too, and the collector would run all the time: a message that is signed makes
// some 30 KB of garbage. $GOGC goes first.
func tuneMemory(snapshot int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(max(25, min(400, 100*leastGarbage/(snapshot+1))))
	}
}

// leastGarbage is what may gather between two collections, at least.
const leastGarbage = 16 << 20

// ceiling limits memory while everything is read beside what is served: memory that
// is bought for that moment is idle at all others, so the collector runs more often
// instead. $GOMEMLIMIT goes first.
type ceiling struct {
	mu    sync.Mutex
	limit int64 // 0: none
}

// During a load it is looked every ceilingLook whether there is room: else the
// collector does nothing else, which all requests feel.
const (
	ceilingLook    = 200 * time.Millisecond
	ceilingRunning = 2 // times in that time are too many
)

// hold limits memory, beside a snapshot of that many bytes that is served, and goes
// on to watch it until ctx ends. The limit stays until lift.
//
// There must be room for what is in use, whatever it is, for a second snapshot, and
// for what is not the heap's but counts, what the collector keeps free below a limit
// (a thirtieth), and garbage. What is in use may grow meanwhile, so there is more
// room if the collector runs all the time.
func (c *ceiling) hold(ctx context.Context, snapshot int) {
	if os.Getenv("GOMEMLIMIT") != "" || snapshot < leastGarbage {
		return
	}
	tick := time.NewTicker(ceilingLook)
	defer tick.Stop()
	for before, looks := uint64(0), 0; ; looks++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := collections()
		switch {
		case looks == 0: // it takes its time, and has not failed at once
			runtime.GC() // else what is in use is not known
			c.set(ctx, int64(measure("/gc/heap/live:bytes"))+int64(snapshot+snapshot/8+40<<20))
			now = collections()
		case now-before >= ceilingRunning:
			c.raise(int64(snapshot / 32))
		}
		before = now
	}
}

func collections() uint64 { return measure("/gc/cycles/total:gc-cycles") }

func measure(name string) uint64 {
	s := []measured.Sample{{Name: name}}
	measured.Read(s)
	return s[0].Value.Uint64()
}

// set sets the limit, unless the load has ended meanwhile: nobody would lift it.
func (c *ceiling) set(ctx context.Context, limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() == nil {
		c.limit = limit
		debug.SetMemoryLimit(limit)
	}
}

func (c *ceiling) raise(by int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit > 0 {
		c.limit += by
		debug.SetMemoryLimit(c.limit)
	}
}

// lift takes the limit away.
func (c *ceiling) lift() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit > 0 {
		c.limit = 0
		debug.SetMemoryLimit(math.MaxInt64)
	}
}

// giveBack gives the system the memory that a load leaves behind: the rows it
// read and, once it was compared, the previous snapshot. Kept until the next
// load it would be idle.
func giveBack() { debug.FreeOSMemory() }
