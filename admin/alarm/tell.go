package alarm

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"
)

// Event is one thing to tell.
type Event struct {
	ID     string // of the alarm: its opening and its closing have the same one
	Closed bool   // else it was opened
	Alarm  Alarm
}

// at is when it happened.
func (e *Event) at() time.Time {
	if e.Closed {
		return e.Alarm.Closed
	}
	return e.Alarm.Opened
}

// Channel is a way to tell administrators.
type Channel interface {
	// Send delivers events, all or none. A *RefusedError says that they will never
	// be taken.
	Send(ctx context.Context, events []Event) error
}

// Channels are the ways there are; nil is none.
type Channels struct{ Mail, Hook Channel }

// RefusedError says that a receiver will not take events however often they are
// sent.
type RefusedError struct{ Err error }

// Error returns what the receiver said.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns it.
func (e *RefusedError) Unwrap() error { return e.Err }

// Times of telling.
const (
	patience  = 30 * time.Second   // with a database that is to say whether another host tells
	firstWait = 5 * time.Second    // after a failure
	longWait  = 15 * time.Minute   // at most
	mailPause = time.Minute        // between two mails
	tooOld    = 7 * 24 * time.Hour // to be told
	hookBatch = 100                // events in one request
)

// teller tells events through one channel.
type teller struct {
	*Book
	channel  int
	patience time.Duration
	first    time.Duration
	pause    time.Duration
	most     int // events that are sent together
}

func newTeller(b *Book, channel int) *teller {
	t := &teller{Book: b, channel: channel, patience: patience, first: firstWait, most: hookBatch}
	if channel == mailChannel {
		t.pause, t.most = mailPause, math.MaxInt // a mail does not list all that it is about
	}
	if b.times != nil {
		t.patience, t.first, t.pause = b.times.patience, b.times.first, b.times.pause
	}
	return t
}

func (t *teller) run(ctx context.Context) {
	for wait := time.Duration(0); sleep(ctx, max(wait, t.o.Tick)); {
		sent, err := t.round(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			t.o.Report("tell administrators of alarms: "+[channels]string{"mail", "webhook"}[t.channel]+"; tried again", err)
			wait = min(max(2*wait, t.first), longWait)
		case sent:
			wait = t.pause
		default:
			wait = 0
		}
	}
}

// round tells what is due, and reports whether there was anything.
func (t *teller) round(ctx context.Context) (bool, error) {
	all := t.o.Channels()
	channel := [channels]Channel{all.Mail, all.Hook}[t.channel]
	due, events := t.due(channel == nil)
	if len(events) == 0 {
		return false, nil
	}
	if t.most < len(events) {
		due, events = due[:t.most], events[:t.most]
	}
	sending, cancel := outlasting(ctx, lastSend)
	err := channel.Send(sending, events)
	cancel()
	var refused *RefusedError
	switch {
	case errors.As(err, &refused) && len(events) > 1:
		t.most = 1 // some of them may be taken
		return true, nil
	case errors.As(err, &refused):
		t.o.Report("tell administrators of an alarm: they are not told", err)
	case err != nil:
		return false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, r := range due {
		r.told[t.channel] = itOpened
		if events[i].Closed {
			r.told[t.channel] = everything
		}
		t.change(r)
	}
	return true, nil
}

// lastSend is how long what is being sent may take when the book ends: what is
// delivered and not noted would be told again.
const lastSend = 3 * time.Second

// outlasting returns a context that ends a while after another.
func outlasting(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-out.Done():
		case <-time.After(by):
			cancel()
		}
	})
	return out, func() { stop(); cancel() }
}

// due lists what is to be told now, the oldest first; off says that there is
// nobody to tell.
func (t *teller) due(off bool) ([]*record, []Event) {
	type one struct {
		r      *record
		e      Event
		number int64
	}
	var list []one
	now, grace := t.now(), t.o.Grace()
	t.mu.Lock()
	for r := range t.records {
		before := r.told[t.channel]
		for _, closed := range t.news(r, now, grace, off) {
			list = append(list, one{r, Event{ID: r.id, Closed: closed, Alarm: r.alarm()}, r.number})
		}
		if r.told[t.channel] != before {
			t.change(r)
		}
	}
	t.mu.Unlock()
	slices.SortStableFunc(list, func(a, b one) int { // the opening of a record is before its closing in the list
		return cmp.Or(a.e.at().Compare(b.e.at()), cmp.Compare(a.number, b.number))
	})
	records, events := make([]*record, len(list)), make([]Event, len(list))
	for i, o := range list {
		records[i], events[i] = o.r, o.e
	}
	return records, events
}

// news says what there is to tell of a record: its opening (false), its closing
// (true), both or nothing. What is never to be told is marked as told.
func (t *teller) news(r *record, now time.Time, grace time.Duration, off bool) (out []bool) {
	told := &r.told[t.channel]
	if *told == everything || r.number == 0 {
		return nil
	}
	switch {
	case off,
		*told == nothing && r.place == inTable && !r.ours, // somebody else tells
		*told == nothing && !r.open() && r.closed.Sub(r.opened) < grace,
		now.Sub(r.opened) > tooOld && *told == nothing,
		!r.open() && now.Sub(r.closed) > tooOld:
		*told = everything
		return nil
	}
	wait := grace
	if r.place == toWrite {
		wait += t.patience
	}
	if *told == nothing {
		if now.Sub(r.opened) < wait {
			return nil
		}
		out = append(out, false)
	}
	if !r.open() {
		out = append(out, true)
	}
	return out
}
