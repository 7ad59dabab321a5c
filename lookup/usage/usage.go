package usage

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/vmapd/vmapd/store"
)

// Figures say how full a mailbox is.
type Figures struct {
	Bytes    int64
	Messages int64
}

// Journal keeps reports until the database has them.
type Journal interface {
	// Pending returns what waits for the database.
	Pending(address string) (Figures, bool)
	// All yields everything that waits for the database.
	All(yield func(address string, f Figures) bool)
	// Begin gives a report its place behind all before it. What it returns
	// waits until the report is safe, and is called once.
	Begin(address string, f Figures) (wait func(context.Context) error, err error)
}

// Usage is the usage of all mailboxes.
type Usage struct {
	journal Journal
	checked func() time.Time
	now     func() time.Time
	seed    maphash.Seed
	shards  [64]shard
}

type shard struct {
	mu      sync.Mutex
	reports map[string]*report // by address, folded
}

// report is the last one of a mailbox.
type report struct {
	Figures
	known bool      // false: a mail server said that it does not know
	safe  bool      // the journal keeps it
	gone  time.Time // when the journal was first seen without it
}

// New returns a Usage over a journal, before anything reads from that. checked
// says up to when the current snapshot is known to equal the database.
func New(j Journal, checked func() time.Time) *Usage {
	u := &Usage{journal: j, checked: checked, now: time.Now, seed: maphash.MakeSeed()}
	for i := range u.shards {
		u.shards[i].reports = map[string]*report{}
	}
	for address, f := range j.All {
		u.shard(address).reports[address] = &report{Figures: f, known: true, safe: true} // from before a restart
	}
	return u
}

// Errors of Apply.
var (
	// ErrUnknown says that an increment has nothing to begin with: the mail
	// server is to count anew.
	ErrUnknown = errors.New("the usage of the mailbox is not known")
	// ErrRange says that a figure is negative, or too large for the database.
	ErrRange = errors.New("the usage is out of range")
)

// Of returns how full a mailbox is; ok is false if nobody knows.
func (u *Usage) Of(m *store.Mailbox) (f Figures, ok bool) {
	sh := u.shard(m.Address)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return u.of(sh, m)
}

// of is Of in a shard that is locked.
func (u *Usage) of(sh *shard, m *store.Mailbox) (Figures, bool) {
	if r := sh.reports[m.Address]; r != nil {
		if !u.settled(r, m) {
			return r.Figures, r.known
		}
		delete(sh.reports, m.Address)
	}
	if !m.Counted || m.Bytes < 0 || m.Messages < 0 {
		return Figures{}, false
	}
	return Figures{m.Bytes, m.Messages}, true
}

// settled reports whether a report need not be remembered any more: the
// database has it, and the snapshot has what the database says.
func (u *Usage) settled(r *report, m *store.Mailbox) bool {
	if !r.safe {
		return false
	}
	if _, pending := u.journal.Pending(m.Address); pending {
		r.gone = time.Time{}
		return false
	}
	if r.known && m.Counted && r.Figures == (Figures{m.Bytes, m.Messages}) {
		return true
	}
	if r.gone.IsZero() {
		r.gone = u.now()
		return false
	}
	return u.checked().After(r.gone)
}

func (u *Usage) shard(address string) *shard {
	return &u.shards[maphash.String(u.seed, address)%uint64(len(u.shards))]
}

// Forget drops what need not be remembered of mailboxes that nobody asks for;
// find finds a mailbox of the current snapshot. It is called now and then.
func (u *Usage) Forget(find func(address string) (store.Mailbox, bool)) {
	for i := range u.shards {
		sh := &u.shards[i]
		sh.mu.Lock()
		for address, r := range sh.reports {
			m, ok := find(address)
			if m.Address = address; u.settled(r, &m) || !ok && r.safe {
				delete(sh.reports, address)
			}
		}
		sh.mu.Unlock()
	}
}

// InDomain returns what is in the mailboxes of a domain together, in bytes;
// find finds a mailbox of the snapshot that d is of.
func (u *Usage) InDomain(d *store.Domain, find func(address string) (store.Mailbox, bool)) int64 {
	sum := d.Bytes
	for i := range u.shards {
		sh := &u.shards[i]
		sh.mu.Lock()
		for address, r := range sh.reports {
			if m, ok := find(address); ok && m.DomainID == d.ID && r.known && !u.settled(r, &m) {
				sum += r.Bytes - m.Bytes
			}
		}
		sh.mu.Unlock()
	}
	return sum
}
