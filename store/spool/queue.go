package spool

import "time"

// id names what a write is about.
type id struct{ kind, key string }

func (w *Write) id() id { return id{w.Kind, w.Key} }

// item is one version of a key.
type item struct {
	Write
	seq int64 // grows with every write in the file, whichever process made it
}

// entry is the newest version of a pending key, in the order in which keys
// became pending.
type entry struct {
	item
	since      time.Time
	prev, next *entry
}

// queue is what waits for the database: the file's table "pending" in memory.
// It is not safe for concurrent use.
type queue struct {
	byID map[id]*entry
	ring entry // ring.next is the first
}

func newQueue() *queue {
	q := &queue{byID: map[id]*entry{}}
	q.ring.next, q.ring.prev = &q.ring, &q.ring
	return q
}

// put stores a version unless a newer one is there. A key that is pending
// keeps its place, or one that is written all the time would never leave.
func (q *queue) put(i item) {
	e := q.byID[i.id()]
	if e == nil {
		e = &entry{since: i.At}
		q.byID[i.id()] = e
		q.link(e)
	}
	if i.seq >= e.seq {
		e.item = i
	}
}

// remove takes out a key if seq is still its version.
func (q *queue) remove(i *item) {
	e := q.byID[i.id()]
	if e == nil || e.seq != i.seq {
		return
	}
	delete(q.byID, i.id())
	unlink(e)
}

// first returns up to n versions from the front.
func (q *queue) first(n int) []item {
	n = min(n, len(q.byID))
	batch := make([]item, 0, n)
	for e := q.ring.next; len(batch) < n; e = e.next {
		batch = append(batch, e.item)
	}
	return batch
}

// toBack lets all others pass a key.
func (q *queue) toBack(name id) {
	if e := q.byID[name]; e != nil {
		unlink(e)
		q.link(e)
	}
}

// oldest returns when the first key became pending, zero if none is.
func (q *queue) oldest() time.Time { return q.ring.next.since }

func (q *queue) link(e *entry) {
	last := q.ring.prev
	e.prev, e.next = last, &q.ring
	last.next, q.ring.prev = e, e
}

func unlink(e *entry) { e.prev.next, e.next.prev = e.next, e.prev }
