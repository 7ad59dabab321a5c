package guard

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Attempt is one try to log in.
type Attempt struct {
	// Account is the name in the one spelling that all its logins share:
	// folded, and resolved if an account has several names. It need not exist.
	Account string
	// Remote is where the client is; the zero Addr if nobody knows.
	Remote netip.Addr
	// Fingerprint is that of the password; 0 if there is none to see
	// (challenge and response): each failure then counts.
	Fingerprint uint64

	trace trace // of Quiet
}

// Verdict is what to do with an attempt.
type Verdict struct {
	// Refuse says to answer as to a wrong password, without looking at it.
	Refuse bool
	// Delay is for how long to hold the answer, counted from the request.
	Delay time.Duration
	// Reason says which bucket decided, for logs and as a metric's label:
	// "account", "place", "address" or "network"; empty if none did.
	Reason string
	// Message is for the client that is refused: Settings.Message.
	Message string
}

// Guard counts attempts and judges them. It is safe for concurrent use.
type Guard struct {
	s     Settings
	epoch time.Time
	seed  sipKey                   // of all keys of the tables; changed by Load alone
	key   atomic.Pointer[[32]byte] // of the fingerprints

	mu       sync.Mutex
	latest   int64 // what the clock said last
	accounts table[label]
	pairs    table[pair]
	networks table[netip.Prefix]
	words    table[words]
	pending  table[guess]
	homes    table[[]home]
	quiet    quiet
	stats    Stats

	events chan Event // nil if nobody shares
	apart  [2]error   // why the other nodes are not told, and not heard
}

// pair is an account at a place.
type pair struct {
	account uint64
	bucket  int64 // its own guesses
	// owed is what it has added to the bucket of the account and to those of
	// the place's networks, and what has not leaked out since: a bucket in the
	// bucket. Taken out again it leaves no less than others have added.
	owedAccount int64
	owed        [networks]int64
}

// New makes a Guard.
func New(s Settings) *Guard {
	s = s.withDefaults()
	g := &Guard{
		s: s, epoch: s.Now(),
		accounts: newTable[label](s.MaxEntries), pairs: newTable[pair](s.MaxEntries),
		networks: newTable[netip.Prefix](s.MaxEntries), words: newTable[words](s.MaxEntries), pending: newTable[guess](s.MaxEntries / 4),
		homes: newTable[[]home](s.MaxHomes),
	}
	g.quiet.marks.Store(new(marks))
	if s.Shared != nil {
		g.events = make(chan Event, maxQueue)
		g.apart[hearing] = errNotYet
	}
	var key [32]byte
	rand.Read(key[:]) // never fails
	g.seed = sipKey{binary.LittleEndian.Uint64(key[:]), binary.LittleEndian.Uint64(key[8:])}
	rand.Read(key[:])
	g.key.Store(&key)
	return g
}

// Before judges an attempt of which nobody has looked at the password yet, and
// counts it as a guess until it is known to be none. If it is not refused, After
// or Cancel must follow. A caller that can hold a failure waits for the Delay of
// After instead of this one: then who knows the password does not wait.
func (g *Guard) Before(a Attempt) Verdict { return g.before(&a, true, true) }

// Glance is Before for a caller that can say at once how the attempt ends, and
// does with After: nothing is counted as a guess meanwhile. If it takes long after
// all, Begin comes in between.
func (g *Guard) Glance(a Attempt) Verdict { return g.before(&a, true, false) }

// Begin judges an attempt again to which Glance had no objection, and counts it
// as a guess until it is known to be none. If it is refused now, nothing follows.
func (g *Guard) Begin(a Attempt) Verdict { return g.before(&a, false, true) }

// before judges an attempt, unless it has been let through and is under way.
func (g *Guard) before(a *Attempt, isNew, begins bool) Verdict {
	k := g.keys(a.Account, a.Remote, a.Fingerprint)
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.time()
	g.sweep(now)
	p := g.pending.find(k.password, now)
	if p != nil && p.value.pair == k.pair && now-p.value.at < underWay {
		return Verdict{}
	}
	if isNew {
		g.stats.Attempts++
	}
	known := g.isHome(&k, now)
	v := g.judge(&k, known, now)
	switch {
	case v.Refuse:
		g.stats.Refused++
		return v
	case v.Delay > 0 && isNew:
		g.stats.Held++
	}
	if begins && p == nil && k.password != 0 && !g.isWrong(&k, now) {
		p, _ := g.pending.make(k.password, now)
		g.quiet.begun(p, k.account)
		p.until, p.value = now+settling, g.charge(a.Account, &k, known, now)
	}
	return v
}

// After says how an attempt that Before let through has ended. Its Delay is for
// how long to hold a failure; Refuse says that the next attempt will be refused.
func (g *Guard) After(a Attempt, ok bool) Verdict {
	if ok && a.trace.account != 0 && g.welcome(&a.trace) {
		return Verdict{}
	}
	k := g.keys(a.Account, a.Remote, a.Fingerprint)
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.time()
	if ok {
		g.stats.Successes++
		if g.succeed(&k, now, now) {
			g.tell(Event{Kind: Succeeded, Account: a.Account, Remote: a.Remote})
		}
		g.noteRecent(&k, now)
		return Verdict{}
	}
	g.stats.Failures++
	known := g.isHome(&k, now)
	if g.fail(a.Account, &k, known, now) {
		g.tell(Event{Kind: Failed, Account: a.Account, Remote: a.Remote, Fingerprint: a.Fingerprint})
	} else {
		g.stats.Repeats++
	}
	return g.judge(&k, known, now)
}

// Cancel says that nobody found out whether the password of an attempt was
// right. It is as if Before had not been called.
func (g *Guard) Cancel(a Attempt) {
	k := g.keys(a.Account, a.Remote, a.Fingerprint)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.settle(&k, g.time())
}
