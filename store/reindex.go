package store

import (
	"hash/maphash"
	"runtime"
	"sync"
)

// reindex builds what is not stored, on all processors: nothing is served yet.
func (b *base) reindex() {
	var wg sync.WaitGroup
	wg.Go(func() {
		indexTable(&b.domains, func(r *domainRow) uint32 { return r.id })
		indexTable(&b.domainAliases, func(r *domainAliasRow) uint32 { return r.id })
		indexTable(&b.accounts, func(r *accountRow) uint32 { return r.id })
		indexTable(&b.mailboxes, func(r *mailboxRow) uint32 { return r.id })
		indexTable(&b.senders, func(r *senderRow) uint32 { return r.id })
		indexTable(&b.operations, func(r *operationRow) uint32 { return r.id })
		indexTable(&b.signingKeys, func(r *signingKeyRow) uint32 { return r.id })
		for i := range b.routes {
			indexTable(&b.routes[i], func(r *routeRow) uint32 { return r.id })
		}
	})
	wg.Go(func() {
		indexTable(&b.aliases, func(r *aliasRow) uint32 { return r.id })
		b.indexRecipients()
	})
	b.symbols.reindex()
	wg.Wait()
}

func indexTable[T any](t *table[T], id func(*T) uint32) {
	for at, r := range t.all(func() {}) {
		t.ids.set(id(r), at)
	}
}

func (b *base) indexRecipients() {
	for at, a := range b.aliases.all(func() {}) {
		if a.one.id != 0 {
			b.recipientIDs.set(a.one.id, at)
		}
		for more := a.more; more != 0; more = b.recipients.at(more).next {
			b.recipientIDs.set(b.recipients.at(more).id, at)
		}
	}
}

type hashed struct {
	hash uint64
	ref  ref
}

// reindex finds each symbol's place: each worker hashes its share of the texts,
// then fills its share of the shards.
func (y *symbols) reindex() {
	n := workers()
	parts := make([][]hashed, n)
	parallel(n, func(w int) {
		from, to := len(y.chunks)*w/n, len(y.chunks)*(w+1)/n
		for r := range y.refs(from, to) {
			parts[w] = append(parts[w], hashed{maphash.String(y.seed, y.text(r)), r})
		}
	})
	y.index.shards = make([]shard, indexShards)
	parallel(n, func(w int) {
		from, to := indexShards*w/n, indexShards*(w+1)/n
		counts := make([]int, to-from)
		mine := func(use func(hashed)) {
			for _, p := range parts {
				for _, h := range p {
					if k := shardOf(h.hash); k >= from && k < to {
						use(h)
					}
				}
			}
		}
		mine(func(h hashed) { counts[shardOf(h.hash)-from]++ })
		total := 0
		for _, c := range counts {
			total += packed(c)
		}
		slots := make([]uint64, total)
		hugePages(slots)
		for i, c := range counts {
			if c > 0 {
				y.index.shards[from+i] = shardOver(slots[:packed(c)], c)
				slots = slots[packed(c):]
			}
		}
		mine(func(h hashed) { y.index.shards[shardOf(h.hash)].put(uint64(tag(h.hash))<<32 | uint64(h.ref)) })
	})
}

func parallel(n int, work func(int)) {
	var wg sync.WaitGroup
	for w := range n {
		wg.Go(func() { work(w) })
	}
	wg.Wait()
}

// refs yields the symbols in a range of chunks, in order.
func (y *symbols) refs(from, to int) func(yield func(ref) bool) {
	return func(yield func(ref) bool) {
		for r := y.from(max(from*chunkBytes, 4)); r != 0 && int(r)*4 < to*chunkBytes; r = y.after(r) {
			if !yield(r) {
				return
			}
		}
	}
}

// workers is how many goroutines build an index.
func workers() int { return min(max(runtime.GOMAXPROCS(0), 1), 8) }
