package login

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"sync"
	"time"
)

// cacheSize bounds how many right passwords are remembered: 65,536 take some
// 5 MB.
const cacheSize = 1 << 16

// cache remembers that passwords were right.
type cache struct {
	secret [32]byte
	seed   maphash.Seed

	mu    sync.Mutex
	until map[cacheKey]int64 // nanoseconds since 1970
	ring  []cacheKey         // in order of arrival
	next  int
}

type cacheKey [16]byte

func newCache() *cache {
	c := &cache{seed: maphash.MakeSeed(), until: map[cacheKey]int64{}}
	_, _ = rand.Read(c.secret[:]) // never fails (crypto/rand)
	return c
}

// key is a keyed hash of all that must be the same, each part behind its
// length: no two different lists of parts are one text.
func (c *cache) key(parts [4]string, password []byte) (k cacheKey) {
	var buf [512]byte
	text := append(buf[:0], c.secret[:]...)
	for _, part := range parts {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	text = append(text, password...)
	sum := sha256.Sum256(text)
	clear(text)
	copy(k[:], sum[:])
	return k
}

func (c *cache) has(k cacheKey, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.until[k]
	return ok && now.UnixNano() < until
}

// add remembers a key in place of the oldest one, if there are too many.
func (c *cache) add(k cacheKey, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, again := c.until[k]; !again {
		if len(c.ring) < cacheSize {
			c.ring = append(c.ring, k)
		} else {
			delete(c.until, c.ring[c.next])
			c.ring[c.next] = k
			c.next = (c.next + 1) % cacheSize
		}
	}
	c.until[k] = until.UnixNano()
}

// clear forgets everything and returns how much that was.
func (c *cache) clear() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.until)
	clear(c.until)
	c.ring, c.next = nil, 0
	return n
}
