package dnscheck

import (
	"cmp"
	"container/heap"
	"context"
	"crypto"
	"math/rand/v2"
	"sync"
	"time"
)

// Key is a key to watch.
type Key struct {
	Domain, Selector string
	ID               string                           // changes when the key does, such as a fingerprint
	Public           func() (crypto.PublicKey, error) // asked for each check, so that no parsed keys need be kept
}

// Watcher checks keys for as long as Run runs: each about every Every, evenly
// spread, those that are new soon after they appear. A key without a definite
// answer, or whose record does not work, is looked at again sooner.
type Watcher struct {
	Checker *Checker
	Keys    func() []Key      // the keys to watch; asked when Changed was called, and every Every
	Report  func(Key, Result) // told each result; one call at a time
	Gone    func(Key)         // told that a key is watched no more; may be nil
	Failed  func(Key, error)  // told that Public failed; may be nil

	Every time.Duration // between two checks of a key, default 1 h
	Rate  int           // checks begun in a second, at most; default 50

	once    sync.Once
	changed chan struct{}
	check   func(context.Context, Key) (Result, error) // for tests; nil: checkKey
}

const (
	newKeyPace = 200 * time.Millisecond // between checks of new keys, if they are few
	silentPart = 12                     // of Every, after which a key without an answer is tried again
	brokenPart = 6                      // of Every, after which one that does not work is: longer than an absence is believed
)

// Changed says that Keys returns something else now. It never waits.
func (w *Watcher) Changed() {
	w.init()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *Watcher) init() {
	w.once.Do(func() {
		w.changed = make(chan struct{}, 1)
		if w.check == nil {
			w.check = w.checkKey
		}
	})
}

// watched is a key and when it is to be checked next.
type watched struct {
	key   Key
	due   time.Time
	busy  bool // a check is running
	again bool // the key changed meanwhile
	gone  bool
	index int // in the queue, -1 while busy
}

type name struct{ domain, selector string }

// run is the state of Run. Its goroutine alone uses it.
type run struct {
	*Watcher
	keys  map[name]*watched
	queue queue
	done  chan finished
	busy  int
}

type finished struct {
	w      *watched
	key    Key
	result Result
	err    error
}

// Run checks keys until ctx ends, and returns when the last check has ended.
func (w *Watcher) Run(ctx context.Context) {
	w.init()
	limit := w.Checker.client.Concurrency()
	r := &run{Watcher: w, keys: map[name]*watched{}, done: make(chan finished, limit)}
	defer func() {
		for ; r.busy > 0; r.busy-- {
			<-r.done
		}
	}()
	pace := time.Second / time.Duration(cmp.Or(w.Rate, 50))
	list := time.NewTicker(w.every())
	defer list.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var earliest time.Time // for the next check
	r.refresh(time.Now())
	for {
		now := time.Now()
		for len(r.queue) > 0 && r.busy < limit && !r.queue[0].due.After(now) && !earliest.After(now) {
			r.start(ctx, heap.Pop(&r.queue).(*watched))
			earliest = now.Add(pace)
		}
		if len(r.queue) > 0 && r.busy < limit {
			timer.Reset(max(r.queue[0].due.Sub(now), earliest.Sub(now)))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.changed:
			r.refresh(time.Now())
		case <-list.C:
			r.refresh(time.Now())
		case f := <-r.done:
			r.busy--
			if ctx.Err() != nil {
				return
			}
			r.finish(f)
		}
	}
}

func (w *Watcher) every() time.Duration { return cmp.Or(w.Every, time.Hour) }

// refresh compares the keys that are watched with those that should be. New
// ones are checked one after the other, within Every if they are very many.
func (r *run) refresh(now time.Time) {
	r.Checker.forget(now.Add(-24 * r.every()))
	list := r.Keys()
	wanted := make(map[name]bool, len(list))
	var fresh []*watched
	for _, k := range list {
		n := name{k.Domain, k.Selector}
		if wanted[n] {
			continue
		}
		wanted[n] = true
		w, ok := r.keys[n]
		switch {
		case !ok:
			w = &watched{index: -1}
			r.keys[n] = w
			fresh = append(fresh, w)
		case w.key.ID == k.ID:
		case w.busy:
			w.again = true
		default:
			heap.Remove(&r.queue, w.index)
			fresh = append(fresh, w)
		}
		w.key = k
	}
	for n, w := range r.keys {
		if !wanted[n] {
			r.drop(n, w)
		}
	}
	if len(fresh) == 0 {
		return
	}
	step := min(r.every()/time.Duration(len(fresh)), newKeyPace)
	for i, w := range fresh {
		w.due = now.Add(step * time.Duration(i))
		heap.Push(&r.queue, w)
	}
}

func (r *run) drop(n name, w *watched) {
	delete(r.keys, n)
	w.gone = true
	if !w.busy {
		heap.Remove(&r.queue, w.index)
	}
	if r.Gone != nil {
		r.Gone(w.key)
	}
}

// start begins a check; its end comes through done, which has room for all.
func (r *run) start(ctx context.Context, w *watched) {
	w.busy = true
	r.busy++
	key := w.key
	go func() {
		result, err := r.check(ctx, key)
		r.done <- finished{w, key, result, err}
	}()
}

// checkKey asks anew: an answer that is kept since the last check is not what
// a watcher wants.
func (w *Watcher) checkKey(ctx context.Context, k Key) (Result, error) {
	pub, err := k.Public()
	if err != nil {
		return Result{}, err
	}
	return w.Checker.check(ctx, k.Domain, k.Selector, pub, true), nil
}

func (r *run) finish(f finished) {
	w := f.w
	w.busy = false
	if w.gone {
		return
	}
	wait := r.every()
	switch {
	case w.again: // the result is about the key of before
		w.again, wait = false, 0
	case f.err != nil:
		wait /= silentPart
		if r.Failed != nil {
			r.Failed(f.key, f.err)
		}
	default:
		if f.result.Code == Temp {
			wait /= silentPart
		} else if !f.result.Works {
			wait /= brokenPart
		}
		r.Report(f.key, f.result)
	}
	w.due = time.Now().Add(jitter(wait))
	heap.Push(&r.queue, w)
}

// jitter varies a time by a tenth, so that keys that were checked together do
// not stay together.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}

// queue is a heap of keys by the time they are due.
type queue []*watched

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push and Pop are for package heap.
func (q *queue) Push(x any) {
	w := x.(*watched)
	w.index = len(*q)
	*q = append(*q, w)
}

// Pop is for package heap.
func (q *queue) Pop() any {
	last := len(*q) - 1
	w := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	w.index = -1
	return w
}
