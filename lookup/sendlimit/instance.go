package sendlimit

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// rememberInstance is how long it is known what a message was charged.
const rememberInstance = int64(time.Hour / time.Millisecond)

// instance is what a message was charged. It is never changed: the next charge
// makes another one.
type instance struct {
	at       int64 // milliseconds
	replaced int64 // at of the one whose place it took; 0: none
	era      uint32
	alone    bool // while the other nodes could not be asked
	refused  bool
	posted   []posting
	learned  []uint64 // recipients that were new
}

// posting is what was counted in a counter.
type posting struct {
	subject Subject
	unit    Unit
	window  Window
	bucket  int64
	n       int64
}

// of gives what an instance has posted in a counter. A nil instance has posted
// nothing.
func (i *instance) of(s Subject, u Unit, w Window) (bucket, n int64) {
	if i == nil {
		return 0, 0
	}
	for k := range i.posted {
		if p := &i.posted[k]; p.unit == u && p.window == w && p.subject == s {
			return p.bucket, p.n
		}
	}
	return 0, 0
}

func (i *instance) hasLearned(h uint64) bool {
	return i != nil && slices.Contains(i.learned, h)
}

// instances are the messages of the last hour, at most a certain number: then
// the oldest are forgotten.
type instances struct {
	most int

	mu    sync.Mutex
	m     map[string]*instance
	queue []named // in order of time; also those that were replaced since
}

type named struct {
	name string
	at   int64
}

func (t *instances) get(name string, ms int64) *instance {
	if name == "" {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.m[name]
	if i == nil || i.at+rememberInstance <= ms {
		return nil
	}
	return i
}

func (t *instances) put(name string, i *instance) {
	if name == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = make(map[string]*instance)
	}
	t.m[name] = i
	t.queue = append(t.queue, named{name, i.at})
	t.forget(i.at)
}

// forget drops those whose time is over, and those that are too many.
func (t *instances) forget(ms int64) {
	for len(t.queue) > 0 {
		first := t.queue[0]
		i := t.m[first.name]
		switch {
		case i == nil || i.at != first.at: // replaced, with another place in the queue
		case len(t.m) > t.most || first.at+rememberInstance <= ms || len(t.queue) > 4*t.most:
			delete(t.m, first.name)
		default:
			return
		}
		t.queue = t.queue[1:]
	}
}

func (t *instances) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.m)
}

// each calls do with each instance there was when it began.
func (t *instances) each(do func(name string, i *instance)) {
	t.mu.Lock()
	list := maps.Clone(t.m)
	t.mu.Unlock()
	for name, i := range list {
		do(name, i)
	}
}
