package sendlimit

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// journalOf makes a journal of a new file.
func journalOf(t *testing.T, mapped bool, tell func(error)) *journal {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "limits"))
	if err != nil {
		t.Fatal(err)
	}
	j := newJournal(f.Name(), tell)
	if j.out, j.lock = newOutput(f, 0, mapped), new(lock); j.out.mapped != mapped {
		t.Skip("files cannot be mapped here")
	}
	return j
}

// numbered is a record.
func numbered(n uint64) []byte {
	return seal(binary.LittleEndian.AppendUint64(make([]byte, frameHead), n))
}

// TestCommits has many put records and wait: when it is over each record is in
// the file, once, in the order in which they were put.
func TestCommits(t *testing.T) { bothWays(t, testCommits) }

func testCommits(t *testing.T, mapped bool) {
	j := journalOf(t, mapped, func(err error) { t.Error(err) })
	const writers, each = 16, 2000 // more than a piece
	var all sync.WaitGroup
	var puts sync.Mutex // as the lock of an entry: the number is that of the record
	number := uint64(0)
	for range writers {
		all.Go(func() {
			for range each {
				puts.Lock()
				number++
				mine := number
				ticket := j.put(numbered(mine))
				puts.Unlock()
				j.wait(ticket)
				var b [8]byte
				at := int64(mine-1)*int64(frameHead+8) + int64(frameHead)
				if _, err := j.out.f.ReadAt(b[:], at); err != nil || binary.LittleEndian.Uint64(b[:]) != mine {
					t.Errorf("record %d is not in the file: %v, %v", mine, b, err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { defer close(done); all.Wait() }()
	for counting := true; counting; { // what comes meanwhile is written
		select {
		case <-done:
			counting = false
		default:
			if err := j.sync(); err != nil {
				t.Error(err)
			}
		}
	}
	j.lock = nil
	if err := j.close(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(j.path); err != nil || info.Size() != writers*each*int64(frameHead+8) {
		t.Errorf("%v, %v", info, err)
	}
}

// TestCommitsFail lets the file fail under many: nobody waits for ever, the
// failure is told once, and the file is to be rewritten.
func TestCommitsFail(t *testing.T) {
	bothWays(t, func(t *testing.T, mapped bool) {
		var told atomic.Int64
		j := journalOf(t, mapped, func(error) { told.Add(1) })
		if mapped {
			_ = j.out.f.Truncate(0) // as somebody else may
		} else {
			_ = j.out.f.Close()
		}
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for range 20 {
					j.wait(j.put(numbered(1)))
				}
			})
		}
		all.Wait()
		if told.Load() != 1 || !j.due() {
			t.Errorf("told %d times; to be rewritten: %v", told.Load(), j.due())
		}
		j.out.close()
	})
}
