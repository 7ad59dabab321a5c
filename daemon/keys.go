package daemon

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa"
)

// How often the ring is given what is served, and keys are looked after: made,
// looked for in DNS, taken from stage to stage. Messages do not wait for
// either: a key that a row names is read when the first one needs it.
const (
	syncKeys = time.Second
	tendKeys = 10 * time.Minute
)

// newRing makes the ring of a configuration, whose resolver is made when it is
// first needed.
func (d *Daemon) newRing(cfg *Config) *keyring.Ring {
	o := cfg.KeyOptions()
	o.Report = d.keyReport()
	if c, err := dnscheck.New(dnscheck.Options{Servers: cfg.DKIM.Resolvers}); err != nil {
		d.log.Warn("DNS cannot be asked about DKIM keys: those that are new are not used", zap.Error(err))
	} else {
		o.Published = Published(c)
	}
	return keyring.NewRing(o)
}

// findKeys is the keySource of milters.
func (d *Daemon) findKeys(ctx context.Context, domain string) ([]*dkim.Key, string) {
	s := d.store.Current()
	if s == nil {
		return nil, string(keyring.Loading)
	}
	keys, why := d.ring.Keys(ctx, s, domain)
	return keys, string(why)
}

// keyReport logs what becomes of keys.
func (d *Daemon) keyReport() func(keyring.Event) {
	var bad limiter
	return func(e keyring.Event) {
		fields := []zap.Field{zap.String("domain", e.Domain), zap.String("selector", e.Selector)}
		if !e.Until.IsZero() {
			fields = append(fields, zap.Time("until", e.Until))
		}
		if e.Err == nil {
			d.log.Info("DKIM: "+e.Text, fields...)
			return
		}
		bad.warn(d.log.Logger, "DKIM: "+e.Text, append(fields, zap.Error(e.Err), zap.String("remedy", remedyOf(e.Err)))...)
	}
}

// keepKeys gives the ring what is served, and looks after keys, until ctx ends.
func (d *Daemon) keepKeys(ctx context.Context) {
	tick := time.NewTicker(syncKeys)
	defer tick.Stop()
	k := &keyring.Keeper{Now: time.Now, Report: d.keyReport()}
	var served, tended *store.Snapshot
	var at time.Time
	var failing limiter
	for {
		if s := d.store.Current(); s != nil && s != served {
			d.ring.Sync(s)
			served = s
		}
		if served != nil && (time.Since(at) >= tendKeys || !served.SameKeys(tended)) {
			tended, at = served, time.Now()
			if err := d.tend(ctx, k, served); err != nil && ctx.Err() == nil && !errors.Is(err, keyring.ErrChanged) {
				failing.warn(d.log.Logger, "DKIM: keys could not be looked after", zap.Error(err), zap.String("remedy", remedyOf(err)))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (d *Daemon) tend(ctx context.Context, k *keyring.Keeper, s *store.Snapshot) error {
	d.mu.Lock()
	cfg, database := d.cfg, d.database
	d.mu.Unlock()
	k.Dir, k.Recorder, k.Times = cfg.DKIM.KeyDir, modoboa.Keys{DB: database.write}, cfg.KeyTimes()
	k.Make, k.Rotate, k.Published = cfg.makesKeys(s.Schema()), cfg.DKIM.RotateAfter.D(), d.ring.Published()
	return k.Tend(ctx, s)
}
