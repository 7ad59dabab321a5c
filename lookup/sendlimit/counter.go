package sendlimit

import (
	"slices"
	"unique"
)

// part is who counted: a process. Each process changes its own cells only, so
// what several have counted can be put together in any order, as often as one
// likes, and nothing counts twice.
type part = unique.Handle[string]

// cell is what one part has counted in one bucket. It may be negative: what
// was taken back, or reset, of what others have counted.
type cell struct {
	part   part
	bucket int64 // milliseconds since 1970 by the width of the bucket
	n      int64
}

// counter counts one unit of one subject in one window.
type counter struct {
	unit   Unit
	window Window
	cells  []cell

	warned  int64 // bucket in which the soft mark was told; 0: not
	refused int64 // bucket in which the first refusal was told; 0: not
	reset   int64 // when it was reset, in milliseconds; 0: never

	sharing *sharing // nil of most where nobody shares

	room [1]cell // for the first of cells: most have no more
}

// sharing is what nodes that share need of a counter, see apart.go.
type sharing struct {
	alone   []tally // what was counted in the present era, when nobody could be asked
	era     uint32  // the era of alone
	version int64   // of the cells as the other nodes have told them
	dirty   bool    // they do not know our cells
}

// shared gives that of a counter, which it makes if need be.
func (k *counter) shared() *sharing {
	if k.sharing == nil {
		k.sharing = new(sharing)
	}
	return k.sharing
}

// tally is an amount in a bucket.
type tally struct{ bucket, n int64 }

// at gives the bucket of a time in milliseconds.
func (w Window) at(ms int64) int64 {
	width, _ := w.buckets()
	return ms / width
}

// holds reports whether a bucket counts at a time. Those of the future do, as
// when a clock was set back, but not those of a distant one.
func (w Window) holds(bucket, ms int64) bool {
	after, before := w.reach(ms)
	return after < bucket && bucket < before
}

// reach gives between which two buckets those are that count at a time.
func (w Window) reach(ms int64) (after, before int64) {
	width, span := w.buckets()
	now := ms / width
	return now - span, now + span
}

// leaves gives the time in milliseconds at which a bucket counts no more.
func (w Window) leaves(bucket int64) int64 {
	width, span := w.buckets()
	return (bucket + span) * width
}

// tidy drops what counts no more.
func (k *counter) tidy(ms int64) {
	after, before := k.window.reach(ms)
	gone := func(bucket int64) bool { return bucket <= after || bucket >= before }
	k.cells = slices.DeleteFunc(k.cells, func(c cell) bool { return c.n == 0 || gone(c.bucket) })
	if k.warned != 0 && gone(k.warned) {
		k.warned = 0
	}
	if k.refused != 0 && gone(k.refused) {
		k.refused = 0
	}
}

// used gives what counts at a time. It is never negative.
func (k *counter) used(ms int64) (n int64) {
	after, before := k.window.reach(ms)
	for i := range k.cells {
		if c := &k.cells[i]; after < c.bucket && c.bucket < before {
			n += c.n
		}
	}
	return max(n, 0)
}

// add counts in a bucket of a part, and gives what that has then.
func (k *counter) add(p part, bucket, n int64) int64 {
	for i := len(k.cells) - 1; i >= 0; i-- {
		if c := &k.cells[i]; c.bucket == bucket && c.part == p {
			c.n += n
			return c.n
		}
	}
	if n != 0 {
		k.cells = append(k.cells, cell{p, bucket, n})
	}
	return n
}

// set sets a bucket of a part.
func (k *counter) set(p part, bucket, n int64) {
	k.add(p, bucket, n-k.get(p, bucket))
}

func (k *counter) get(p part, bucket int64) int64 {
	for i := range k.cells {
		if c := &k.cells[i]; c.bucket == bucket && c.part == p {
			return c.n
		}
	}
	return 0
}

// free gives the time in milliseconds at which need of what counts has left; 0
// if that never comes.
func (k *counter) free(ms, need int64) int64 {
	list := make([]tally, 0, len(k.cells))
	for _, c := range k.cells {
		if k.window.holds(c.bucket, ms) {
			list = append(list, tally{c.bucket, c.n})
		}
	}
	slices.SortFunc(list, func(a, b tally) int { return int(a.bucket - b.bucket) })
	for i, t := range list {
		need -= t.n
		if need <= 0 && (i+1 == len(list) || list[i+1].bucket != t.bucket) {
			return k.window.leaves(t.bucket)
		}
	}
	return 0
}

// idle reports whether nothing counts. When it was reset is of use for as long
// as messages are known that were charged before.
func (k *counter) idle(ms int64) bool {
	k.tidy(ms)
	return len(k.cells) == 0 && k.warned == 0 && k.refused == 0 && k.reset+rememberInstance <= ms
}
