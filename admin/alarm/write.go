package alarm

import (
	"context"
	"errors"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// writer brings alarms into the database, and sees which were closed there.
type writer struct {
	*Book
	looked time.Time
}

func newWriter(b *Book) *writer { return &writer{Book: b} }

const (
	lookEvery  = time.Minute
	maxRetry   = 30 * time.Second
	writeBatch = 200 // rows in one transaction: administrators wait meanwhile
)

func (w *writer) run(ctx context.Context) {
	if w.o.Database == nil {
		return
	}
	for wait := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-w.Book.write:
		case <-w.look:
			w.looked = time.Time{}
		case <-time.After(lookEvery):
		}
		err := w.round(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			wait = 0
			continue
		}
		w.o.Report("write alarms to the database: they are kept until it has them", err)
		wait = min(max(2*wait, w.o.Tick), maxRetry)
		if !sleep(ctx, wait) {
			return
		}
		poke(w.Book.write)
	}
}

// round writes what is to be written, and looks at what was.
func (w *writer) round(ctx context.Context) error {
	d := w.o.Database()
	w.moved(d.Name)
	looks := w.now().Sub(w.looked) >= lookEvery
	if len(w.jobs()) == 0 && !looks {
		return nil
	}
	there, err := hasTable(ctx, d)
	if err != nil {
		return err
	}
	if !there {
		w.nowhere()
		return nil
	}
	for {
		batch := w.jobs()
		if len(batch) == 0 {
			break
		}
		began := time.Now()
		if err := w.batch(ctx, d, batch); err != nil {
			return err
		}
		if len(batch) == writeBatch && !rest(ctx, time.Since(began)) {
			return ctx.Err()
		}
	}
	if !looks {
		return nil
	}
	err = w.lookAt(ctx, d)
	if err == nil {
		w.looked = w.now()
	}
	return err
}

// jobs are the records that the database lacks something of, not too many.
func (w *writer) jobs() (out []*record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range w.records {
		if r.number > 0 && r.unwritten() {
			if out = append(out, r); len(out) == writeBatch {
				break
			}
		}
	}
	return out
}

// batch writes records; those that the database refuses are found by halves.
func (w *writer) batch(ctx context.Context, d *db.DB, all []*record) error {
	copies := make([]record, len(all))
	to := make([]*record, len(all))
	w.mu.Lock()
	for i, r := range all {
		copies[i], to[i] = *r, &copies[i]
	}
	w.mu.Unlock()
	err := writeRows(ctx, d, to)
	refused := errors.Is(err, errNoPlace) || d.BadData(err)
	switch {
	case refused && len(all) > 1:
		half := len(all) / 2
		if err := w.batch(ctx, d, all[:half]); err != nil {
			return err
		}
		return w.batch(ctx, d, all[half:])
	case refused:
		w.o.Report("write an alarm to the database: it stays with this host", err)
		to[0].place = here
	case err != nil:
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, r := range all {
		r.place, r.row, r.status, r.ours = to[i].place, to[i].row, to[i].status, to[i].ours
		if r.status == statusClosed && r.open() { // by somebody else, before we knew that it was written
			r.closed = w.now()
		}
		w.change(r)
	}
	return nil
}

// moved begins anew where the configuration names another database.
func (w *writer) moved(origin string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.origin == origin {
		return
	}
	for r := range w.records {
		if r.place == inTable && (r.open() || r.unwritten()) {
			r.place, r.row, r.status, r.ours = toWrite, 0, 0, false
			w.change(r)
		}
	}
	w.origin, w.elsewhere, w.looked = origin, 0, time.Time{}
}

// nowhere keeps here what a database without the table cannot take.
func (w *writer) nowhere() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.elsewhere = 0
	for r := range w.records {
		if r.unwritten() {
			r.place = here
			w.change(r)
		}
	}
}

// lookAt closes here what was closed there.
func (w *writer) lookAt(ctx context.Context, d *db.DB) error {
	byRow := map[int64]*record{}
	var ids []int64
	w.mu.Lock()
	for r := range w.records {
		if r.place == inTable && r.status == statusOpen {
			byRow[r.row] = r
			ids = append(ids, r.row)
		}
	}
	w.mu.Unlock()
	gone, open, err := lookRows(ctx, d, ids)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range gone {
		r := byRow[c.id]
		if r.status = statusClosed; r.open() {
			// By the clock of whoever closed it, unless the row is gone or that clock is
			// ahead of ours: what is opened next here is to come after it.
			if r.closed = c.at; c.at.Before(r.opened) || c.at.After(w.now()) {
				r.closed = w.now()
			}
		}
		w.change(r)
	}
	w.elsewhere = max(0, open-(len(ids)-len(gone)))
	return nil
}
