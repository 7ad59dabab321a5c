package daemon

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/store"
)

// loads logs and counts what the store reports of its loads.
type loads struct {
	log     *zap.Logger
	metrics *metrics
	status  func(string) // for systemd

	mu       sync.Mutex
	failing  string // the error of the last load, "" if it went well
	logged   time.Time
	failures int // since the last good load
	counts   store.Counts
	problems int
	any      bool
	pruning  string // the error of the last pruning
	large    bool   // the last load took long
}

// repeatFailure is how often the same failure is logged again.
const repeatFailure = time.Minute

// hooks tells the store whom to tell.
func (l *loads) hooks() store.Hooks {
	return store.Hooks{Load: l.report, Change: l.change, Audit: l.audit, File: l.file, Prune: l.prune}
}

// report is told of every read of everything.
func (l *loads) report(r store.LoadReport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Err != nil {
		l.metrics.refreshErrors.Inc()
		l.failed(r.Err, zap.Stringer("next_try", r.Retry.Round(time.Millisecond)))
		return
	}
	l.good(r)
	limitMemory(r.Snapshot.Bytes())
	l.large = r.Took > largeLoad
	if l.large {
		giveBack()
	}
}

// largeLoad is what leaves enough memory behind to be worth giving back.
const largeLoad = 100 * time.Millisecond

// giveBack gives the system the memory that a load leaves behind: the rows it
// read and, once it was compared, the previous snapshot. Kept until the next
// load it would be idle.
func giveBack() { debug.FreeOSMemory() }

// failed logs a failure to read the database, the same one once a minute.
func (l *loads) failed(err error, more ...zap.Field) {
	l.failures++
	text := err.Error()
	if text == l.failing && time.Since(l.logged) < repeatFailure {
		return
	}
	l.failing, l.logged = text, time.Now()
	served := "nothing: requests are held, then answered \"try again\""
	if l.any {
		served = "the last good data"
	}
	fields := append([]zap.Field{zap.Error(err), zap.String("serving", served), zap.Int("failures", l.failures)}, more...)
	if remedy := remedyOf(err); remedy != "" {
		fields = append(fields, zap.String("remedy", remedy))
	}
	l.log.Error("cannot read the database", fields...)
	l.status("cannot read the database: " + text)
}

// good logs the first load, a recovery and whatever changed; a re-read that
// found nothing new is worth no line.
func (l *loads) good(r store.LoadReport) {
	l.metrics.refresh.WithLabelValues("full").Observe(r.Took.Seconds())
	counts := r.Snapshot.Counts()
	message, level := "read the database again", zap.DebugLevel
	switch {
	case !l.any:
		message, level = "read the database", zap.InfoLevel
	case l.failing != "":
		message, level = "the database can be read again", zap.InfoLevel
	case counts != l.counts:
		level = zap.InfoLevel
	}
	l.log.Log(level, message, zap.String("schema", r.Snapshot.Schema()), zap.Uint64("generation", r.Snapshot.Generation()),
		zap.Int("domains", counts.Domains), zap.Int("mailboxes", counts.Mailboxes), zap.Int("aliases", counts.Aliases),
		zap.Duration("took", r.Took.Round(100*time.Microsecond)))
	if level != zap.DebugLevel {
		l.status(fmt.Sprintf("serving %d domains, %d mailboxes, %d aliases", counts.Domains, counts.Mailboxes, counts.Aliases))
	}
	list, total := r.Snapshot.Problems()
	if total > 0 && (total != l.problems || level == zap.InfoLevel) {
		l.log.Warn("rows with problems are not served", zap.Int("rows", total), zap.Stringer("first", list[0]),
			zap.String("remedy", "vmapd status lists them; correct them in the database"))
	}
	l.counts, l.problems, l.any, l.failing, l.failures = counts, total, true, "", 0
}

// remedyOf finds what an error proposes to do.
func remedyOf(err error) string {
	var r interface{ Remedy() string }
	if errors.As(err, &r) {
		return r.Remedy()
	}
	return ""
}

// tuneMemory makes the collector run when the heap has grown by a quarter
// instead of doubled, unless $GOGC says otherwise: nearly all of the heap is
// the snapshot, which has no pointers to follow, so that a collection is
// cheap, and the garbage of requests is next to nothing.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
}

// leastGarbage is what may gather between two collections, at least.
const leastGarbage = 16 << 20

// limitMemory makes the collector run more often when two snapshots and their
// garbage are in memory, during loads: memory that is bought for the worst
// moment is idle at all others. $GOMEMLIMIT goes first.
//
// There must be room beside the two, or the collector does nothing else and is
// felt by every request: a load needs a fifth of a snapshot for itself, half of
// that is not the heap's but counts, and the collector keeps a distance of three
// hundredths to the limit.
//
// Beside a small snapshot a quarter of the heap is next to nothing, and the
// collector would run all the time: a message that is signed makes some 30 KB of
// garbage.
func limitMemory(snapshot int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(max(25, min(400, 100*leastGarbage/(snapshot+1))))
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(2*snapshot + snapshot/4 + 112<<20))
	}
}
