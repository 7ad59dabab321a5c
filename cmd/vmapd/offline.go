package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

// snapshot reads the database for a command that does without the daemon. If
// that fails it takes what the daemon has kept on disk, and says so.
func (a *app) snapshot(ctx context.Context, c *daemon.Config) (*store.Store, error) {
	k, err := known(ctx, c)
	if err != nil {
		return nil, err
	}
	if k.away != nil {
		fmt.Fprintf(a.err, "vmapd: %v\nvmapd: answering from the snapshot on disk, true at %s\n", k.away, k.checked.Local().Format(time.DateTime))
	}
	return store.Static(k.snap), nil
}

// knowledge is what can be known without the daemon.
type knowledge struct {
	snap    *store.Snapshot
	checked time.Time // when it was true
	away    error     // why it is not what the database says now, nil if it is
}

func known(ctx context.Context, c *daemon.Config) (knowledge, error) {
	d, err := db.Open(c.Database.URL, db.Options{Password: c.Password(), ReadOnly: true})
	if err != nil {
		return knowledge{}, &exit{exitUsage, err}
	}
	defer func() { _ = d.Close() }()
	b := store.NewBuilder()
	err = (&modoboa.Source{DB: d}).Load(ctx, b)
	if err == nil {
		now := time.Now()
		return knowledge{snap: b.Build(now), checked: now}, nil
	}
	snap, checked, fileErr := store.ReadFile(daemon.SnapshotPath(c.StateDir), d.Name)
	switch {
	case errors.Is(fileErr, fs.ErrNotExist):
		return knowledge{}, &exit{exitTryAgain, err}
	case fileErr != nil:
		return knowledge{}, &exit{exitTryAgain, fmt.Errorf("%w; %w", err, fileErr)}
	}
	return knowledge{snap, checked, err}, nil
}
