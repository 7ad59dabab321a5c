package store

import (
	"cmp"
	"runtime"
	"slices"
	"unsafe"
)

// slabs are the memory of the chunks and indexes of a snapshot that is read
// whole: pieces of megabytes instead of kilobytes all over the heap, so that
// the system can hold them in pages of two megabytes. With small pages, a
// request to a snapshot that is larger than the processor's caches waits as
// long for the addresses of its memory as for the memory itself.
//
// A slab stays as long as one of its chunks is in use: until the next load.
// What an edit copies or adds has memory of its own. A nil *slabs gives each
// chunk memory of its own.
type slabs struct {
	all   [][]uint64
	free  []uint64 // the rest of the last one
	words int      // in all
}

// A slab is as large as all before it, within these bounds: a large one loses
// little of its large pages at its ends, and what it has too much has not been
// touched.
const (
	minSlab = 64 << 10 / 8 // words
	maxSlab = 16 << 20 / 8
)

// take returns n words, blank.
func (s *slabs) take(n int) []uint64 {
	if s == nil {
		return make([]uint64, n)
	}
	if n >= maxSlab {
		return s.more(n)
	}
	if n > len(s.free) {
		s.free = s.more(max(n, min(max(s.words, minSlab), maxSlab)))
	}
	w := s.free[:n:n]
	s.free = s.free[n:]
	return w
}

// reserve makes one slab for n words that are going to be taken.
func (s *slabs) reserve(n int) {
	s.free = s.more(n)
}

func (s *slabs) more(n int) []uint64 {
	w := make([]uint64, n)
	hugePages(w)
	s.all = append(s.all, w)
	s.words += n
	return w
}

// chunkOf returns a blank chunk of type T, which has no pointers.
func chunkOf[T any](s *slabs) *T {
	if s == nil {
		return new(T)
	}
	return (*T)(unsafe.Pointer(unsafe.SliceData(s.take(wordsOf[T]()))))
}

// wordsOf is the size of a T in words.
func wordsOf[T any]() int {
	var t T
	return int(unsafe.Sizeof(t)+7) / 8
}

// settle sees to large pages where what was taken lies in memory that had been
// in use. It copies them, some milliseconds for each, which requests would feel:
// it is for a load beside which nothing is served.
func (s *slabs) settle(giveWay func()) {
	if s == nil {
		return
	}
	type stretch struct{ from, to uintptr }
	var all []stretch
	for _, w := range s.all {
		at := uintptr(unsafe.Pointer(unsafe.SliceData(w)))
		all = append(all, stretch{at, at + 8*uintptr(len(w))})
	}
	slices.SortFunc(all, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	for i := 0; i < len(all); {
		one := all[i]
		for i++; i < len(all) && all[i].from == one.to; i++ {
			one.to = all[i].to
		}
		collapse(one.from, one.to, giveWay)
	}
	runtime.KeepAlive(s)
}
