package mailops

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// Carrier has operations carried out: *Files, or *Doveadm.
type Carrier interface {
	// Open begins a run. ErrBusy says that another process has begun one.
	Open(ctx context.Context) (Session, error)
}

// Session is a run of a [Carrier].
type Session interface {
	// Carry carries an operation out so that it is on disk, or, if dry, says what
	// it would do. The text is one clause. A *Refusal stands until somebody does
	// something about it.
	Carry(ctx context.Context, op *Operation, facts Facts, dry bool) (text string, err error)
	// Settle is called once the row of an operation that is done is gone.
	Settle(op *Operation) error
	Close() error
}

// tidier is a session that may find what operations have left behind whose rows
// are gone.
type tidier interface {
	Tidy(ctx context.Context, pending func(row int64) bool) ([]Result, error)
}

// Options say what a [Runner] works with.
type Options struct {
	DB      *db.DB
	Carrier Carrier
	// Home is the home of a mailbox, "" if its address cannot be part of a path.
	Home func(address string) string
	// Domain is the domain that a home says, "" if it does not say it.
	Domain func(home string) string
	// Address is the mailbox that a home is for, "" if it does not say it.
	Address func(home string) string
	// Sessions, if not nil, ends sessions of mailboxes before their homes are
	// renamed or removed. If it cannot it is done all the same.
	Sessions Sessions
	// Alarms, if not nil, is told of operations that fail.
	Alarms Alarms
	// Report is called for each operation as it is done or refused, if not nil.
	Report func(Result)
	// Tidy is how often to look for what operations have left behind whose rows
	// are gone; 0 = never.
	Tidy time.Duration
	Now  func() time.Time // time.Now if nil
}

// Sessions knows who is logged in: *API does.
type Sessions interface {
	End(ctx context.Context, addresses ...string) error
	Forget(ctx context.Context, addresses ...string) error
}

// Alarms is told once that an operation cannot be carried out, and once that
// this is over. The address is that of its mailbox, or "".
type Alarms interface {
	OperationFailed(address string, r Result)
	OperationSettled(address string)
}

// Runner carries out the operations of one database. What failed it leaves
// alone for a while, longer each time. It is safe for concurrent use.
type Runner struct {
	o Options

	run    sync.Mutex   // one run at a time
	report func(Result) // of the run
	mu     sync.Mutex   // guards what follows
	failed map[int64]*failure
	seen   map[int64]time.Time // when each row was seen first
	tidied time.Time
	err    error // of the last run
}

// failure is an operation that could not be carried out.
type failure struct {
	times   int
	next    time.Time // not before
	result  Result
	address string
}

// How long an operation that failed is left alone.
const (
	firstPause = time.Minute
	lastPause  = time.Hour
)

// NewRunner returns a runner.
func NewRunner(o Options) *Runner {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Report == nil {
		o.Report = func(Result) {}
	}
	return &Runner{o: o, failed: map[int64]*failure{}, seen: map[int64]time.Time{}}
}

// Summary is what came of a run.
type Summary struct {
	Done    int `json:"done"`
	Refused int `json:"refused"` // or failed
	Waiting int `json:"waiting"` // for another one, or to be tried again
}

// Run carries out all operations there are, or, if dry, says what that would
// mean and changes nothing. Operations that fail are no error of the run. The
// error is about the database or the folder of all mail, ErrBusy, an
// *OwnerError, or that of ctx.
func (r *Runner) Run(ctx context.Context, dry bool) (Summary, error) {
	return r.RunWith(ctx, dry, nil)
}

// RunWith is Run that calls a function of its own, too, for each operation as it
// is done or refused.
func (r *Runner) RunWith(ctx context.Context, dry bool, report func(Result)) (Summary, error) {
	r.run.Lock()
	defer r.run.Unlock()
	r.report = r.o.Report
	if report != nil {
		r.report = func(result Result) { r.o.Report(result); report(result) }
	}
	if dry && report != nil { // what is merely planned is told to who asked
		r.report = report
	}
	sum, err := r.all(ctx, dry)
	r.mu.Lock()
	r.err = err
	r.mu.Unlock()
	return sum, err
}

func (r *Runner) all(ctx context.Context, dry bool) (Summary, error) {
	ops, err := r.read(ctx)
	if err != nil {
		return Summary{}, err
	}
	r.note(ops)
	if len(ops) == 0 && !r.tidyIsDue(dry) {
		return Summary{}, nil
	}
	s, err := r.o.Carrier.Open(ctx)
	if err != nil {
		return Summary{}, err
	}
	defer func() { _ = s.Close() }()
	if r.tidyIsDue(dry) {
		if err := r.tidy(ctx, s, ops); err != nil {
			return Summary{}, err
		}
	}
	b := &batch{Runner: r, session: s, dry: dry, held: map[string]bool{}}
	err = b.all(ctx, ops)
	return b.sum, err
}

