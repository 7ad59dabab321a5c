package line

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Client is the asking side: one request, one reply, one at a time. It is not
// safe for concurrent use.
type Client struct {
	nc  net.Conn
	r   *bufio.Reader
	err error // why the connection is of no use any more
}

// NewClient returns a client on nc, which the caller closes.
func NewClient(nc net.Conn) *Client {
	return &Client{nc: nc, r: bufio.NewReader(nc)}
}

// Do writes request and has read take the reply off the connection, within the
// deadline of ctx and until ctx ends. An error, of ctx or of the connection or
// of read, leaves the connection out of step: later calls fail as well. The end
// of the stream before a reply is io.ErrUnexpectedEOF.
func (c *Client) Do(ctx context.Context, request []byte, read func(*bufio.Reader) error) error {
	if c.err != nil {
		return fmt.Errorf("connection failed before: %w", c.err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	if err := c.nc.SetDeadline(deadline); err != nil {
		c.err = err
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.nc.SetDeadline(time.Unix(1, 0)) })
	_, err := c.nc.Write(request)
	if err == nil {
		err = read(c.r)
	}
	if !stop() {
		c.err = ctx.Err() // the deadline of the past is or will be set
	}
	if err == nil {
		return nil
	}
	c.err = err
	switch {
	case ctx.Err() != nil:
		c.err = ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.err = context.DeadlineExceeded // ctx is about to find out
	case errors.Is(err, io.EOF):
		c.err = io.ErrUnexpectedEOF
	}
	return c.err
}
