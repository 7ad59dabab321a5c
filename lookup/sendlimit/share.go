package sendlimit

import (
	"context"
	"errors"
)

// Shared is a way to the other nodes: a place, such as Redis, that decides for
// all of them. Take is called by many goroutines at a time, the others by one.
// After an error of any of them the node goes on alone, and comes back by Sync
// and Push.
type Shared interface {
	// Take judges an order and counts it, in one step, by the clock of that
	// place. ErrEpoch says that it has lost its memory since the epoch of the
	// order; ErrResend that Own is needed.
	Take(ctx context.Context, o *Order) (*Answer, error)
	// Push tells what was counted without that place.
	Push(ctx context.Context, p *Push) error
	// Sync asks for what has changed, and says that this node lives.
	Sync(ctx context.Context, h *Hello) (*News, error)
}

// Errors of Shared.
var (
	ErrEpoch  = errors.New("sendlimit: the counts that the nodes share were lost: they are put back")
	ErrResend = errors.New("sendlimit: the counts of this node are wanted")
)

// Key names a counter that nodes share.
type Key struct {
	Subject Subject
	Unit    Unit
	Window  Window
}

// Cell is what a node has counted in a bucket of a window.
type Cell struct {
	Node   string
	Bucket int64
	N      int64
}

// Count is a counter with its cells.
type Count struct {
	Key
	Version int64 // grows with each change
	Stamp   int64 // of a Push: if a later one is known, this one is old
	Warned  int64 // bucket in which the soft mark was passed; 0: none
	Reset   int64 // when it was reset last, in milliseconds since 1970; 0: never
	Cells   []Cell
}

// Order is a charge for all nodes.
type Order struct {
	Node  string
	Epoch string
	Stamp int64 // grows with each order and push of a counter
	Dry   bool
	Lines []OrderLine
}

// OrderLine is one counter of an order, and one limit.
type OrderLine struct {
	Key
	Max     int64
	Soft    int64  // the soft mark; 0: none
	Amount  int64  // to count now
	Old     int64  // of the same message, to take back
	OldAt   int64  // bucket
	OldTime int64  // when that was counted: if the counter was reset since, Old is nothing
	Again   bool   // the same counter is in an earlier line: only Max is new
	Sum     int64  // of this node's cells within the window; if it differs, ErrResend
	Own     []Cell // this node's cells, to replace what is known of them
	Resend  bool   // Own is there
}

// Answer is what became of an order.
type Answer struct {
	OK     bool
	Now    int64   // the clock of that place, milliseconds since 1970
	Counts []Count // one for each line, after counting
	Passed []bool  // for each line: the soft mark was passed with it
}

// Push is what a node tells.
type Push struct {
	Node      string
	Counts    []Count // all cells of Node are to be replaced
	Restore   bool    // cells of others are there too, in case they do not come back to tell them
	Sentences []Sentence
}

// Hello is a question for news.
type Hello struct {
	Node      string
	Epoch     string // if that place has none, it takes this one
	Mark      string // to keep, before something is told
	Marked    string // if this one was not kept, that place lost its memory meanwhile: no epoch is given
	Alive     bool   // this node is there and hides nothing
	Leaves    bool   // this node ends, and hides nothing
	Gone      int64  // milliseconds after which a node that says nothing is gone
	Seq       int64  // of the last news
	Sentences int64  // version of those that are known
}

// News are what has changed since.
type News struct {
	Epoch     string // empty: that place has no memory
	Now       int64
	Nodes     []Node // that live, this one included if it is Alive
	Seq       int64
	More      bool // there are more: ask again at once
	Counts    []Count
	Sentences []Sentence // all of them, if they have changed
	Version   int64      // of the sentences
}

// Node is one that lives.
type Node struct {
	Name string
	Seen int64 // when it said so last, milliseconds since 1970 by News' clock
}
