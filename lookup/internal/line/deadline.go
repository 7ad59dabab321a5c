package line

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// armRead sets the read deadline if the one that stands is not the right one.
func (c *conn) armRead() {
	switch {
	case c.r < c.w && (c.phase != receiving || c.fresh):
		c.phase, c.fresh = receiving, false
		c.setRead(c.limits.RequestTimeout)
	case c.r < c.w:
	case c.limits.Idle > 0 && c.phase != idling:
		c.phase = idling
		c.setRead(max(c.limits.Idle/idleParts, 1))
	case c.limits.Idle <= 0 && c.phase != unarmed:
		c.phase = unarmed
		c.setRead(0)
	}
}

// setRead sets the read deadline to d from now, 0 for none. It fails only on a
// connection that has ended, and then Read says better how.
func (c *conn) setRead(d time.Duration) {
	c.readUntil = time.Time{}
	if d > 0 {
		c.readUntil = time.Now().Add(d)
	}
	_ = c.nc.SetReadDeadline(c.readUntil)
}

// expired judges a read that met a deadline. again means that the client has
// time left; otherwise the connection ends, with an error if it was too slow.
// A deadline that passed before its time was moved by the owner: a drain.
func (c *conn) expired(ctx context.Context) (again bool, err error) {
	if ctx.Err() != nil || c.phase == unarmed || time.Now().Before(c.readUntil) {
		return false, nil
	}
	if c.phase == receiving {
		return false, fmt.Errorf("client sent %d bytes of a request and not the rest within %v: %w",
			c.w-c.r, c.limits.RequestTimeout, os.ErrDeadlineExceeded)
	}
	c.phase = unarmed
	c.quiet++
	return c.quiet < idleParts, nil
}

// write writes all of b. The deadline that stands may be one of an earlier
// write, so the first time it is met a full one is set for the rest of b.
func (c *conn) write(b []byte) error {
	if !c.writeArm {
		c.writeArm = true
		_ = c.nc.SetWriteDeadline(time.Now().Add(c.limits.WriteTimeout / 4)) // as in setRead
	}
	n, err := c.nc.Write(b)
	if err == nil {
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = c.nc.SetWriteDeadline(time.Now().Add(c.limits.WriteTimeout))
		c.writeArm = false // this one is too far ahead for the next write
		m, again := c.nc.Write(b[n:])
		n, err = n+m, again
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("client took %d of %d bytes of replies and not the rest within %v: %w",
			n, len(b), c.limits.WriteTimeout, err)
	}
	if err != nil {
		return fmt.Errorf("write reply: %w", err)
	}
	return nil
}
