package usage

import (
	"context"
	"math"
	"strings"

	"github.com/vmapd/vmapd/store"
)

// Field is one of the figures.
type Field uint8

// The fields.
const (
	Bytes Field = iota
	Messages
)

// Action is what a report does to a field.
type Action uint8

// The actions. Forget says that a figure is wrong and will be told anew.
const (
	Set Action = iota
	Add
	Forget
)

// Op is one step of a report.
type Op struct {
	Field  Field
	Action Action
	Value  int64 // bytes or messages
}

// Apply applies the steps of one report, all or none. What it returns waits
// until the report is safe; it is called once. A report that leaves the usage
// unknown is not kept: the database stays as it is.
func (u *Usage) Apply(m *store.Mailbox, ops []Op) (wait func(context.Context) error, err error) {
	sh := u.shard(m.Address)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	was, known := u.of(sh, m)
	next, knows, err := result(was, known, ops)
	if err != nil {
		return nil, err
	}
	r := &report{Figures: next, known: knows}
	address := strings.Clone(m.Address) // a view of a snapshot, which would stay for it
	if !knows {
		r.safe = true
		sh.reports[address] = r
		return func(context.Context) error { return nil }, nil
	}
	keep, err := u.journal.Begin(address, next)
	if err != nil {
		return nil, err
	}
	before := sh.reports[address]
	sh.reports[address] = r
	return func(ctx context.Context) error {
		err := keep(ctx)
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if now := sh.reports[address]; err == nil {
			r.safe = true
		} else if now == r && before != nil {
			sh.reports[address] = before
		} else if now == r {
			delete(sh.reports, address)
		}
		return err
	}, nil
}

// result applies steps to figures. A figure that is not set, where only the
// other one is known to change, stays what it was.
func result(f Figures, known bool, ops []Op) (Figures, bool, error) {
	values := [2]int64{f.Bytes, f.Messages}
	knows := [2]bool{known, known}
	for _, op := range ops {
		v, k := &values[op.Field], &knows[op.Field]
		switch op.Action {
		case Set:
			*v, *k = op.Value, true
		case Forget:
			*v, *k = 0, false
		case Add:
			sum := *v + op.Value
			if !*k || sum < 0 || op.Value > 0 && sum < *v {
				return f, known, ErrUnknown
			}
			*v = sum
		}
		if *v < 0 || op.Field == Messages && *v > math.MaxInt32 {
			return f, known, ErrRange
		}
	}
	// One figure alone is kept with the other at zero, if that was never known.
	return Figures{values[0], values[1]}, knows[0] || knows[1], nil
}