// batch is a run.
type batch struct {
	*Runner
	session Session
	dry     bool
	held    map[string]bool // paths of operations that were not carried out: later ones wait
	sum     Summary
}

// all carries out operations in order; then those that had to wait for others,
// as long as that helps.
func (b *batch) all(ctx context.Context, ops []Operation) error {
	for {
		var waiting []Operation
		for i := range ops {
			wait, err := b.one(ctx, &ops[i])
			if err != nil {
				return err
			}
			if wait {
				waiting = append(waiting, ops[i])
			}
		}
		if len(waiting) == 0 || len(waiting) == len(ops) {
			b.sum.Waiting += len(waiting)
			for i := range waiting {
				result := resultOf(&waiting[i], errWaits.Error())
				result.Remedy = "see what keeps the other one"
				b.report(result)
			}
			return nil
		}
		ops = waiting
	}
}

// one carries out one operation. The error is one that ends the run.
func (b *batch) one(ctx context.Context, op *Operation) (wait bool, err error) {
	if err := context.Cause(ctx); err != nil {
		return false, err
	}
	if b.held[op.Argument] || op.Home != "" && b.held[op.Home] || !b.due(op) {
		b.hold(op)
		b.sum.Waiting++
		return false, nil
	}
	note := b.endSessions(ctx, op)
	text, err := b.session.Carry(ctx, op, b, b.dry)
	var database *databaseError
	switch {
	case errors.As(err, &database):
		return false, err
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case errors.Is(err, errWaits):
		return true, nil
	case errors.Is(err, errDone):
		return false, nil
	case err != nil:
		b.hold(op)
		b.sum.Refused++
		return false, b.fail(ctx, op, err)
	}
	b.sum.Done++
	return false, b.finish(ctx, op, text+note)
}

// endSessions returns what there is to say of it.
func (b *batch) endSessions(ctx context.Context, op *Operation) (note string) {
	if b.o.Sessions == nil || b.dry {
		return ""
	}
	if err := b.o.Sessions.End(ctx, b.addresses(op)...); err != nil {
		return ", but sessions were not ended: " + err.Error()
	}
	return ""
}

// addressOf is the mailbox that an operation is about.
func (r *Runner) addressOf(op *Operation) string {
	if op.Address != "" {
		return op.Address
	}
	return r.o.Address(filepath.Clean(op.Argument))
}

// addresses are those that an operation is about.
func (b *batch) addresses(op *Operation) []string {
	var list []string
	for _, a := range []string{b.o.Address(filepath.Clean(op.Argument)), op.Address} {
		if a != "" {
			list = append(list, a)
		}
	}
	return list
}

func (b *batch) hold(op *Operation) {
	b.held[op.Argument] = true
	if op.Home != "" {
		b.held[op.Home] = true
	}
}

// finish deletes the row of an operation that is done.
func (b *batch) finish(ctx context.Context, op *Operation, text string) error {
	result := resultOf(op, text)
	if !b.dry {
		if err := b.deleteRow(ctx, op); err != nil {
			return err
		}
		result.Done = true
		b.forget(op.ID)
		if s := b.o.Sessions; s != nil {
			if err := s.Forget(ctx, b.addresses(op)...); err != nil {
				result.Text += ", but Dovecot may remember the old home for a while: " + err.Error()
			}
		}
		if err := b.session.Settle(op); err != nil { // then the next tidying does it
			result.Text += ", but: " + err.Error()
		}
	}
	b.report(result)
	return nil
}

// fail keeps the row, and remembers why.
func (b *batch) fail(ctx context.Context, op *Operation, why error) error {
	result := resultOf(op, why.Error())
	result.Remedy = remedyOf(why)
	if b.dry {
		b.report(result)
		return nil
	}
	if err := b.Pending(ctx, op); errors.Is(err, errDone) { // that explains it
		return nil
	} else if err != nil {
		return err
	}
	if b.remember(op, result) {
		if b.o.Alarms != nil {
			b.o.Alarms.OperationFailed(b.addressOf(op), result)
		}
		if err := b.logOnce(ctx, "critical", op.String()+" failed (reason: "+why.Error()+")"); err != nil {
			return err
		}
	}
	b.report(result)
	return nil
}

func resultOf(op *Operation, text string) Result {
	return Result{ID: op.ID, Kind: op.Kind, Path: op.Argument, To: op.Home, Mailbox: op.Address, Text: text}
}
