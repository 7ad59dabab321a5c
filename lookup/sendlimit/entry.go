package sendlimit

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
)

// entry is what is known of a subject.
type entry struct {
	subject Subject

	mu       sync.Mutex
	dead     bool // it was dropped: look again
	used     int64
	counters []*counter
	seen     *seen // of accounts; nil if nobody counts new recipients

	room struct { // for the first counters: each thing that lies elsewhere is a cache miss
		list     [2]*counter
		used     int
		counters [2]counter
	}
}

// newEntry makes an entry of a subject, of whose name it keeps a copy.
func newEntry(s Subject) *entry {
	en := &entry{subject: Subject{s.Kind, strings.Clone(s.Name)}}
	en.counters = en.room.list[:0]
	return en
}

// newCounter gives a counter that counts nothing.
func (en *entry) newCounter(u Unit, w Window) *counter {
	k := new(counter)
	if r := &en.room; r.used < len(r.counters) {
		k = &r.counters[r.used]
		r.used++
	}
	k.unit, k.window, k.cells = u, w, k.room[:0]
	return k
}

// counter gives the one of a unit and a window, which it makes if need be.
func (en *entry) counter(u Unit, w Window) *counter {
	k := en.find(u, w)
	if k == nil {
		k = en.newCounter(u, w)
		en.counters = append(en.counters, k)
	}
	return k
}

// find gives the counter of a unit and a window, nil if there is none.
func (en *entry) find(u Unit, w Window) *counter {
	for _, k := range en.counters {
		if k.unit == u && k.window == w {
			return k
		}
	}
	return nil
}

// idle drops the counters that are of no use any more, and reports whether nothing
// of the entry is. What it remembers of recipients is, unless room is needed.
func (en *entry) idle(ms int64, room bool) bool {
	en.counters = slices.DeleteFunc(en.counters, func(k *counter) bool { return k.idle(ms) })
	if len(en.counters) > 0 {
		return false
	}
	return room || en.seen == nil || len(en.seen.list) == 0
}

// shards is how many maps there are, each with a lock of its own. The lock is
// held to find an entry; what is in it has its own.
const shards = 64

type shard struct {
	mu sync.Mutex
	m  map[Subject]*entry
	_  [48]byte // to a cache line of its own
}

// table holds the entries.
type table struct {
	seed   maphash.Seed
	most   int // entries of a shard
	shards [shards]shard
}

func newTable(size int) *table {
	return &table{seed: maphash.MakeSeed(), most: max(1, (size+shards-1)/shards)}
}

func (t *table) shard(s Subject) *shard {
	return &t.shards[(maphash.String(t.seed, s.Name)+uint64(s.Kind))%shards]
}

// peek gives the entry of a subject, locked; nil if there is none.
func (t *table) peek(s Subject) *entry {
	sh := t.shard(s)
	for {
		sh.mu.Lock()
		en := sh.m[s]
		sh.mu.Unlock()
		if en == nil {
			return nil
		}
		en.mu.Lock()
		if !en.dead {
			return en
		}
		en.mu.Unlock()
	}
}

// enter gives the entry of a subject, locked. If there is none it is made;
// evicted says that one that was of use had to make room.
func (t *table) enter(s Subject, ms int64) (en *entry, evicted bool) {
	sh := t.shard(s)
	for {
		sh.mu.Lock()
		en = sh.m[s]
		if en == nil {
			if len(sh.m) >= t.most {
				evicted = sh.makeRoom(ms) || evicted
			}
			if sh.m == nil {
				sh.m = make(map[Subject]*entry)
			}
			en = newEntry(s)
			sh.m[en.subject] = en
		}
		sh.mu.Unlock()
		en.mu.Lock()
		if !en.dead {
			en.used = ms
			return en, evicted
		}
		en.mu.Unlock()
	}
}

// sample is how many entries are looked at to find one that makes room.
const sample = 16

// makeRoom drops an idle entry, or else the one, of some, that was used longest
// ago: then it reports true. sh.mu is held. Entries that are being used stay.
func (sh *shard) makeRoom(ms int64) bool {
	var victim *entry
	n := 0
	for _, en := range sh.m {
		if !en.mu.TryLock() {
			continue
		}
		if en.idle(ms, true) {
			sh.drop(en)
			en.mu.Unlock()
			return false
		}
		if victim == nil || en.used < victim.used {
			victim, en = en, victim
		}
		if en != nil {
			en.mu.Unlock()
		}
		if n++; n >= sample {
			break
		}
	}
	if victim == nil {
		return false
	}
	sh.drop(victim)
	victim.mu.Unlock()
	return true
}

// drop takes an entry out. Its lock and that of the shard are held.
func (sh *shard) drop(en *entry) {
	en.dead = true
	delete(sh.m, en.subject)
}

// sweep drops the idle entries of one shard.
func (t *table) sweep(i int, ms int64) {
	sh := &t.shards[i%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, en := range sh.m {
		if !en.mu.TryLock() {
			continue
		}
		if en.idle(ms, false) {
			sh.drop(en)
		}
		en.mu.Unlock()
	}
}

// count gives the number of entries.
func (t *table) count() (n int) {
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		n += len(sh.m)
		sh.mu.Unlock()
	}
	return n
}

// list gives the entries of one shard.
func (t *table) list(i int) []*entry {
	sh := &t.shards[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	list := make([]*entry, 0, len(sh.m))
	for _, en := range sh.m {
		list = append(list, en)
	}
	return list
}

// each calls do with each entry, locked.
func (t *table) each(do func(*entry)) {
	for i := range t.shards {
		for _, en := range t.list(i) {
			en.mu.Lock()
			if !en.dead {
				do(en)
			}
			en.mu.Unlock()
		}
	}
}
