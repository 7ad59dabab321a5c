package store

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// fileState is what the runner knows of the copy on disk.
type fileState struct {
	changed bool      // what is served differs from it
	next    time.Time // not written again before
	writing bool
	wait    []chan error // who waits for what is being written
	done    chan FileReport
}

// fileEvery is the least time between two copies.
const fileEvery = time.Minute

func (f *fileState) dirty() { f.changed = true }

// due is when the next copy is to be written, zero if none is.
func (f *fileState) due() time.Time {
	if !f.changed || f.writing {
		return time.Time{}
	}
	return f.next
}

// readFile serves the copy on disk, if it can be used.
func (r *runner) readFile() {
	if r.s.File == "" {
		return
	}
	removeLeftovers(r.s.File)
	began := r.s.clock()
	snap, checked, err := ReadFile(r.s.File, r.settings.Origin)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		r.s.publish(snap, checked)
		r.position = snap.position
		r.s.note(func(st *Status) { st.Stored, st.Following = true, r.following() })
	}
	if h := r.s.Hooks.File; h != nil {
		h(FileReport{Err: err, Took: r.s.clock().Sub(began), Age: r.s.age()})
	}
}

// keepFile writes a copy when one is due or asked for.
func (r *runner) keepFile() {
	f := &r.file
	if r.s.File == "" || r.s.Current() == nil || f.writing {
		if !f.writing {
			f.changed = false
			answer(r.s.take(&r.s.saves), nil)
		}
		return
	}
	wait := r.s.take(&r.s.saves)
	if !f.changed {
		answer(wait, nil)
		return
	}
	if len(wait) == 0 && r.s.clock().Before(f.next) {
		return
	}
	f.changed, f.writing, f.wait = false, true, wait
	write := r.writer()
	r.wg.Go(func() { f.done <- write() })
}

// writer returns a function that writes what is served now.
func (r *runner) writer() func() FileReport {
	snap, position, checked, origin := r.s.Current(), r.position, *r.s.checked.Load(), r.settings.Origin
	if r.doubtful {
		position = ""
	}
	return func() FileReport {
		began := r.s.clock()
		b := Builder{serving: true}
		err := snap.WriteFile(r.s.File, origin, position, checked.Round(0), b.GiveWay)
		return FileReport{Write: true, Err: err, Took: r.s.clock().Sub(began)}
	}
}

// finish notes that a copy was written, or could not be.
func (f *fileState) finish(r *runner, report FileReport) {
	f.writing = false
	f.next = r.s.clock().Add(max(fileEvery, 20*report.Took))
	if report.Err != nil {
		f.changed = true
	}
	answer(f.wait, report.Err)
	f.wait = nil
	if h := r.s.Hooks.File; h != nil {
		h(report)
	}
}

// end writes the last copy. One that is there with the same rows is written
// again too, since it says up to when they are known to be true.
func (f *fileState) end(r *runner) {
	if f.writing {
		f.finish(r, <-f.done)
	}
	saves := r.s.take(&r.s.saves)
	if r.s.File == "" || r.s.Current() == nil || r.s.Status().Stored && !f.changed {
		answer(saves, context.Cause(r.ctx))
		return
	}
	f.wait = saves
	f.finish(r, r.writer()())
}
