package outside

import (
	"errors"
	"net"
	"sync/atomic"
)

// maxSaid is how much a server may say in answer to one question, in bytes.
const maxSaid = 1 << 20

// allowance is a connection on which the other side may not say more and more.
type allowance struct {
	net.Conn
	left atomic.Int64
}

func patient(nc net.Conn) *allowance {
	a := &allowance{Conn: nc}
	a.renew()
	return a
}

// renew allows as much again, for another question.
func (a *allowance) renew() { a.left.Store(maxSaid) }

var errTooMuch = errors.New("the server says more than any answer has")

// Read implements net.Conn.
func (a *allowance) Read(b []byte) (int, error) {
	left := a.left.Load()
	if left <= 0 {
		return 0, errTooMuch
	}
	n, err := a.Conn.Read(b[:min(int64(len(b)), left)])
	a.left.Add(int64(-n))
	return n, err
}
