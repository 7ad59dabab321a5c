//go:build linux

package evloop

import "time"

// place is about where a loop runs that one connection keeps busy. A client and a
// loop that wake each other across processors may take ten times as long for a
// request as on one: a processor that sleeps has to be woken, which is slowest on
// virtual machines. Where they run the scheduler decides now and then, and knows
// nothing of that. So when a few requests in a row take several times as long as
// usual the loop goes to another processor, and stays until it is so again; once
// both are on one the scheduler mostly leaves them there. Where that does not help,
// or the client is in no hurry any more, the loop runs where it likes.
type place struct {
	hold   func() threadControl // the thread of this goroutine; nil: loops stay where they are
	thread threadControl        // nil: it runs where it likes

	mark  time.Time     // of the last round
	usual time.Duration // length of a round; 0: not known yet
	slow  int           // rounds in a row that took much longer
	vain  int           // moves that did not help so far
	good  int           // rounds since the last move that were not slow
	rest  int           // rounds until the next try
}

const (
	placeSlow = 5    // times the usual length is slow
	placeRow  = 3    // slow rounds in a row are no exception: an interruption makes one
	placeGood = 32   // rounds that are not slow say that a move has helped
	placeVain = 16   // moves that have not are enough: the client may move as well
	placeRest = 1024 // rounds before it is tried again
)

// round is told of a round at a time. alone says that one connection only is at
// work.
func (p *place) round(alone bool, clock func() time.Time) {
	switch {
	case p.hold == nil:
		return
	case !alone:
		p.mark = time.Time{}
		p.pause()
		return
	}
	now := clock()
	each := now.Sub(p.mark)
	first := p.mark.IsZero()
	p.mark = now
	switch {
	case first:
	case each > quickRound:
		p.pause()
	case p.rest > 0:
		p.rest--
	case p.usually(each):
		p.slow = 0
		if p.good++; p.good >= placeGood {
			p.vain = 0
		}
	default:
		if p.slow++; p.slow >= placeRow {
			p.slow = 0
			p.change()
		}
	}
}

// usually reports whether a round took no longer than others, which it learns from:
// quickly from the quick ones, for what is slow is slow for many reasons.
func (p *place) usually(each time.Duration) bool {
	switch {
	case p.usual == 0:
		p.usual = each
	case each < p.usual:
		p.usual -= (p.usual - each) / 8
	case each > placeSlow*p.usual:
		return false
	default:
		p.usual += (each - p.usual) / 64
	}
	return true
}

// change goes to another processor. What the system refuses once is not tried
// again.
func (p *place) change() {
	if p.vain++; p.vain > placeVain { // maybe requests have become what they are
		p.pause()
		p.vain, p.usual, p.rest = 0, 0, placeRest
		return
	}
	p.good = 0
	if p.thread == nil {
		p.thread = p.hold()
	}
	if p.thread == nil || p.thread.move() != nil {
		p.pause()
		p.hold = nil
	}
}

// pause lets the loop run where it likes.
func (p *place) pause() {
	p.slow = 0
	if p.thread == nil {
		return
	}
	if letGo(p.thread) != nil {
		p.hold = nil // the system has changed its mind
	}
	p.thread = nil
}
