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
	d, err := db.Open(c.Database.URL, db.Options{Password: c.Password(), ReadOnly: true})
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	defer d.Close()
	b := store.NewBuilder()
	err = (&modoboa.Source{DB: d}).Load(ctx, b)
	if err == nil {
		return store.Static(b.Build(time.Now())), nil
	}
	snap, checked, fileErr := store.ReadFile(daemon.SnapshotPath(c.StateDir), d.Name)
	switch {
	case errors.Is(fileErr, fs.ErrNotExist):
		return nil, &exit{exitTryAgain, err}
	case fileErr != nil:
		return nil, &exit{exitTryAgain, fmt.Errorf("%w; %w", err, fileErr)}
	}
	fmt.Fprintf(a.err, "vmapd: %v\nvmapd: answering from the snapshot on disk, true at %s\n", err, checked.Local().Format(time.DateTime))
	return store.Static(snap), nil
}
