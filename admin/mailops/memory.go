package mailops

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Look reads which operations there are, for Status, and carries none out.
func (r *Runner) Look(ctx context.Context) error {
	ops, err := r.read(ctx)
	if err == nil {
		r.note(ops)
	}
	return err
}

// note remembers since when rows are there.
func (r *Runner) note(ops []Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.o.Now()
	seen := make(map[int64]time.Time, len(ops))
	for i := range ops {
		id := ops[i].ID
		at, ok := r.seen[id]
		if !ok {
			at = now
		}
		seen[id] = at
	}
	r.seen = seen
	for id, f := range r.failed {
		if _, ok := seen[id]; !ok {
			r.settle(id, f)
		}
	}
}

// due reports whether an operation that failed may be tried again. One whose
// meaning has changed is another one.
func (r *Runner) due(op *Operation) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.failed[op.ID]
	return f == nil || !r.o.Now().Before(f.next) || f.result.Path != op.Argument || f.result.To != op.Home
}

// remember keeps a failure, and reports whether it is news.
func (r *Runner) remember(op *Operation, result Result) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.failed[op.ID]
	news := f == nil || f.result.Text != result.Text
	if f == nil {
		f = &failure{}
		r.failed[op.ID] = f
	}
	f.next = r.o.Now().Add(min(firstPause<<min(f.times, 10), lastPause))
	f.times++
	f.result, f.address = result, r.addressOf(op)
	return news
}

func (r *Runner) forget(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.failed[id]; f != nil {
		r.settle(id, f)
	}
	delete(r.seen, id)
}

// settle forgets a failure. It is called with the lock held.
func (r *Runner) settle(id int64, f *failure) {
	delete(r.failed, id)
	if r.o.Alarms != nil {
		r.o.Alarms.OperationSettled(f.address)
	}
}

// Status is how things stand.
type Status struct {
	Pending int           `json:"pending"` // rows
	Oldest  time.Duration `json:"oldest"`  // since the oldest row was seen first
	Failed  []Result      `json:"failed"`  // by row
	Err     error         `json:"-"`       // of the last run
}

// Status returns what the last run left.
func (r *Runner) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Status{Pending: len(r.seen), Err: r.err}
	now := r.o.Now()
	for _, at := range r.seen {
		s.Oldest = max(s.Oldest, now.Sub(at))
	}
	for _, id := range slices.Sorted(maps.Keys(r.failed)) {
		s.Failed = append(s.Failed, r.failed[id].result)
	}
	return s
}

func (r *Runner) tidyIsDue(dry bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !dry && r.o.Tidy > 0 && (r.tidied.IsZero() || r.o.Now().Sub(r.tidied) >= r.o.Tidy)
}

// tidy removes what operations have left behind whose rows are gone.
func (r *Runner) tidy(ctx context.Context, s Session, ops []Operation) error {
	t, ok := s.(tidier)
	if !ok {
		return nil
	}
	rows := map[int64]bool{}
	for i := range ops {
		rows[ops[i].ID] = true
	}
	results, err := t.Tidy(ctx, func(row int64) bool { return rows[row] })
	for _, result := range results {
		r.report(result)
	}
	if err == nil {
		r.mu.Lock()
		r.tidied = r.o.Now()
		r.mu.Unlock()
	}
	return err
}
