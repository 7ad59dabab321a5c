package alarm

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// Options say what a [Book] works with.
type Options struct {
	// Path is an SQLite file; beside it is a lock, Path-lock.
	Path string
	// Host names this host in titles of alarms about it.
	Host string
	// Database returns the database in use; nil: there is none, all alarms stay in
	// the file.
	Database func() *db.DB
	// Channels returns how to tell; nil, or nil ones: nobody is told.
	Channels func() Channels
	// Grace returns for how long an alarm must be open to be told.
	Grace func() time.Duration
	// Report is told what fails, each time. It may be nil.
	Report func(what string, err error)

	Now  func() time.Time // nil: time.Now
	Tick time.Duration    // how often to look for what is due, 1s if 0
}

// Book keeps the alarms of this host. It is safe for concurrent use.
type Book struct {
	o Options

	mu        sync.Mutex
	running   bool            // the file was read
	queue     []func()        // what was opened and closed before that
	held      map[key]*record // by whoever opened them
	records   map[*record]struct{}
	opened    uint64 // how many, since the start
	elsewhere int    // open rows of the database that we did not write
	origin    string // the database that the rows are of
	times     *times // of tests

	keep, write, tell chan struct{} // there is something to do
	look              chan struct{} // at rows that others may have closed
}

// times are those of telling, for tests that cannot wait.
type times struct{ patience, first, pause time.Duration }

// New returns a book. It does nothing before [Book.Run].
func New(o Options) *Book {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Report == nil {
		o.Report = func(string, error) {}
	}
	if o.Channels == nil {
		o.Channels = func() Channels { return Channels{} }
	}
	if o.Grace == nil {
		o.Grace = func() time.Duration { return 0 }
	}
	if o.Tick <= 0 {
		o.Tick = time.Second
	}
	signal := func() chan struct{} { return make(chan struct{}, 1) }
	return &Book{o: o, held: map[key]*record{}, records: map[*record]struct{}{}, keep: signal(), write: signal(), tell: signal(), look: signal()}
}

// now is the time as databases keep it.
func (b *Book) now() time.Time { return b.o.Now().UTC().Truncate(time.Microsecond) }

// Open opens an alarm about a mailbox (its address), a domain, or this host ("").
// An open one gets the new detail. Names are folded by the caller; subject may be
// a view of a snapshot, which an alarm outlives.
func (b *Book) Open(kind, subject, title, detail string) {
	at := b.now()
	b.do(func() {
		if r := b.held[key{kind, subject}]; r != nil {
			r.detail = detail
			return
		}
		if subject == "" && b.o.Host != "" {
			title = b.o.Host + ": " + title
		}
		b.opened++
		subject = strings.Clone(subject)
		r := &record{seq: b.opened, id: newID(), kind: kind, subject: subject, title: title, detail: detail, opened: at, held: true, dirty: true}
		if staysHere(kind) || b.o.Database == nil {
			r.place = here
		}
		b.held[r.key()], b.records[r] = r, struct{}{}
		poke(b.keep)
	})
}

// Close closes an alarm; there need not be one.
func (b *Book) Close(kind, subject string) {
	at := b.now()
	b.do(func() {
		r := b.held[key{kind, subject}]
		if r == nil {
			return
		}
		delete(b.held, r.key())
		r.held, r.dirty = false, true
		if r.open() {
			r.closed = at
		}
		poke(b.keep)
	})
}

// do changes the book, once it was read.
func (b *Book) do(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.running {
		b.queue = append(b.queue, change)
		return
	}
	change()
}

// Subjects returns what there are alarms of a kind about whose watchers have not
// closed them, in no order.
func (b *Book) Subjects(kind string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for k := range b.held {
		if k.kind == kind {
			out = append(out, k.subject)
		}
	}
	return out
}

// Holds reports whether an alarm was opened and not closed again by its watcher.
func (b *Book) Holds(kind, subject string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held[key{kind, subject}] != nil
}

// Ready reports whether the file was read: before that a watcher does not know
// what was open before the start.
func (b *Book) Ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.running
}

// Counts returns how many alarms of this host are open, by [Label].
func (b *Book) Counts() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := map[string]int{}
	for r := range b.records {
		if r.open() {
			n[Label(r.kind)]++
		}
	}
	return n
}

// Count returns how many alarms are open here and, as far as it is known, in the
// database.
func (b *Book) Count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.elsewhere
	for r := range b.records {
		if r.open() {
			n++
		}
	}
	return n
}

// Local returns the alarms that the database does not have (yet), the newest
// first.
func (b *Book) Local() []Alarm {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Alarm
	for r := range b.records {
		if r.place != inTable && r.number > 0 {
			out = append(out, r.alarm())
		}
	}
	slices.SortFunc(out, func(x, y Alarm) int { return cmp.Or(y.Opened.Compare(x.Opened), cmp.Compare(y.ID, x.ID)) })
	return out
}

// Details returns what this host knows of rows of the database.
func (b *Book) Details(rows []int64) map[int64]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[int64]string{}
	for r := range b.records {
		if r.place == inTable && r.detail != "" && slices.Contains(rows, r.row) {
			out[r.row] = r.detail
		}
	}
	return out
}

// CloseLocal closes one of Local by its ID, and reports whether it was there and
// open.
func (b *Book) CloseLocal(id int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for r := range b.records {
		if r.number == id && r.place != inTable && r.open() {
			r.closed, r.dirty = b.now(), true
			poke(b.keep)
			return true
		}
	}
	return false
}

// Look has the rows of the database looked at now, after somebody closed one.
func (b *Book) Look() { poke(b.look) }

// poke says that there is something to do.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
