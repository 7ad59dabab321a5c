package daemon

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa"
)

// How often keys are looked after when their rows do not change, and how often
// it is seen whether they do.
const (
	tendKeys  = 10 * time.Minute
	watchKeys = time.Second
)

// makesKeys reports whether keys are made for the domains of a database of that
// schema that ask for one. Where Modoboa's own job may make them, two would.
func (c *Config) makesKeys(schema string) bool {
	return c.DKIM.Generate == "always" || c.DKIM.Generate == "auto" && schema == "vmapd"
}

// keepKeys makes keys for domains that ask for one, looks for new ones in DNS,
// and takes them from stage to stage, until ctx ends.
func (d *Daemon) keepKeys(ctx context.Context) {
	k := &keyring.Keeper{Published: d.published, Report: d.keyReport(), Now: time.Now}
	tick := time.NewTicker(watchKeys)
	defer tick.Stop()
	var tended *store.Snapshot
	var at time.Time
	for ctx.Err() == nil {
		s, stored := d.store.Current(), d.store.Status().Stored
		if s != nil && !stored && (time.Since(at) >= tendKeys || !s.SameKeys(tended)) {
			tended, at = s, time.Now()
			d.tend(ctx, k, s)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (d *Daemon) tend(ctx context.Context, k *keyring.Keeper, s *store.Snapshot) {
	d.mu.Lock()
	cfg, write := d.cfg, d.database.write
	d.mu.Unlock()
	k.Dir, k.Times, k.Recorder = cfg.DKIM.KeyDir, cfg.KeyTimes(), modoboa.Keys{DB: write}
	k.Make, k.Rotate = cfg.makesKeys(s.Schema()), cfg.DKIM.RotateAfter.D()
	// Somebody who was quicker is no failure: the next snapshot says what he did.
	if err := k.Tend(ctx, s); err != nil && ctx.Err() == nil && !errors.Is(err, keyring.ErrChanged) {
		d.log.Warn("DKIM keys could not be looked after: tried again in a while", zap.Error(err), zap.String("remedy", remedyOf(err)))
	}
}
