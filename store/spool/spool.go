package spool

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// Write is one value for the database.
type Write struct {
	Kind  string    // what it is: "quota", "last_login"; 1 to 64 bytes
	Key   string    // whose it is; 1 to 1,024 bytes
	Value []byte    // up to 4,096 bytes, in the form that the Sink reads; not to be changed
	At    time.Time // when it was made, for people; orders nothing. Zero: now
}

// The longest parts of a Write, in bytes.
const (
	maxKind  = 64
	maxKey   = 1024
	maxValue = 4096
)

// Sink writes to the database.
type Sink interface {
	// Apply writes a batch in one transaction, or nothing of it. No two writes
	// of a batch have the same Kind and Key. It may be called again with
	// writes that it has applied. An error that is ErrRefused is about the
	// data, any other one about the database.
	Apply(ctx context.Context, batch []Write) error
}

// Options are limits, pauses and hooks. The zero value is good.
type Options struct {
	Max          int           // pending keys; 1,000,000
	Batch        int           // rows given to the Sink at once; 500
	Gather       time.Duration // after a batch that was not full: wait for more to come; 100 ms
	Retry        time.Duration // first pause after a failure; 50 ms
	MaxRetry     time.Duration // longest pause; 1 s
	ApplyTimeout time.Duration // for one batch; 10 s
	Poll         time.Duration // between looks for what another process wrote; 250 ms

	// OnApply, if set, is told of every batch that reached the database.
	OnApply func(rows int, took time.Duration)
	// OnError, if set, is told of every error that no caller of Put gets to
	// see, and of each failed transaction on the file: *ApplyError,
	// *RefusedError, *StorageError, *DamagedError. It must not block.
	OnError func(error)
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	if o.Max <= 0 {
		o.Max = 1_000_000
	}
	if o.Batch <= 0 {
		o.Batch = 500
	}
	def(&o.Gather, 100*time.Millisecond)
	def(&o.Retry, 50*time.Millisecond)
	def(&o.MaxRetry, time.Second)
	def(&o.ApplyTimeout, 10*time.Second)
	def(&o.Poll, 250*time.Millisecond)
	return o
}

// Spool is an open spool. It is safe for concurrent use.
type Spool struct {
	o    Options
	file *file // the committer's, once Open has returned

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	runs sync.WaitGroup // calls of Run
	done chan struct{}  // the committer has ended

	gate   sync.Mutex
	closed bool
	asked  []*request
	wake   chan struct{} // there are requests

	mu       sync.RWMutex
	pending  *queue
	finished []int64   // applied, to be taken out of the file
	refused  []refusal // to be set aside in the file
	stats    Stats
	work     chan struct{} // there is something for the Sink
}

// Open opens the spool at path, or makes it, with mode 0600. A damaged file is
// moved aside, see the package comment. The error is a *StorageError.
func Open(path string, o Options) (*Spool, error) {
	s := &Spool{o: o.withDefaults(), done: make(chan struct{}), wake: make(chan struct{}, 1), work: make(chan struct{}, 1), pending: newQueue()}
	f, damage, err := openFile(path)
	if err != nil {
		return nil, &StorageError{path, err}
	}
	s.file = f
	if err := s.reload(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	if damage != nil {
		s.stats.Damaged = damage.MovedTo
		s.report(damage)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	go s.commitAll()
	return s, nil
}

// Put makes writes durable, all or none of them, and returns when they are.
// The error is ErrFull, ErrClosed, a *StorageError, that of ctx, or says which
// write has a part that is too long.
func (s *Spool) Put(ctx context.Context, writes ...Write) error {
	own, err := checked(writes)
	if err != nil || len(own) == 0 {
		return err
	}
	return s.ask(ctx, &request{writes: own})
}

// Begin is the first half of Put: it gives writes their place in the order of
// arrival and does not wait for the disk. wait does, and is called once; what it
// returns is what Put would.
func (s *Spool) Begin(writes ...Write) (wait func(context.Context) error, err error) {
	own, err := checked(writes)
	if err != nil {
		return nil, err
	}
	if len(own) == 0 {
		return func(context.Context) error { return nil }, nil
	}
	r := &request{writes: own}
	if err := s.hand(r); err != nil {
		return nil, err
	}
	return r.wait, nil
}

// checked returns a copy of writes that the caller cannot change any more.
func checked(writes []Write) ([]Write, error) {
	own := make([]Write, len(writes))
	for i, w := range writes {
		if err := w.check(); err != nil {
			return nil, err
		}
		w.Key, w.Value = strings.Clone(w.Key), append([]byte{}, w.Value...)
		if w.At.IsZero() {
			w.At = time.Now()
		}
		own[i] = w
	}
	return own, nil
}

func (w *Write) check() error {
	switch {
	case w.Kind == "" || len(w.Kind) > maxKind:
		return fmt.Errorf("spool: a kind of %d bytes: want 1 to %d", len(w.Kind), maxKind)
	case w.Key == "" || len(w.Key) > maxKey:
		return fmt.Errorf("spool: a key of %d bytes for %s: want 1 to %d", len(w.Key), w.Kind, maxKey)
	case len(w.Value) > maxValue:
		return fmt.Errorf("spool: a value of %d bytes for %s of %q: want at most %d", len(w.Value), w.Kind, w.Key, maxValue)
	}
	return nil
}

// Get returns the write that waits for the database under kind and key.
func (s *Spool) Get(kind, key string) (Write, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.pending.byID[id{kind, key}]; e != nil {
		return e.Write, true
	}
	return Write{}, false
}

// Each yields the writes of a kind that wait for the database. Writes that come
// meanwhile may be among them or not.
func (s *Spool) Each(kind string) iter.Seq[Write] {
	s.mu.RLock()
	var list []Write
	for k, e := range s.pending.byID {
		if k.kind == kind {
			list = append(list, e.Write)
		}
	}
	s.mu.RUnlock()
	return slices.Values(list)
}

// Stats is what an administrator wants to know of a Spool. Counts are since
// Open.
type Stats struct {
	Pending int       // keys that wait for the database
	Dead    int       // writes that were set aside
	Oldest  time.Time // since when the first of the pending waits (by At), zero if none
	Running bool      // this process has the lock to write to the database

	Acknowledged uint64 // writes made durable
	Commits      uint64 // transactions on the file
	Applied      uint64 // writes that reached the database
	Refused      uint64 // writes that it refused
	Failures     uint64 // batches that failed
	Failing      bool   // the last batch failed

	LastError   error // the last one reported to OnError
	LastErrorAt time.Time
	Damaged     string // where Open moved a damaged file
}

// Stats returns the present figures.
func (s *Spool) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := s.stats
	st.Pending, st.Oldest = len(s.pending.byID), s.pending.oldest()
	return st
}

// Close ends Run, makes durable what has been handed to Put, and closes the
// file. What is pending stays in it.
func (s *Spool) Close() error {
	s.gate.Lock()
	if s.closed {
		s.gate.Unlock()
		return ErrClosed
	}
	s.closed = true
	s.gate.Unlock()
	s.stop()
	s.runs.Wait()
	<-s.done
	if err := s.file.close(); err != nil {
		return &StorageError{s.file.path, err}
	}
	return nil
}

// report remembers an error and tells the hook.
func (s *Spool) report(err error) {
	if err == nil || errors.Is(err, ErrClosed) {
		return
	}
	s.mu.Lock()
	s.stats.LastError, s.stats.LastErrorAt = err, time.Now()
	s.mu.Unlock()
	if s.o.OnError != nil {
		s.o.OnError(err)
	}
}
