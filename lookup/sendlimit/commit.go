package sendlimit

import (
	"runtime"
	"sync"
)

// commits are the records of a journal on their way into the file. Whoever has
// changed something puts its record here, in the order of the changes, and waits
// for it when it holds no lock any more. The first who waits writes all that was
// put until then with one write(2), without the lock; who comes meanwhile is
// written next.
type commits struct {
	turn    sync.Cond // a write has ended
	waiting []byte    // records that nobody writes yet
	spare   []byte    // room for the next ones
	last    ticket    // of the record that was put last
	written ticket    // of the last one that is written, or given up
	writing bool
	company bool // the last write was of several records, or others came meanwhile
	alone   int  // writes since there was company, or since it was looked for
}

// lookEvery is after how many writes without company somebody looks whether
// there is any.
const lookEvery = 16

// ticket is the place of a record among all; 0 is nobody's, and written.
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
	if j.f == nil || j.lost {
		j.lost = true
		return 0
	}
	j.waiting = append(j.waiting, record...)
	j.last++
	return j.last
}

// wait returns when a record is in the file: with write(2) done, it outlives the
// process.
func (j *journal) wait(t ticket) {
	if t != 0 {
		j.report(j.commit(t))
	}
}

// commit writes, or waits until others have written. The error is that of a
// write of its own.
func (j *journal) commit(t ticket) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.company || j.alone >= lookEvery {
		j.letOthers()
	}
	return j.writeUpTo(t)
}

// letOthers lets those who are about to put a record do so: one write(2) for
// all costs less than one for each. Who is alone does not wait for anybody.
func (j *journal) letOthers() {
	j.alone = 0
	j.mu.Unlock()
	runtime.Gosched()
	j.mu.Lock()
}

// writeUpTo writes, or waits. j.mu is held.
func (j *journal) writeUpTo(t ticket) (err error) {
	for j.written < t {
		if j.writing {
			j.turn.Wait()
		} else if failed := j.write(); err == nil {
			err = failed
		}
	}
	return err
}

// write writes what waits. j.mu is held, but not meanwhile.
func (j *journal) write() (err error) {
	b, to, f, at := j.waiting, j.last, j.f, j.size
	j.waiting, j.writing = j.spare[:0], true
	if !j.lost {
		j.mu.Unlock()
		if _, err = f.WriteAt(b, at); err != nil {
			_ = f.Truncate(at) // reading finds its end in any case
		}
		j.mu.Lock()
		j.lost = j.lost || err != nil
	}
	if !j.lost {
		j.size += int64(len(b))
		j.unsaved = true
	}
	j.company = to-j.written > 1 || len(j.waiting) > 0
	j.alone++
	if cap(b) > keepRoom {
		b = nil
	}
	j.spare, j.written, j.writing = b, to, false
	j.turn.Broadcast()
	return err
}

// pause waits until nobody writes. j.mu is held.
func (j *journal) pause() {
	for j.writing {
		j.turn.Wait()
	}
}

// settle gives up what waits: it is in another file. j.mu is held, and nobody
// writes.
func (j *journal) settle() {
	j.waiting, j.written = j.waiting[:0], j.last
	j.turn.Broadcast()
}
