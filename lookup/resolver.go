package lookup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmapd/vmapd/store"
)

// Options are the settings of the [lookup] section of the configuration.
type Options struct {
	RecipientDelimiter string        // set of characters, as in main.cf
	SenderLogin        string        // SenderLogin110, SenderLogin2x or SenderLoginStrict
	ParentDomains      bool          // relay domains cover their sub-domains
	LocalTransport     string        // transport:nexthop for mailboxes of split domains
	Hold               time.Duration // how long a request waits for the first snapshot
}

// Resolver answers lookups from the current snapshot of a Store.
type Resolver struct {
	store   *store.Store
	tables  map[string]*Table
	options atomic.Pointer[Options]
	queries sync.Pool
	now     func() time.Time
}

// NewResolver returns a Resolver over s.
func NewResolver(s *store.Store, o Options) *Resolver {
	r := &Resolver{store: s, tables: byName(), now: time.Now}
	r.queries.New = func() any { return new(query) }
	r.SetOptions(o)
	return r
}

// SetOptions changes the options; requests that have begun keep the old ones.
func (r *Resolver) SetOptions(o Options) { r.options.Store(&o) }

// Errors of Lookup. All mean "cannot say, try again".
var (
	ErrUnknownTable = errors.New("no such table")
	ErrNoData       = errors.New("the database has not been read yet")
	ErrStale        = errors.New("the data is too old to be served")
)

// Lookup asks a table for a key. The value is appended to dst; it is never
// empty when found is true, and dst comes back unchanged when it is false. An
// error means that nothing can be said: the caller must answer "try again".
// Lookup does not allocate once the first snapshot is there, but for very long
// answers and keys that are not ASCII.
func (r *Resolver) Lookup(ctx context.Context, dst, table, key []byte) (value []byte, found bool, err error) {
	t := r.tables[string(table)]
	if t == nil {
		return dst, false, fmt.Errorf("%w: %.64q", ErrUnknownTable, table)
	}
	snap, err := r.Snapshot(ctx)
	if err != nil {
		return dst, false, err
	}
	q := r.queries.Get().(*query)
	dst, found = q.run(t, snap, r.options.Load(), r.now, dst, key)
	r.queries.Put(q)
	return dst, found, nil
}

// Servable returns the current snapshot, nil while there is none or it is too
// old.
func (r *Resolver) Servable() *store.Snapshot {
	snap := r.store.Current()
	if _, stale := r.store.Stale(); stale {
		return nil
	}
	return snap
}

// Snapshot is Servable, but waits for the first snapshot. The error wraps
// ErrNoData or ErrStale.
func (r *Resolver) Snapshot(ctx context.Context) (snap *store.Snapshot, err error) {
	if snap = r.store.Current(); snap == nil {
		if snap, err = r.hold(ctx); err != nil {
			return nil, err
		}
	}
	if age, stale := r.store.Stale(); stale {
		return nil, fmt.Errorf("%w: it was read %s ago and the database is not answering", ErrStale, age.Round(time.Second))
	}
	return snap, nil
}

// hold waits for the first snapshot, but not for ever: Postfix gives a request
// up after 100 s, and remembers that for the rest of an SMTP session.
func (r *Resolver) hold(ctx context.Context) (*store.Snapshot, error) {
	if h := r.options.Load().Hold; h > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h)
		defer cancel()
		if s, err := r.store.Wait(ctx); err == nil {
			return s, nil
		}
	}
	if e := r.store.Status().LastError; e != "" {
		return nil, fmt.Errorf("%w: %s", ErrNoData, e)
	}
	return nil, ErrNoData
}

// run answers one query and forgets everything that would keep a snapshot
// alive.
func (q *query) run(t *Table, s *store.Snapshot, o *Options, now func() time.Time, dst, raw []byte) ([]byte, bool) {
	q.Snapshot, q.opt, q.now = s, o, now
	q.buf = q.key.parse(q.buf, raw, o.RecipientDelimiter)
	q.dst, q.start, q.ends = dst, len(dst), q.ends[:0]
	t.find(q)
	out, found := q.dst, q.found()
	q.Snapshot, q.dst, q.seen, q.key = nil, nil, nil, key{}
	return out, found
}
