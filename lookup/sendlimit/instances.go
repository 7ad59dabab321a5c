package sendlimit

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"unsafe"
)

// instances are the messages of the last hour, at most a certain number: then
// the oldest are forgotten. They are kept encoded, without a pointer for the
// collector to follow: there are many, and next to none is ever looked at again.
type instances struct {
	seed   maphash.Seed
	most   int // of a shard
	shards []instanceShard
}

// instanceShard holds those whose names have a hash that ends alike.
type instanceShard struct {
	mu     sync.Mutex
	places index    // by hash of the name
	queue  ring     // in order of time; also those that were replaced since
	_      [16]byte // to a cache line of its own
}

const (
	instanceShards = 16
	// fewInstances are not worth shards: that the oldest of all are forgotten
	// counts for more.
	fewInstances = 1 << 12
)

func newInstances(most int) *instances {
	n := instanceShards
	if most < fewInstances {
		n = 1
	}
	return &instances{seed: maphash.MakeSeed(), most: max(1, (most+n-1)/n), shards: make([]instanceShard, n)}
}

func (t *instances) shard(name string) (*instanceShard, uint64) {
	h := maphash.String(t.seed, name)
	return &t.shards[h%uint64(len(t.shards))], h
}

// get puts into i what is known of a message at a time; ok is false if nothing
// is.
func (t *instances) get(name string, ms int64, i *instance) (ok bool) {
	if name == "" {
		return false
	}
	sh, h := t.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	at := sh.places.get(h)
	if at == 0 {
		return false
	}
	b := sh.queue.at(at)
	if string(nameIn(b)) != name || atIn(b)+rememberInstance <= ms {
		return false
	}
	i.decode(b)
	return true
}

// put remembers a message.
func (t *instances) put(name string, i *instance) {
	if name == "" {
		return
	}
	sh, h := t.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	b, at := sh.queue.add(i.size(name))
	i.encode(b, name)
	sh.places.set(h, at)
	sh.forget(t, i.at)
}

// forget drops those whose time is over, and those that are too many.
func (sh *instanceShard) forget(t *instances, ms int64) {
	for sh.queue.n > 0 {
		b, at := sh.queue.first()
		h := maphash.Bytes(t.seed, nameIn(b))
		switch {
		case sh.places.get(h) != at: // replaced, with another place in the queue
		case sh.places.n > t.most || atIn(b)+rememberInstance <= ms || sh.queue.n > 4*t.most:
			sh.places.remove(h)
		default:
			return
		}
		sh.queue.drop()
	}
}

func (t *instances) count() (n int) {
	for k := range t.shards {
		sh := &t.shards[k]
		sh.mu.Lock()
		n += sh.places.n
		sh.mu.Unlock()
	}
	return n
}

// each calls do with each instance there was when it began, an older one of the
// same name perhaps before it. No lock is held meanwhile; do must keep nothing.
func (t *instances) each(do func(name string, i *instance)) {
	var i instance
	var copied []byte
	for k := range t.shards {
		sh := &t.shards[k]
		for chunk, more := sh.copyChunk(t, 0, &copied); more; chunk, more = sh.copyChunk(t, chunk+1, &copied) {
			for at := 0; at < len(copied); {
				b := recordAt(copied, at)
				i.decode(b)
				do(unsafe.String(unsafe.SliceData(nameIn(b)), len(nameIn(b))), &i)
				at += sizeBytes + len(b)
			}
		}
	}
}

// copyChunk copies those of the first chunk that has a number of at least from,
// without those that were replaced since, and gives its number; more is false if
// there is none.
func (sh *instanceShard) copyChunk(t *instances, from uint64, to *[]byte) (chunk uint64, more bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	*to = (*to)[:0]
	chunk, more = sh.queue.chunkFrom(from)
	if !more {
		return chunk, false
	}
	for b, at := range sh.queue.inChunk(chunk) {
		if sh.places.get(maphash.Bytes(t.seed, nameIn(b))) == at {
			*to = append(binary.LittleEndian.AppendUint32(*to, uint32(len(b))), b...)
		}
	}
	return chunk, true
}
