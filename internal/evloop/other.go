//go:build !linux

package evloop

import (
	"errors"
	"net"
)

// Loops are event loops; there are none on this system.
type Loops struct{}

// Conn is a connection that an event loop looks after.
type Conn struct{ net.Conn }

// New returns errors.ErrUnsupported.
func New(int) (*Loops, error) { return nil, errors.ErrUnsupported }

// Close does nothing.
func (*Loops) Close() {}

// Take returns errors.ErrUnsupported.
func (*Loops) Take(net.Conn) (*Conn, error) { return nil, errors.ErrUnsupported }

// TryRead is not to be had.
func (*Conn) TryRead([]byte) (int, error) { return 0, errors.ErrUnsupported }

// TryWrite is not to be had.
func (*Conn) TryWrite([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Run is not to be had.
func (*Conn) Run(func() bool) error { return errors.ErrUnsupported }

// CloseWrite is not to be had.
func (*Conn) CloseWrite() error { return errors.ErrUnsupported }
