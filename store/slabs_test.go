package store

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
	"unsafe"
)

// TestSlabs takes pieces of all sizes: they are blank, of the length asked for,
// and none reaches into another.
func TestSlabs(t *testing.T) {
	s := new(slabs)
	var taken [][]uint64
	for i := range 2000 {
		n := 1 + i*i%5000
		if i == 1000 {
			n = maxSlab + 1
		}
		w := s.take(n)
		if len(w) != n || cap(w) != n {
			t.Fatalf("take(%d) gave %d words, capacity %d", n, len(w), cap(w))
		}
		for at, word := range w {
			if word != 0 {
				t.Fatalf("piece %d is not blank at %d", i, at)
			}
			w[at] = uint64(i) + 1
		}
		taken = append(taken, w)
	}
	s.settle(func() {})
	for i, w := range taken {
		for at, word := range w {
			if word != uint64(i)+1 {
				t.Fatalf("piece %d was overwritten at %d with %d", i, at, word)
			}
		}
	}
}

func TestSlabsBesideOneReserved(t *testing.T) {
	s := new(slabs)
	s.reserve(3 * 2048)
	for range 3 {
		*chunkOf[[chunkBytes]byte](s) = [chunkBytes]byte{1}
	}
	if len(s.all) != 1 || len(s.free) != 0 {
		t.Errorf("three chunks fill what was reserved for them: %d slabs, %d words are left", len(s.all), len(s.free))
	}
	*chunkOf[[chunkBytes]byte](s) = [chunkBytes]byte{1}
	if len(s.all) != 2 {
		t.Errorf("a fourth one has a slab of its own: %d slabs", len(s.all))
	}
	if *chunkOf[[3]uint32](nil) != [3]uint32{} {
		t.Error("a chunk without slabs is blank")
	}
}

// TestLargePages looks into what the kernel says of the memory of a snapshot.
func TestLargePages(t *testing.T) {
	if !canCollapse() {
		t.Skip("this kernel does not make large pages on demand")
	}
	debug.FreeOSMemory() // what tests before this one have left
	before := hugeBytes(t)
	b := NewBuilder()
	fill(b, 100_000)
	snap := b.Build(time.Now())
	got, want := hugeBytes(t)-before, (snap.base.size()+snap.base.indexSize())/2
	if got < want {
		t.Errorf("%d bytes of the snapshot are in large pages, less than %d, the half of it", got, want)
	}
	runtime.KeepAlive(snap)
}

func canCollapse() bool {
	words := make([]uint64, 4<<20/8)
	for i := range words {
		words[i] = 1
	}
	from := uintptr(unsafe.Pointer(unsafe.SliceData(words)))
	made := 0
	collapse(from, from+4<<20, func() { made++ })
	runtime.KeepAlive(words)
	return made > 0
}

// hugeBytes is what this process has in large pages, in bytes.
func hugeBytes(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Skip(err)
	}
	for line := range bytes.Lines(text) {
		var kb int
		if n, _ := fmt.Sscanf(string(line), "AnonHugePages: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	t.Skip("the kernel does not tell")
	return 0
}
