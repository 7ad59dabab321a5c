package alarm

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// place says where an alarm is kept besides the file.
type place int

const (
	toWrite place = iota // the database is to have it
	inTable              // it has it
	here                 // it does not get it
)

// said is how much of an alarm a channel was told.
type said int

const (
	nothing said = iota
	itOpened
	everything // or there is nothing to tell any more
)

// The channels, as indexes.
const (
	mailChannel = iota
	hookChannel
	channels
)

// record is an alarm at work. Its fields are guarded by the mutex of the book.
type record struct {
	number  int64  // in the file, in the order of openings; 0 = not there yet
	seq     uint64 // of those that this process opened, in order
	id      string // names it for those who are told
	kind    string
	subject string
	title   string
	detail  string
	opened  time.Time // whole microseconds, as databases keep them
	closed  time.Time // zero while it is open

	held   bool // whoever opened it has not closed it
	place  place
	row    int64 // admin_alarm.id
	status int   // of the row: 0 = there is none yet
	ours   bool  // we inserted the row, so we tell
	told   [channels]said

	dirty bool // the file does not say so yet
}

// Status of a row, modoboa/admin/constants.py.
const (
	statusOpen   = 1
	statusClosed = 2
)

type key struct{ kind, subject string }

func (r *record) key() key { return key{r.kind, r.subject} }

func (r *record) open() bool { return r.closed.IsZero() }

// newID is 16 hexadecimal digits.
func newID() string {
	b := make([]byte, 8)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// alarm is what others see of it.
func (r *record) alarm() Alarm {
	a := Alarm{ID: r.number, Kind: r.kind, Title: r.title, Detail: r.detail, Opened: r.opened, Closed: r.closed}
	a.Domain, a.Mailbox = split(r.subject)
	return a
}

// unwritten reports whether the database lacks something.
func (r *record) unwritten() bool {
	return r.place == toWrite || r.place == inTable && r.status == statusOpen && !r.open()
}

// done reports whether nothing is left to do for it.
func (r *record) done() bool {
	return !r.held && !r.open() && !r.unwritten() && r.told == [channels]said{everything, everything}
}

// keepLocal is how long a closed alarm is shown that the database has no place
// for.
const keepLocal = 30 * 24 * time.Hour

// forgotten reports whether the file need not have it any more.
func (r *record) forgotten(now time.Time) bool {
	return r.done() && (r.place == inTable || now.Sub(r.closed) > keepLocal)
}
