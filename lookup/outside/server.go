package outside

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// ErrBusy says that too many questions wait for a server: try again.
var ErrBusy = errors.New("too many logins wait for the server")

// outage is an error that says nothing about a password: the server cannot be
// reached, does not answer, or answers what it should not. It takes the server
// out of service.
type outage struct{ err error }

func (o *outage) Error() string { return o.err.Error() }
func (o *outage) Unwrap() error { return o.err }

func isOutage(err error) bool {
	var o *outage
	return errors.As(err, &o)
}

// server is one server, and how many ask it at once.
type server struct {
	*breaker
	address string // host:port
	limit   time.Duration
	slots   chan struct{}
	most    int32 // that may wait
	waiting atomic.Int32
}

func newServer(address, source string, s *Settings, h *Hooks) *server {
	told := func(why error) {
		if h.Changed != nil {
			h.Changed(source, address, why)
		}
	}
	return &server{breaker: newBreaker(told), address: address, limit: s.Operation, slots: make(chan struct{}, s.Connections), most: int32(s.Waiting)}
}

// use runs f, which asks the server, when there is a slot for it.
func (s *server) use(ctx context.Context, f func(context.Context) error) error {
	if err := s.enter(ctx); err != nil {
		return s.named(err)
	}
	defer func() { <-s.slots }()
	err := f(ctx)
	if isOutage(err) {
		if ctx.Err() != nil {
			return s.named(ctx.Err()) // who asked has gone: that says nothing of the server
		}
		s.trip(err)
	}
	return s.named(err)
}

// enter takes a slot.
func (s *server) enter(ctx context.Context) error {
	tripped, _, why := s.state()
	if why != nil {
		return outOfService(why)
	}
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	if s.waiting.Add(1) > s.most {
		s.waiting.Add(-1)
		return ErrBusy
	}
	defer s.waiting.Add(-1)
	patience := time.NewTimer(s.limit)
	defer patience.Stop()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-tripped:
		_, _, why := s.state()
		return outOfService(why)
	case <-patience.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

func outOfService(why error) error {
	if why == nil {
		return &outage{errors.New("out of service a moment ago")}
	}
	return &outage{fmt.Errorf("out of service: %w", why)}
}

// named says which server an error is about. What is said about a password is
// left alone.
func (s *server) named(err error) error {
	if err == nil || errors.Is(err, ErrWrong) {
		return err
	}
	return fmt.Errorf("%s: %w", s.address, err)
}
