package outside

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// ldapConn is a connection to a directory, used by one question at a time.
type ldapConn struct {
	*ldap.Conn
	used    time.Time // when it was given back
	again   bool      // it was used before, so that the server may have closed it
	service bool      // it is bound as the bind DN
	said    *allowance
}

// ldapServer is a server of a directory with its idle connections.
type ldapServer struct {
	*server
	d *directory

	mu     sync.Mutex
	idle   []*ldapConn // the one that was used last is the last one
	closed bool
}

// idleFor is how long a connection is kept that nobody uses.
const idleFor = time.Minute

// with gives f a connection. One that turns out to have been closed by the
// server while it was idle is replaced once.
func (s *ldapServer) with(ctx context.Context, f func(*ldapConn) error) error {
	return s.use(ctx, func(ctx context.Context) error {
		for {
			c, err := s.take(ctx)
			if err != nil {
				return err
			}
			began, again := time.Now(), c.again
			err = s.run(ctx, c, f)
			if again && isOutage(err) && ctx.Err() == nil && time.Since(began) < s.limit/2 {
				s.drop() // the others are no better
				continue
			}
			return err
		}
	})
}

// run has f use a connection, which is closed if ctx ends before, and keeps it
// for others if it is still good.
func (s *ldapServer) run(ctx context.Context, c *ldapConn, f func(*ldapConn) error) error {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	c.said.renew()
	err := f(c)
	if !stop() || isOutage(err) || c.IsClosing() {
		_ = c.Close()
		return err
	}
	s.give(c)
	return err
}

// take returns an idle connection, or a new one.
func (s *ldapServer) take(ctx context.Context) (*ldapConn, error) {
	s.mu.Lock()
	for len(s.idle) > 0 {
		c := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if !c.IsClosing() && time.Since(c.used) < idleFor {
			s.mu.Unlock()
			return c, nil
		}
		_ = c.Close()
	}
	s.mu.Unlock()
	return s.connect(ctx)
}

func (s *ldapServer) give(c *ldapConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return
	}
	c.used, c.again = time.Now(), true
	s.idle = append(s.idle, c)
}

// drop closes the idle connections.
func (s *ldapServer) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.idle {
		_ = c.Close()
	}
	s.idle = nil
}

// tidy closes those that idle for too long.
func (s *ldapServer) tidy(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.idle) > 0 && now.Sub(s.idle[0].used) >= idleFor {
		_ = s.idle[0].Close()
		s.idle = s.idle[1:]
	}
}

// connect makes a connection on which nobody is bound.
func (s *ldapServer) connect(ctx context.Context) (*ldapConn, error) {
	l := s.d.l
	var config, at *tls.Config
	if l.Security != Plain {
		var err error
		if config, err = tlsConfig(s.address, l.CAFile); err != nil {
			return nil, &outage{err}
		}
	}
	if l.Security == SSL {
		at = config
	}
	nc, err := dial(ctx, s.address, s.d.s.Connect, at)
	if err != nil {
		return nil, &outage{err}
	}
	stop := context.AfterFunc(ctx, func() { nc.Close() }) // go-ldap knows no context
	defer stop()
	said := patient(nc)
	c := ldap.NewConn(said, l.Security == SSL)
	c.SetTimeout(s.limit)
	c.Start()
	if l.Security == StartTLS {
		if err := c.StartTLS(config); err != nil {
			_ = c.Close()
			return nil, &outage{fmt.Errorf("STARTTLS: %w", err)}
		}
	}
	_ = nc.SetDeadline(time.Time{})
	return &ldapConn{Conn: c, said: said}, nil
}

// failure makes an outage of an error of go-ldap unless the server has
// answered what it may well answer.
func failure(what string, err error) error {
	var e *ldap.Error
	if !errors.As(err, &e) {
		return &outage{fmt.Errorf("%s: %w", what, err)}
	}
	switch e.ResultCode {
	case ldap.ErrorNetwork, ldap.ErrorUnexpectedMessage, ldap.ErrorUnexpectedResponse, ldap.LDAPResultUnavailable:
		return &outage{fmt.Errorf("%s: %w", what, err)}
	}
	return fmt.Errorf("%s: %w", what, err)
}
