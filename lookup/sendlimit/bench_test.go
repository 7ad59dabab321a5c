package sendlimit

import (
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// BenchmarkTake is what a message costs.
func BenchmarkTake(b *testing.B) {
	for name, limits := range map[string]int{"without limits": 0, "two limits": 1, "six limits": 3} {
		b.Run(name, func(b *testing.B) { benchTake(b, Settings{}, limits) })
		b.Run(name+" on disk", func(b *testing.B) { benchTake(b, Settings{Path: filepath.Join(b.TempDir(), "limits")}, limits) })
	}
}

// benchTake charges messages of 10,000 accounts of 100 domains.
func benchTake(b *testing.B, s Settings, limits int) {
	e := Open(s)
	defer e.Close()
	all := []Limit{{Recipients, 1 << 40, Day}, {Messages, 1 << 40, Window(time.Hour)}, {Bytes, 1 << 60, Window(7 * 24 * time.Hour)}}[:limits]
	charges := make([]Charge, 10_000)
	for i := range charges {
		charges[i] = message(3, Limited{Subject{Account, fmt.Sprintf("user%d@example.com", i)}, all}, Limited{Subject{Domain, fmt.Sprintf("example%d.com", i%100)}, all})
	}
	b.ReportAllocs()
	var next atomic.Uint64
	b.RunParallel(func(pb *testing.PB) {
		var name []byte
		for pb.Next() {
			n := next.Add(1)
			c := charges[n%uint64(len(charges))]
			if limits > 0 {
				name = strconv.AppendUint(name[:0], n, 10)
				c.Instance = unsafe.String(&name[0], len(name))
			}
			if !e.Take(b.Context(), c).OK {
				b.Fatal("refused")
			}
		}
	})
}

// BenchmarkLook is what a dry charge costs: of accounts that have sent something in
// the present windows, and of those that have not.
func BenchmarkLook(b *testing.B) {
	const n = 100_000
	limits := []Limit{{Recipients, 1 << 40, Day}, {Messages, 1 << 40, Window(time.Hour)}}
	charge := func(i int) Charge {
		return message(1, Limited{Subject{Account, fmt.Sprintf("user%d@example%d.com", i, i%1000)}, limits}, Limited{Subject{Domain, fmt.Sprintf("example%d.com", i%1000)}, limits[:1]})
	}
	e := Open(Settings{})
	defer e.Close()
	for i := range n {
		e.Take(b.Context(), charge(i))
	}
	for name, from := range map[string]int{"counted": 0, "blank": n} {
		charges := make([]Charge, 20_000)
		for i := range charges {
			charges[i] = charge(from + i*7919%n)
			charges[i].Dry = true
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if !e.Take(b.Context(), charges[i%len(charges)]).OK {
					b.Fatal("refused")
				}
			}
		})
	}
}
