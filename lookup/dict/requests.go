package dict

import (
	"context"
	"time"

	"github.com/vmapd/vmapd/lookup/internal/peer"
)

// Dict is what a client works on, one for each connection or shared by all. A
// Dict that cannot say (data not loaded, too old) returns an error, never "not
// found": its text reaches Dovecot's log behind F. Calls of one connection come
// one after the other. ctx is the one given to ServeConn, and ends when the
// connection drains: an answer at hand is still wanted then.
type Dict interface {
	// Lookup appends the value of r.Key to dst, which is empty and has room,
	// and returns it as it is, unescaped. found is false if there is none. It
	// must not keep r or dst.
	Lookup(ctx context.Context, r *Request, dst []byte) (value []byte, found bool, err error)

	// Iterate calls yield with each row of r until it returns false: enough
	// rows were taken, or the client is gone. Keys begin with one of r.Paths,
	// as priv/ or shared/ keys, and come in the order that r.Flags ask for.
	// Rows that r.Flags leave out may be yielded, see Flags. An error after
	// some rows makes the client forget them. It must not keep r; yield does
	// not keep key and value.
	Iterate(ctx context.Context, r *IterateRequest, yield func(key, value []byte) bool) error

	// Commit begins to make t last and has done called once when the outcome
	// is known, at once or later, by any goroutine: with nil, with
	// ErrKeyMissing or ErrUncertain, wrapped or not, or with another error if
	// nothing was changed. It must fix the order of transactions by the order
	// of its calls, and not wait for a disk or a database: commits that arrived
	// together are begun together. What was begun goes on when ctx ends. t
	// belongs to the Dict from here on.
	Commit(ctx context.Context, t *Transaction, done func(error))
}

// Client is who is at the other end of a connection.
type Client struct {
	Name         string // of the dict: "auth", "quota"; the last part of Dovecot's URI
	User         string // from H; empty in major 3 and 4, which name one in each command
	Major, Minor int    // of the protocol: 2.2, 3.2 or 4.0

	Peer      peer.Cred // the process; may decide who sees password hashes
	PeerKnown bool      // false unless it came by a unix socket
}

// Request is a lookup. The slices are the Server's: they change with the next
// command.
type Request struct {
	Client *Client
	User   []byte // the user named in the command or in H; may be empty for a shared/ key
	Key    []byte // begins with priv/ or shared/
}

// IterateRequest asks for rows. The slices are the Server's, as in Request.
type IterateRequest struct {
	Client  *Client
	User    []byte
	Paths   [][]byte // one, or several in major 2; each begins with priv/ or shared/
	Flags   Flags
	MaxRows uint64 // 0 for all; the Server sees to it
}

// Flags say which rows an iteration is about (enum dict_iterate_flags in
// src/lib-dict/dict.h).
type Flags uint32

// What a Dict may leave to the Server is: rows below a further "/" when Recurse
// is not set, values when NoValue is set, and other keys when ExactKey is set.
const (
	Recurse     Flags = 1 << iota // also keys with "/" behind the path
	SortByKey                     // the Dict's part
	SortByValue                   // the Dict's part
	NoValue                       // keys alone; the value may be nil
	ExactKey                      // the rows of the key that is the path, none that only begins with it
	Async                         // how Dovecot waits for the rows; means nothing here
)

// Transaction is a set of writes that take effect together.
type Transaction struct {
	Client *Client
	User   string        // as in Request
	Expire time.Duration // after which the values may be forgotten, 0 for never
	Time   time.Time     // of the writes, if the client gave it
	Secret bool          // the values should not be logged
	Ops    []Op          // in order
}

// Op is one write.
type Op struct {
	Kind  OpKind
	Key   string // begins with priv/ or shared/
	Value []byte // of Set
	Diff  int64  // of Add
}

// OpKind is what an Op does.
type OpKind uint8

// The kinds of Op.
const (
	Set   OpKind = iota // Key becomes Value
	Unset               // Key goes away
	Add                 // Diff is added to the number at Key, ErrKeyMissing if there is none
)
