package keyring

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

// Options say how a Ring works. The zero value of each but Dir is usable.
type Options struct {
	Dir  string // keys are read below this folder alone
	Kept string // folder for old keys that are still used; "" = they do not outlive the process
	// LookOnly says that another Ring is at work: nothing is changed in Kept.
	LookOnly bool

	Parents     bool // sign for a subdomain with its parent's key
	AliasTarget bool // sign for a domain alias that has no key with its target's, in its target's name

	Wait    time.Duration // how long Keys waits for the loader; 0 = 1 s
	Keep    time.Duration // how long an old key is used; 0 = 7 days
	Recheck time.Duration // how often files are looked at again; 0 = 5 minutes
	Parsed  int           // keys that are kept ready; 0 = 2,000

	// Published is called from a goroutine of its own, and may take its time;
	// nil = nobody knows what DNS shows.
	Published Showing
	// Report is told what changes for the worse or the better, once; nil = nobody
	// is. It must not block.
	Report func(Event)
	Now    func() time.Time // nil = time.Now
}

// Event is something that became of a key.
type Event struct {
	Domain, Selector string
	Text             string    // one clause
	Err              error     // what is wrong, nil if all is well again; may have Remedy
	Until            time.Time // until when an old key is used, zero = none is
}

// Ring holds the keys of all domains. Its methods may be called by many
// goroutines.
type Ring struct {
	o      Options
	choice atomic.Pointer[Options] // whose Choose is in effect
	parsed parsed
	wake   chan struct{}
	ask    chan struct{} // a key waits for DNS

	mu      sync.Mutex
	entries map[name]*entry // whose strings are copies: a view of a snapshot would keep it
	urgent  []name          // somebody waits for
	queue   []name
	newest  *store.Snapshot // to be taken over
	synced  *store.Snapshot
	rescan  bool
	round   uint32
	waits   int    // entries with a next key
	changes uint64 // of what Signers returns

	// The loader's own.
	folder *folder // nil = not open
	down   bool    // it cannot be read
}

type name struct{ domain, selector string }

// material is a private key at rest. It does not change.
type material struct{ der []byte }

func (m *material) same(o *material) bool { return m != nil && o != nil && bytes.Equal(m.der, o.der) }

// entry is what is known of one key.
type entry struct {
	path   string
	file   stamp     // of what was read last
	key    *material // signs; nil = none yet
	next   *material // is in the file, but DNS does not show it yet
	err    error     // why the file cannot be used, nil = it can
	since  time.Time // when it came to be that key is not what the row asks for; zero = it is
	looked bool
	kept   bool          // key is on disk in Options.Kept
	done   chan struct{} // closed when looked at; nil = nobody waits
	round  uint32        // of the last sync that found it
}

// NewRing returns a Ring without keys.
func NewRing(o Options) *Ring {
	set(&o.Wait, time.Second)
	set(&o.Keep, 7*24*time.Hour)
	set(&o.Recheck, 5*time.Minute)
	set(&o.Parsed, 2000)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Report == nil {
		o.Report = func(Event) {}
	}
	r := &Ring{o: o, parsed: parsed{room: o.Parsed}, entries: map[name]*entry{}, wake: make(chan struct{}, 1), ask: make(chan struct{}, 1)}
	r.choice.Store(&o)
	return r
}

// SetChoice changes Options.Parents and Options.AliasTarget.
func (r *Ring) SetChoice(parents, aliasTarget bool) {
	o := r.o
	o.Parents, o.AliasTarget = parents, aliasTarget
	r.choice.Store(&o)
}

