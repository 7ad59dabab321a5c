package daemon

import (
	"context"
	"errors"
	"fmt"
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
	memory  ceiling

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
	return store.Hooks{Begin: l.begin, Load: l.report, Change: l.change, Audit: l.audit, File: l.file, Prune: l.prune}
}

// begin is told that everything is being read beside what is served.
func (l *loads) begin(ctx context.Context, served *store.Snapshot) {
	l.memory.hold(ctx, served.Bytes())
}

// report is told of every read of everything.
func (l *loads) report(r store.LoadReport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Err != nil {
		l.memory.lift()
		l.metrics.refreshErrors.Inc()
		l.failed(r.Err, zap.Stringer("next_try", r.Retry.Round(time.Millisecond)))
		return
	}
	l.good(r)
	tuneMemory(r.Snapshot.Bytes())
	l.large = r.Took > largeLoad
	if l.large {
		giveBack()
	}
}

// largeLoad is what leaves enough memory behind to be worth giving back.
const largeLoad = 100 * time.Millisecond

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
