package main

import (
	"context"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa"
)

// snapshot reads the database once into a Store of its own, for commands that
// do without the daemon. The function it returns ends the Store.
func (a *app) snapshot(ctx context.Context, c *daemon.Config) (*store.Store, func(), error) {
	d, err := a.open(ctx, c, true)
	if err != nil {
		return nil, nil, err
	}
	failed := make(chan error, 1)
	s := &store.Store{Settings: store.Settings{Source: &modoboa.Source{DB: d}, Reload: -1}, Hooks: store.Hooks{Load: func(r store.LoadReport) {
		if r.Err != nil {
			select {
			case failed <- r.Err:
			default:
			}
		}
	}}}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(ctx) }()
	closer := func() { cancel(); <-done; d.Close() }
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		_, _ = s.Wait(ctx)
	}()
	select {
	case <-loaded:
		return s, closer, nil
	case err := <-failed:
		closer()
		return nil, nil, &exit{exitTryAgain, err}
	}
}
