package alarm

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// Run reads the file, and then keeps, writes and tells alarms until ctx ends. It
// waits for another process that has the file to end. Without a file that can be
// used all works but for what a restart would need.
func (b *Book) Run(ctx context.Context) {
	l, err := lock(b.o.Path+"-lock", ctx.Done())
	switch {
	case err != nil:
		b.o.Report("lock the file of alarms: without it they do not outlast a restart", err)
	case l == nil: // ctx has ended
		return
	default:
		defer func() { _ = l.Close() }()
	}
	k := &keeper{Book: b}
	k.start()
	var loops sync.WaitGroup
	running, end := context.WithCancel(ctx)
	loops.Go(func() { k.run(running) })
	loops.Go(func() { newWriter(b).run(running) })
	for c := range channels {
		loops.Go(func() { newTeller(b, c).run(running) })
	}
	<-ctx.Done()
	end()
	loops.Wait()
	k.saveLast(lastSave)
	k.close()
}

// lastSave is how long the last changes may take to come into the file: a process
// that takes the place of this one waits for some of its connections until it ends.
const lastSave = 5 * time.Second

// saveLast is save that leaves off after a time, if there are very many. It is then
// as after a crash: who sees that something is wrong opens the alarm anew, and what
// was told may be told again.
func (k *keeper) saveLast(limit time.Duration) {
	began := time.Now()
	over := func(time.Duration) bool { return time.Since(began) < limit }
	if !k.savePieces(saveBatch, over) {
		return
	}
	if n := len(k.changed(k.now(), false)); n > 0 {
		k.o.Report("write "+k.o.Path, fmt.Errorf("%d changes of alarms are left out, for they would take too long: alarms that still hold are opened again", n))
	}
}

// keeper brings changes into the file.
type keeper struct {
	*Book
	file    *file
	numbers int64 // given without a file
	pruned  time.Time
}

// start reads the file, and then does what was asked for before.
func (k *keeper) start() {
	var all []*record
	origin := ""
	f, movedTo, err := openFile(k.o.Path)
	if err == nil {
		all, origin, err = f.load()
	}
	if err != nil {
		k.o.Report("open "+k.o.Path+": alarms do not outlast a restart", err)
	} else {
		k.file = f
	}
	if movedTo != "" {
		k.o.Report("open "+k.o.Path, fmt.Errorf("it was damaged and is %s now: alarms that were in it alone are not written or told", movedTo))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.origin, k.running = origin, true
	for _, r := range all {
		k.records[r] = struct{}{}
		if r.held {
			k.held[r.key()] = r
		}
		if r.place == here && !staysHere(r.kind) && k.o.Database != nil && (r.held || r.open()) {
			r.place = toWrite // the database may have a place now
		}
	}
	for _, change := range k.queue {
		change()
	}
	k.queue = nil
	poke(k.write)
}

func (k *keeper) run(ctx context.Context) {
	for wait := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-k.keep:
		case <-time.After(pruneEvery):
		}
		if k.savePieces(saveBatch, func(took time.Duration) bool { return rest(ctx, took) }) {
			wait = 0
			continue
		}
		wait = min(max(2*wait, k.o.Tick), time.Minute)
		if !sleep(ctx, wait) {
			return
		}
		poke(k.keep)
	}
}

const pruneEvery = time.Hour

// saveBatch is how many records go into the file in one transaction while mail
// servers are answered. When a large host is looked at for the first time there may
// be more than a hundred thousand.
const saveBatch = 2000

// save brings all changes into the file, and reports whether it could.
func (k *keeper) save() bool { return k.savePieces(math.MaxInt, nil) }

// savePieces is save with so many records in one transaction, and something to do
// between two of them: it is told what the last one took, and says whether to go
// on. Whatever has a number goes first: that an alarm is over must not be missing
// from a file that has the next one about the same. New ones get their numbers in
// the order in which they were opened.
func (k *keeper) savePieces(size int, between func(took time.Duration) bool) bool {
	now := k.now()
	prune := now.Sub(k.pruned) > pruneEvery
	changed := k.changed(now, prune)
	if prune {
		k.pruned = now
	}
	slices.SortFunc(changed, func(a, b *record) int {
		const last = 1 // taken from no number it is the largest
		return cmp.Or(cmp.Compare(uint64(a.number)-last, uint64(b.number)-last), cmp.Compare(a.seq, b.seq))
	})
	for len(changed) > 0 {
		began := time.Now()
		piece := changed[:min(size, len(changed))]
		changed = changed[len(piece):]
		if !k.savePiece(piece, now) {
			return false
		}
		if len(changed) > 0 && !between(time.Since(began)) {
			break
		}
	}
	return true
}

// savePiece brings records into the file, as they are now.
func (k *keeper) savePiece(piece []*record, now time.Time) bool {
	copies, origin := k.copy(piece)
	err := k.put(copies, origin, now)
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, r := range piece {
		switch {
		case err != nil:
			r.dirty = true
		case copies[i].forgotten(now):
			delete(k.records, r)
		default:
			r.number = copies[i].number
		}
	}
	if err != nil {
		k.o.Report("write "+k.o.Path+": tried again in a moment", err)
		return false
	}
	poke(k.write)
	return true
}

// changed gives what the file does not say so yet, in no order.
func (k *keeper) changed(now time.Time, prune bool) (list []*record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for r := range k.records {
		if r.dirty || prune && r.forgotten(now) {
			list = append(list, r)
		}
	}
	return list
}

// copy copies records, as they are now, for the file.
func (k *keeper) copy(list []*record) (copies []record, origin string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range list {
		r.dirty = false
		copies = append(copies, *r)
	}
	return copies, k.origin
}

func (k *keeper) put(copies []record, origin string, now time.Time) error {
	if k.file == nil {
		for i := range copies {
			if copies[i].number == 0 {
				k.numbers++
				copies[i].number = k.numbers
			}
		}
		return nil
	}
	all := make([]*record, len(copies))
	for i := range copies {
		all[i] = &copies[i]
	}
	return k.file.save(all, origin, now)
}

func (k *keeper) close() {
	if k.file == nil {
		return
	}
	if err := k.file.close(); err != nil {
		k.o.Report("close "+k.o.Path, err)
	}
}

// change marks a record as changed; the book is locked.
func (b *Book) change(r *record) {
	r.dirty = true
	poke(b.keep)
}

// rest waits after something that took so long and goes on, so that all of it
// together takes a quarter of one core: mail servers are answered meanwhile.
func rest(ctx context.Context, took time.Duration) bool { return sleep(ctx, min(3*took, longRest)) }

const longRest = 5 * time.Second

// sleep waits, and reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
