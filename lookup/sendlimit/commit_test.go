package sendlimit

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// TestCommits has many put records and wait: when it is over each record is in
// the file, once, in the order in which they were put.
func TestCommits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "limits")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	j := newJournal(path, func(err error) { t.Error(err) })
	j.out = &output{f: f}
	const writers, each = 16, 100
	var all sync.WaitGroup
	var puts sync.Mutex // as the lock of an entry: the number is that of the record
	number := uint64(0)
	for range writers {
		all.Go(func() {
			for range each {
				puts.Lock()
				number++
				mine := number
				ticket := j.put(seal(binary.LittleEndian.AppendUint64(make([]byte, frameHead), mine)))
				puts.Unlock()
				j.wait(ticket)
				var b [8]byte
				at := int64(mine-1)*int64(frameHead+8) + int64(frameHead)
				if _, err := f.ReadAt(b[:], at); err != nil || binary.LittleEndian.Uint64(b[:]) != mine {
					t.Errorf("record %d is not in the file: %v, %v", mine, b, err)
				}
			}
		})
	}
	all.Wait()
	if err := j.close(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != writers*each*int64(frameHead+8) {
		t.Errorf("%v, %v", info, err)
	}
}

// TestCommitsFail lets the file fail under many: nobody waits for ever, the
// failure is told once, and the file is to be rewritten.
func TestCommitsFail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "limits")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var told atomic.Int64
	j := newJournal(path, func(error) { told.Add(1) })
	j.out, j.lock = &output{f: f}, &lock{f}
	_ = f.Close()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 20 {
				j.wait(j.put(seal(make([]byte, frameHead+8))))
			}
		})
	}
	all.Wait()
	if told.Load() != 1 || !j.due() {
		t.Errorf("told %d times; to be rewritten: %v", told.Load(), j.due())
	}
}
