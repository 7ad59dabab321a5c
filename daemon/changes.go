package daemon

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/store"
)

// change is told of changes that were followed, and when that fails.
func (l *loads) change(r store.ChangeReport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case errors.Is(r.Err, store.ErrLost):
		l.metrics.lost.Inc()
		l.log.Warn("reading the whole database again", zap.Error(r.Err))
	case r.Err != nil:
		l.metrics.refreshErrors.Inc()
		l.failed(r.Err)
	default:
		l.metrics.changes.Add(float64(r.Rows))
		l.metrics.refresh.WithLabelValues("delta").Observe(r.Took.Seconds())
		l.log.Debug("changes served", zap.Int("rows", r.Rows), zap.Duration("took", r.Took.Round(100*time.Microsecond)))
		if l.failing != "" {
			l.log.Info("the database can be read again")
			l.status("following the database again")
			l.failing, l.failures = "", 0
		}
	}
}

// audit is told how what was read anew differs from what was served.
func (l *loads) audit(r store.AuditReport) {
	l.metrics.refresh.WithLabelValues("audit").Observe(r.Took.Seconds())
	l.mu.Lock()
	large := l.large
	l.mu.Unlock()
	if large {
		giveBack() // the previous snapshot
	}
	l.memory.lift()
	switch {
	case r.Rows == 0:
		l.log.Debug("what was read is what was served", zap.Bool("followed", r.Followed))
	case r.Followed:
		l.metrics.missed.Add(float64(r.Rows))
		l.log.Error("changes had been missed: they are served now", zap.Int("rows", r.Rows), zap.Strings("first", r.First),
			zap.String("remedy", "run vmapd db status; if it finds nothing, please report this"))
	default:
		l.metrics.changes.Add(float64(r.Rows))
		l.log.Debug("found changes", zap.Int("rows", r.Rows), zap.Strings("first", r.First))
	}
}

// file is told of the copy on disk.
func (l *loads) file(r store.FileReport) {
	var damaged *store.DamagedError
	switch {
	case errors.As(r.Err, &damaged):
		l.metrics.fileErrors.Inc()
		l.log.Error("refused the snapshot on disk: waiting for the database", zap.Error(r.Err), zap.String("remedy", "none is needed: it is written again after the next read"))
	case r.Err != nil:
		l.metrics.fileErrors.Inc()
		l.log.Error("no snapshot on disk: after a restart nothing can be served until the database answers", zap.Error(r.Err),
			zap.String("remedy", "make room in state_dir, and let the user that runs vmapd write there"))
	case r.Write:
		l.log.Debug("wrote the snapshot to disk", zap.Duration("took", r.Took.Round(time.Millisecond)))
	default:
		l.mu.Lock()
		l.any = true
		l.mu.Unlock()
		l.log.Info("serving the snapshot on disk until the database is read", zap.Stringer("age", r.Age.Round(time.Second)), zap.Duration("took", r.Took.Round(time.Millisecond)))
		l.status("serving the snapshot on disk")
	}
}

// prune is told how pruning the log of changes went.
func (l *loads) prune(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.pruning = ""
		return
	}
	if text := err.Error(); text != l.pruning {
		l.pruning = text
		l.log.Warn("cannot prune the log of changes: it grows", zap.Error(err), zap.String("remedy", remedyOf(err)))
	}
}