func set[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// Sync tells the ring of a snapshot that is served from now on. It returns at
// once; Run does the work.
func (r *Ring) Sync(s *store.Snapshot) {
	r.mu.Lock()
	r.newest = s
	r.mu.Unlock()
	signal(r.wake)
}

// Rescan has all files looked at again.
func (r *Ring) Rescan() {
	r.mu.Lock()
	r.rescan = true
	r.mu.Unlock()
	signal(r.wake)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Keys returns the keys that sign for a domain, which is folded, one of each
// algorithm; if there is none, why. It takes no longer than Options.Wait, and
// almost no time when the keys have been read.
func (r *Ring) Keys(ctx context.Context, s *store.Snapshot, domain string) ([]*dkim.Key, Reason) {
	choices, why := r.choice.Load().Choose(s, domain)
	if len(choices) == 0 {
		return nil, why
	}
	ctx, cancel := context.WithTimeout(ctx, r.o.Wait)
	defer cancel()
	var keys []*dkim.Key
	why = ""
	for i := range choices {
		c := &choices[i]
		if has(keys, c.Algorithm) {
			continue
		}
		key, reason := r.key(ctx, c)
		switch {
		case key == nil && why == "":
			why = reason // of the one that should have signed
		case key != nil && !has(keys, key.Algorithm.Tag()):
			keys = append(keys, key)
		}
	}
	if len(keys) > 0 {
		why = ""
	}
	return keys, why
}

func has(keys []*dkim.Key, algorithm string) bool {
	for _, k := range keys {
		if k.Algorithm.Tag() == algorithm {
			return true
		}
	}
	return false
}

// key returns one key ready for use.
func (r *Ring) key(ctx context.Context, c *Choice) (*dkim.Key, Reason) {
	m, err := r.material(ctx, c)
	if err != nil {
		return nil, reasonOf(err)
	}
	key, err := r.parsed.get(m, func() (*dkim.Key, error) {
		private, err := dkim.ParsePrivate(m.der)
		if err != nil {
			return nil, err
		}
		return dkim.NewKey(strings.Clone(c.Domain), strings.Clone(c.Selector), private)
	})
	if err != nil {
		r.spoilt(c, m, err)
		return nil, Unreadable
	}
	return key, ""
}

// errors that are no FileError.
type reasonError Reason

func (e reasonError) Error() string {
	return map[Reason]string{Loading: "the key has not been read yet", Unmade: "no key has been made yet", NoKey: "no row asks for the key"}[Reason(e)]
}

func reasonOf(err error) Reason {
	var file *FileError
	var reason reasonError
	switch {
	case errors.As(err, &file):
		return file.Reason
	case errors.As(err, &reason):
		return Reason(reason)
	}
	return Unreadable
}

// material returns what is known of a key, and waits for the loader if nothing
// is.
func (r *Ring) material(ctx context.Context, c *Choice) (*material, error) {
	n := name{c.Domain, c.Selector}
	r.mu.Lock()
	e := r.entries[n]
	if e != nil && (e.key != nil || e.looked && e.path == c.Path) {
		defer r.mu.Unlock()
		return e.material()
	}
	if e == nil {
		n = name{strings.Clone(c.Domain), strings.Clone(c.Selector)}
		e = &entry{round: r.round}
		r.entries[n] = e
	}
	if e.path != c.Path {
		e.path, e.looked = strings.Clone(c.Path), false
	}
	if e.done == nil {
		e.done = make(chan struct{})
		r.urgent = append(r.urgent, n)
	}
	done := e.done
	r.mu.Unlock()
	signal(r.wake)
	select {
	case <-done:
	case <-ctx.Done():
		return nil, reasonError(Loading)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return e.material()
}

func (e *entry) material() (*material, error) {
	switch {
	case e.key != nil:
		return e.key, nil
	case e.err != nil:
		return nil, e.err
	case e.path == "":
		return nil, reasonError(Unmade)
	}
	return nil, reasonError(Loading)
}

// spoilt notes that a key cannot be used after all.
func (r *Ring) spoilt(c *Choice, m *material, err error) {
	r.mu.Lock()
	e := r.entries[name{c.Domain, c.Selector}]
	first := e != nil && e.key == m
	if first {
		r.setKey(e, nil)
		e.since, e.err = time.Time{}, damagedKey(e.path, err)
		err = e.err
	}
	r.mu.Unlock()
	if first {
		r.o.Report(Event{Domain: c.Domain, Selector: c.Selector, Text: "cannot sign", Err: err})
	}
}

// State is what a Ring knows of a key.
type State struct {
	Read  bool             // the file was looked at
	Key   bool             // there is a key to sign with
	Err   error            // what is wrong with the file
	Old   bool             // the key is not the one that the row asks for
	Since time.Time        // since when it is not
	Next  crypto.PublicKey // the key in the file, which waits for DNS; nil = none
}

// State returns what is known of a key.
func (r *Ring) State(domain, selector string) State {
	r.mu.Lock()
	e := r.entries[name{domain, selector}]
	var st State
	var next *material
	if e != nil {
		st = State{Read: e.looked, Key: e.key != nil, Err: e.err, Old: !e.since.IsZero() && e.key != nil, Since: e.since}
		next = e.next
	}
	r.mu.Unlock()
	if next != nil {
		if private, err := dkim.ParsePrivate(next.der); err == nil {
			st.Next = private.Public()
		}
	}
	return st
}
