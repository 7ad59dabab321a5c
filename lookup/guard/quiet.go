package guard

import (
	"math/bits"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// Nearly all logins are those of owners at their usual places, against whom
// nothing is known. They must not wait for each other at a lock, nor fetch the
// entries of six tables to find that there are none. So the accounts and
// networks that have an entry in any table are marked in a filter that is read
// without a lock: what is not marked has none. What is marked may have none
// any more; now and then the tables are swept for those that have. A guess that is
// under way leaves nothing if it was none, so its account is not marked but counted
// meanwhile: else nobody who has logged in would be quiet for ten minutes.

// quiet is what can be known without the lock.
type quiet struct {
	marks  atomic.Pointer[marks]
	under  [1 << 14]atomic.Int32           // guesses under way, by account; two may share one
	recent [recentSets][ways]atomic.Uint64 // see welcome
	counts [stripes]stripe

	// What follows wants g.mu held.
	next  *marks // of the sweep that is under way
	table int    // it has come to
	slot  int
	swept int64 // when the last one ended
}

// marks is a Bloom filter of keys, two bits for each.
type marks [1 << 14]atomic.Uint64

const (
	recentSets = 1 << 15 // of eight, which are a cache line
	stripes    = 8
	sweepEvery = int64(10 * time.Minute)
	sweepPiece = 128 // slots, for each call that has the lock
)

// stripe counts what was settled without the lock. Those who count at the same
// time are to have cache lines of their own.
type stripe struct {
	attempts, successes atomic.Uint64
	_                   [48]byte
}

func (m *marks) set(key uint64) {
	for _, bit := range [2]uint64{key >> 44, key & (1<<20 - 1)} {
		m[bit/64].Or(1 << (bit % 64))
	}
}

func (m *marks) has(key uint64) bool {
	for _, bit := range [2]uint64{key >> 44, key & (1<<20 - 1)} {
		if m[bit/64].Load()&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// mark notes that a key gets an entry. g.mu is held.
func (q *quiet) mark(key uint64) {
	q.marks.Load().set(key)
	if q.next != nil {
		q.next.set(key)
	}
}

// underway counts the guesses under way for an account.
func (q *quiet) underway(account uint64) *atomic.Int32 {
	return &q.under[account>>20%uint64(len(q.under))]
}

// begun notes that a guess of an account is under way in a slot of the table, in
// which there may be one that nobody has said the end of: what that has added stays.
func (q *quiet) begun(p *slot[guess], account uint64) {
	if old := p.value.account; old != 0 {
		q.mark(old)
		q.underway(old).Add(-1)
	}
	q.underway(account).Add(1)
}

// ended empties the slot of a guess.
func (q *quiet) ended(p *slot[guess]) {
	q.underway(p.value.account).Add(-1)
	p.forget()
	p.value = guess{}
}

// markNetworks marks those of an attempt.
func (q *quiet) markNetworks(k *keys) {
	for _, n := range k.nets[:k.n] {
		q.mark(n.key)
	}
}

// trace is what Quiet has found out of who and where, for After.
type trace struct {
	account uint64
	n       int
	nets    [networks]uint64
	recent  *[ways]atomic.Uint64 // see recentAt
	tag     uint64
}

// Quiet reports that nothing is known against an attempt: Glance would let it
// through without a Delay, and need not be called. It says so without waiting
// for anybody, and does not need the Fingerprint; if the login fails after all,
// After does.
func (g *Guard) Quiet(a *Attempt) bool {
	k := g.names(a.Account, a.Remote)
	t := trace{account: k.account, n: k.n}
	t.recent, t.tag = g.recentAt(k.account, k.place, g.clock())
	for i := range k.nets[:k.n] {
		t.nets[i] = k.nets[i].key
	}
	if !g.unmarked(&t) {
		return false
	}
	a.trace = t
	g.quiet.counts[k.account%stripes].attempts.Add(1)
	t.recent[0].Load() // which After will want: it comes from memory while the account does
	return true
}

func (g *Guard) unmarked(t *trace) bool {
	m := g.quiet.marks.Load()
	if m.has(t.account) || g.quiet.underway(t.account).Load() != 0 {
		return false
	}
	return !slices.ContainsFunc(t.nets[:t.n], m.has)
}

// welcome reports that a login changes nothing: there is nothing to forgive, and
// that the account is at home there was noted within the same hour (see retell).
// If the table of homes has to make room for others, an account may so become
// unknown for an hour.
func (g *Guard) welcome(t *trace) bool {
	if !holds(t.recent, t.tag) || !g.unmarked(t) {
		return false
	}
	g.quiet.counts[t.account%stripes].successes.Add(1)
	return true
}

// noteRecent notes that a place was made known at that time. g.mu is held.
func (g *Guard) noteRecent(k *keys, now int64) {
	set, tag := g.recentAt(k.account, k.place, now)
	if holds(set, tag) {
		return
	}
	at := &set[uint64(now)%ways]
	for i := range set {
		if set[i].Load()&hourMask != tag&hourMask { // of another hour, or empty
			at = &set[i]
			break
		}
	}
	at.Store(tag)
}

func holds(set *[ways]atomic.Uint64, tag uint64) bool {
	for i := range set {
		if set[i].Load() == tag {
			return true
		}
	}
	return false
}

// recentAt is where it is noted that an account is at home at a place, and what:
// a hash of the two and the hour.
func (g *Guard) recentAt(account, place uint64, now int64) (set *[ways]atomic.Uint64, tag uint64) {
	h := account ^ bits.RotateLeft64(place, 31)
	hour := uint64((now + int64(g.s.Remember)) / retell)
	return &g.quiet.recent[h>>49], h<<16 | hour&hourMask
}

const hourMask = 0xffff

// sweep looks at a piece of the tables for what is to stay marked. It is called
// by those who hold the lock anyway: where nobody does, nothing is marked.
func (g *Guard) sweep(now int64) {
	q := &g.quiet
	if q.next == nil {
		if now-q.swept < sweepEvery {
			return
		}
		q.next, q.table, q.slot = new(marks), 0, 0
	}
	switch q.table {
	case 0:
		sweepTable(g, &g.accounts, now, func(s *slot[label]) uint64 { return s.key })
	case 1:
		sweepTable(g, &g.pairs, now, func(s *slot[pair]) uint64 { return s.value.account })
	case 2:
		sweepTable(g, &g.networks, now, func(s *slot[netip.Prefix]) uint64 { return s.key })
	case 3:
		sweepTable(g, &g.words, now, func(s *slot[words]) uint64 { return s.key })
	default:
		q.marks.Store(q.next)
		q.next, q.swept = nil, now
	}
}

func sweepTable[T any](g *Guard, t *table[T], now int64, key func(*slot[T]) uint64) {
	q := &g.quiet
	end := min(q.slot+sweepPiece, len(t.slots))
	for i := q.slot; i < end; i++ {
		if s := &t.slots[i]; s.until > now {
			q.next.set(key(s))
		}
	}
	if q.slot = end; end == len(t.slots) {
		q.table, q.slot = q.table+1, 0
	}
}
