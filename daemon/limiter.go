package daemon

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// limiter lets one log line through each second and counts the others, so
// that a hostile client cannot fill a disk.
type limiter struct {
	mu         sync.Mutex
	next       time.Time
	suppressed int
}

// allow reports whether to log now, and how many lines were not logged since
// the last one that was.
func (l *limiter) allow(now time.Time) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.next) {
		l.suppressed++
		return 0, false
	}
	l.next = now.Add(time.Second)
	suppressed, l.suppressed = l.suppressed, 0
	return suppressed, true
}

// warn logs at most once a second. The fields are computed by the caller, so
// keep them cheap.
func (l *limiter) warn(log *zap.Logger, message string, fields ...zap.Field) {
	n, ok := l.allow(time.Now())
	if !ok {
		return
	}
	if n > 0 {
		fields = append(fields, zap.Int("suppressed", n))
	}
	log.Warn(message, fields...)
}
