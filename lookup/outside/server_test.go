package outside

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// TestOverrun fills a server's slots and its queue: who comes then is told at
// once, and the first outage sends those away who wait.
func TestOverrun(t *testing.T) {
	var told []error // by Changed
	s := newServer("server:1", SourceLDAP, &Settings{Connections: 2, Waiting: 3, Operation: time.Hour}, &Hooks{Changed: func(source, server string, why error) {
		if source != SourceLDAP || server != "server:1" {
			t.Errorf("%s %s", source, server)
		}
		told = append(told, why)
	}})
	end := make(chan error)
	inside := func(context.Context) error { return <-end }
	var wg sync.WaitGroup
	results := make(chan error, 5)
	for range 5 {
		wg.Go(func() { results <- s.use(context.Background(), inside) })
	}
	for len(s.slots) < 2 || s.waiting.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	if err := s.use(t.Context(), inside); !errors.Is(err, ErrBusy) || isOutage(err) {
		t.Errorf("the sixth: %v", err)
	}
	end <- ErrWrong // says nothing against the server: one of the three gets its slot
	if err := <-results; !errors.Is(err, ErrWrong) || err.Error() != ErrWrong.Error() {
		t.Errorf("the first: %v", err)
	}
	down := errors.New("down")
	end <- &outage{down}
	for range 2 { // who asked, and at least one who waited
		if err := <-results; !errors.Is(err, down) {
			t.Errorf("after the outage: %v", err)
		}
	}
	close(end)
	wg.Wait()
	if err := s.use(t.Context(), inside); !isOutage(err) || !errors.Is(err, down) {
		t.Errorf("out of service: %v", err)
	}
	s.restore()
	if err := s.use(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Errorf("in service again: %v", err)
	}
	if len(told) != 2 || !errors.Is(told[0], down) || told[1] != nil {
		t.Errorf("what was told: %v", told)
	}
}

// TestWhoHasGone is no outage, whatever the connection says when it is cut.
func TestWhoHasGone(t *testing.T) {
	s := newServer("server:1", SourceLDAP, &Settings{Connections: 1, Waiting: 1, Operation: time.Hour}, &Hooks{})
	ctx, cancel := context.WithCancel(t.Context())
	err := s.use(ctx, func(context.Context) error { cancel(); return &outage{errors.New("closed")} })
	if _, _, why := s.state(); why != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", err, why)
	}
}
