package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/alarm"
	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/lookup/rules"
	"github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/lookup/sendlimit/redislimit"
	"github.com/vmapd/vmapd/store"
)

// sending is what the policy service decides with: the rules, and what was sent
// so far.
//
// Two processes must not count in one file, and neither may count without what
// the other has counted. So in a hand-over the new process opens the counters,
// and serves the policy sockets, when the old one has closed them; clients wait
// meanwhile (heritage.go).
type sending struct {
	rules    *rules.Rules
	engine   atomic.Pointer[sendlimit.Engine] // nil before open
	settings sendlimit.Settings
	shared   *redislimit.Redis // nil: this node alone
	log      *zap.Logger
	errors   func() // counts failures of rules

	counting, watching *task // from open to close
	closed             sync.Once

	snapshot func() *store.Snapshot // nil if there is none to be served

	mu     sync.Mutex
	alarms sendingAlarms
	over   map[sendlimit.Subject]time.Time // alarms that are open, and when they are over
}

// sendingAlarms is the book of alarms. Opening an alarm that is open, and closing
// one that is not, does nothing.
type sendingAlarms interface {
	Open(kind, subject, title, detail string)
	Close(kind, subject string)
	Subjects(kind string) []string
}

// openSending makes the rules. The counters are opened later.
func (d *Daemon) openSending() *sending {
	s := &sending{snapshot: d.resolver.Servable, log: d.log.Logger, errors: d.metrics.policyErrors.Inc, alarms: d.alarms, over: map[sendlimit.Subject]time.Time{}}
	s.settings = d.cfg.Policy.limitSettings()
	s.settings.Path = filepath.Join(d.cfg.StateDir, "limits")
	s.settings.OnOver, s.settings.OnWarn, s.settings.OnSuspend, s.settings.OnRelease = s.reached, s.warned, s.suspended, s.released
	s.share(d.cfg.Policy.Counters)
	var lines, unsure, failed limiter
	s.settings.OnError = func(err error) {
		lines.warn(s.log, "counting what is sent: something is wrong", zap.Error(err), zap.String("remedy", remedyOf(err)))
	}
	s.rules = rules.New(d.resolver, d.logins.usage, s, rules.Hooks{
		NoData: func(err error) { unsure.warn(s.log, "a policy request gets no answer", zap.Error(err)) },
		Failed: func(rule string, err error) {
			s.errors()
			failed.warn(s.log, "a rule of the policy service failed and was left out; this is a bug, please report it", zap.String("rule", rule), zap.Error(err))
		},
	}, d.cfg.Policy.rules)
	return s
}

// share has other nodes count too. What is wrong with the setting stops no mail.
func (s *sending) share(counters string) {
	if !strings.Contains(counters, "://") {
		return
	}
	shared, err := redislimit.Open(counters, redislimit.Options{})
	if err != nil {
		s.log.Error("what is sent is counted by this node alone", zap.Error(err), zap.String("remedy", "correct policy.counters"))
		return
	}
	s.shared, s.settings.Shared = shared, shared
}

// Take implements rules.Counters.
func (s *sending) Take(ctx context.Context, c sendlimit.Charge) sendlimit.Verdict {
	e := s.engine.Load()
	if e == nil {
		return sendlimit.Verdict{OK: true} // no policy socket is served yet
	}
	return e.Take(ctx, c)
}

// prompt reports whether a request is decided without waiting for a file or for
// other nodes.
func (s *sending) prompt(r *policy.Request) bool {
	return len(r.SASLUsername) == 0 || r.State == policy.Rcpt && s.shared == nil
}

// open opens the counters, once, and has them looked after until close.
func (s *sending) open() {
	if s.engine.Load() != nil {
		return
	}
	e := sendlimit.Open(s.settings)
	s.counting = newTask(context.Background(), e.Run)
	s.watching = newTask(context.Background(), s.watch)
	s.engine.Store(e)
}

// watch closes alarms that are over, until ctx ends.
func (s *sending) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.recover(now)
		}
	}
}

// close brings what was counted to disk, for the next process, once. Nobody may
// be asking any more.
func (s *sending) close() {
	e := s.engine.Load()
	if e == nil {
		return
	}
	s.closed.Do(func() {
		s.watching.end()
		s.counting.end()
		if err := e.Close(); err != nil {
			s.log.Error("what was sent so far may not all be on disk", zap.Error(err), zap.String("remedy", remedyOf(err)))
		}
		if s.shared != nil {
			_ = s.shared.Close()
		}
	})
}

// reached is told of each message that is over a limit.
func (s *sending) reached(m sendlimit.Mark) {
	fields := []zap.Field{zap.String("subject", m.Subject.Name), zap.Stringer("limit", m.Limit), zap.Int64("used", m.Used), zap.Time("free", m.Free)}
	if !m.First {
		s.log.Debug("over a sending limit", fields...)
		return
	}
	s.log.Warn("a sending limit is reached", fields...)
	if m.Free.IsZero() {
		return // one message was too large: nothing is used up
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over[m.Subject].Before(m.Free) {
		s.over[m.Subject] = m.Free
	}
	s.alarms.Open(alarm.SendingLimit, m.Subject.Name, "a sending limit is reached by "+m.Subject.Name, fmt.Sprintf("%v; free again at %s", m.Limit, m.Free.UTC().Format(time.RFC3339)))
}

// recover closes the alarms of those who may send again, also those that a process
// before this one has opened.
func (s *sending) recover(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for subject, free := range s.over {
		if now.After(free) {
			delete(s.over, subject)
			s.alarms.Close(alarm.SendingLimit, subject.Name)
		}
	}
	snap, e := s.snapshot(), s.engine.Load()
	if snap == nil {
		return
	}
	for _, name := range s.alarms.Subjects(alarm.SendingLimit) {
		who, _, _ := s.rules.Subject(snap, name)
		if _, known := s.over[who]; known {
			continue
		}
		st := s.rules.Standing(snap, e, who)
		if free := usedUp(&st); free.After(now) {
			s.over[who] = free
		} else {
			s.alarms.Close(alarm.SendingLimit, name)
		}
	}
}

// usedUp is when all limits that are used up now have something free again, zero
// if none is.
func usedUp(st *rules.Standing) (free time.Time) {
	for _, m := range st.Limits {
		if m.Used >= m.Limit.Max && m.Free.After(free) {
			free = m.Free
		}
	}
	return free
}

func (s *sending) warned(m sendlimit.Mark) {
	s.log.Info("most of a sending limit is used", zap.String("subject", m.Subject.Name), zap.Stringer("limit", m.Limit), zap.Int64("used", m.Used))
}

func (s *sending) suspended(x sendlimit.Suspension) {
	s.log.Warn("suspended from sending", zap.String("subject", x.Subject.Name), zap.String("why", x.Why), zap.Time("until", x.Until), zap.Bool("automatic", x.Auto),
		zap.String("remedy", "vmapd limit release "+x.Subject.Name))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alarms.Open(alarm.SendingSuspended, x.Subject.Name, x.Subject.Name+" is suspended from sending", x.Why)
}

func (s *sending) released(x sendlimit.Suspension, timeOver bool) {
	s.log.Info("not suspended from sending any more", zap.String("subject", x.Subject.Name), zap.Bool("its time was over", timeOver))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alarms.Close(alarm.SendingSuspended, x.Subject.Name)
}
