package sendlimit

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// commits are the records of a journal on their way into the file. Whoever has
// changed something puts its record here, in the order of the changes, and waits
// for it when it holds no other lock any more. The first who waits appends all
// that was put until then; who comes meanwhile finds it done, or is the next.
type commits struct {
	waiting []byte // records that nobody appends yet
	last    ticket // of the record that was put last

	// appending is held by whoever appends to the file, or puts another one in its
	// place. It is taken before journal.mu.
	appending sync.Mutex
	spare     []byte        // room for the next records
	appended  atomic.Uint64 // ticket of the last record that is appended, or given up
}

// ticket is the place of a record among all; 0 is nobody's, and appended.
type ticket uint64

// put lines a record up. If the file does not take any, it counts in memory.
func (j *journal) put(record []byte) ticket {
	if len(record) > frameHead+maxRecord {
		return 0 // of a message to a million recipients
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.teeing {
		j.tee = append(j.tee, record...)
	}
	if j.out == nil || j.lost {
		j.lost = true
		return 0
	}
	j.waiting = append(j.waiting, record...)
	j.last++
	return j.last
}

// wait returns when a record is in the file: from then on it outlives the
// process.
func (j *journal) wait(t ticket) {
	if t != 0 && j.appended.Load() < uint64(t) {
		j.report(j.commit(t))
	}
}

// commit appends what waits, unless others have done so with a record. The error
// is that of appending.
func (j *journal) commit(t ticket) error {
	j.appending.Lock()
	defer j.appending.Unlock()
	if j.appended.Load() < uint64(t) && j.out != nil && j.out.ready == 0 {
		j.letOthers()
	}
	if j.appended.Load() >= uint64(t) {
		return nil
	}
	return j.appendAll()
}

// letOthers lets those who are about to put a record do so: one write(2) for all
// costs less than one for each.
func (j *journal) letOthers() {
	j.appending.Unlock()
	runtime.Gosched()
	j.appending.Lock()
}

// appendAll appends what waits. j.appending is held.
func (j *journal) appendAll() (err error) {
	j.mu.Lock()
	b, last, lost := j.waiting, j.last, j.lost
	j.waiting = j.spare[:0]
	j.mu.Unlock()
	if !lost && len(b) > 0 {
		if err = j.out.append(b); err != nil {
			j.loses()
		}
		j.unsaved = true
	}
	if cap(b) > keepRoom {
		b = nil
	}
	j.spare = b
	j.appended.Store(uint64(last))
	return err
}

// loses notes that something is not in the file.
func (j *journal) loses() {
	j.mu.Lock()
	j.lost = true
	j.mu.Unlock()
}

// settle gives up what waits: it is in another file. Both locks are held.
func (j *journal) settle() {
	j.waiting = j.waiting[:0]
	j.appended.Store(uint64(j.last))
}
