package sendlimit

// order is a charge that is being judged. Orders are pooled, with what they have
// room for, so that a charge allocates nothing.
type order struct {
	Charge
	ms      int64 // when, in milliseconds
	entries []*entry
	lines   []line
	prior   *instance // what the same message was charged before; nil: nothing
	account *entry    // that remembers recipients; nil if none does
	fresh   []uint64  // recipients that are new
	alone   bool      // it was judged without the other nodes
	told    []func()  // whom to tell of what when no lock is held
	ticket  ticket    // of what is written to the file

	known, made instance // room for prior, and for what takes its place
	cells       []cell   // room, as is the next
	record      writer
}

// line is one limit of one subject.
type line struct {
	entry   *entry
	counter *counter
	limit   Limit
	amount  int64
	old     int64 // of the same message, as far as it counts still
	oldAt   int64 // bucket
	again   bool  // the same counter is in an earlier line
}

// newOrder gives an order for a charge.
func (e *Engine) newOrder(c *Charge) *order {
	o, _ := e.orders.Get().(*order)
	if o == nil {
		o = new(order)
	}
	o.Charge = *c
	return o
}

// keepRoom bounds the room that is kept of an order, and of what waits for the
// file, in bytes: one message to very many recipients should not hold it for good.
const keepRoom = 64 << 10

// done takes an order back. Nothing of it may be in use: a Verdict names the
// subjects by what entries call them.
func (e *Engine) done(o *order) {
	if cap(o.record.b) > keepRoom || 8*cap(o.fresh) > keepRoom || 8*cap(o.known.learned) > keepRoom {
		return
	}
	clear(o.entries)
	clear(o.lines)
	clear(o.told)
	*o = order{
		entries: o.entries[:0], lines: o.lines[:0], fresh: o.fresh[:0], told: o.told[:0],
		known: o.known, made: o.made, cells: o.cells[:0], record: o.record,
	}
	e.orders.Put(o)
}
