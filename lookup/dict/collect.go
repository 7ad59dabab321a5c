package dict

import (
	"bytes"
	"fmt"
	"time"
)

// open is a transaction that was begun and not committed.
type open struct {
	Transaction
	bytes int
	bad   string // why it can only fail; it then collects no more
}

// collect does what a line says that is about an open transaction and has no
// reply.
func (s *session) collect() {
	if s.refused != nil {
		return // the commit will say why
	}
	if s.cmd.letter == 'B' {
		s.begin()
		return
	}
	o := s.find()
	if o == nil {
		return
	}
	switch s.cmd.letter {
	case 'S':
		s.add(o, Op{Kind: Set, Value: s.cmd.value})
	case 'U':
		s.add(o, Op{Kind: Unset})
	case 'A':
		s.add(o, Op{Kind: Add, Diff: s.cmd.diff})
	case 'T':
		o.Time = time.Unix(s.cmd.secs, int64(s.cmd.nsecs))
	case 'V':
		o.Secret = s.cmd.secret
	case 'R':
		s.drop(s.cmd.id)
	case 'P':
		s.spoil(o, s.refuse(faultAppend, s.cmd.key, "appending to values is not supported"))
	}
}

// begin opens a transaction.
func (s *session) begin() {
	if o := s.open[s.cmd.id]; o != nil {
		s.spoil(o, s.refuse(faultTwice, nil, fmt.Sprintf("transaction %d was begun twice", s.cmd.id)))
		return
	}
	if len(s.open) == MaxTransactions {
		s.refuse(faultTooMuch, nil, fmt.Sprintf("transaction %d is one more than %d at once", s.cmd.id, MaxTransactions))
		return
	}
	if s.open == nil {
		s.open = make(map[uint32]*open)
	}
	s.open[s.cmd.id] = &open{Transaction: Transaction{
		Client: s.client,
		User:   string(s.user()),
		Expire: time.Duration(s.cmd.expire) * time.Second,
	}}
}

// find returns the transaction that the command is about, nil after a report if
// there is none.
func (s *session) find() *open {
	o := s.open[s.cmd.id]
	if o == nil {
		s.refuse(faultTransaction, nil, fmt.Sprintf("transaction %d is not open", s.cmd.id))
	}
	return o
}

// add appends an operation on the key of the command.
func (s *session) add(o *open, op Op) {
	if o.bad != "" {
		return
	}
	size := len(s.cmd.key) + len(op.Value)
	reason := s.unfit(s.cmd.key, []byte(o.User))
	switch {
	case reason != "":
	case len(o.Ops) == MaxOperations:
		reason = s.refuse(faultTooMuch, nil, fmt.Sprintf("transaction %d has more than %d operations", s.cmd.id, MaxOperations))
	case s.bytes+size > MaxBytes:
		reason = s.refuse(faultTooMuch, nil, fmt.Sprintf("open transactions have more than %d bytes", MaxBytes))
	}
	if reason != "" {
		s.spoil(o, reason)
		return
	}
	op.Key, op.Value = string(s.cmd.key), bytes.Clone(op.Value)
	o.Ops = append(o.Ops, op)
	o.bytes += size
	s.bytes += size
}

// spoil makes a transaction fail when it is committed, and forgets what is in
// it.
func (s *session) spoil(o *open, reason string) {
	s.bytes -= o.bytes
	o.bad, o.bytes, o.Ops = reason, 0, nil
}

// drop forgets a transaction.
func (s *session) drop(id uint32) {
	s.bytes -= s.open[id].bytes
	delete(s.open, id)
}
