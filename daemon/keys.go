package daemon

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/internal/resolve"
	"github.com/vmapd/vmapd/store"
)

// openKeys makes the ring of keys that sign.
func (d *Daemon) openKeys() {
	o := d.cfg.KeyOptions()
	o.Report = d.keyReport()
	var checker *dnscheck.Checker
	client, err := resolve.New(resolve.Options{Servers: d.cfg.DKIM.Resolvers})
	if err != nil { // a host without a resolver signs with the keys that it has
		d.log.Warn("DNS cannot be asked for DKIM keys: new ones are not used", zap.Error(err))
	} else {
		checker = dnscheck.New(client)
		o.Published = Published(checker)
	}
	d.published = o.Published
	d.ring = keyring.NewRing(o)
	d.records = newRecords(d.ring, checker, d.log.Logger)
}

// keyReport logs what becomes of keys.
func (d *Daemon) keyReport() func(keyring.Event) {
	log := d.log.Logger
	return func(e keyring.Event) {
		fields := []zap.Field{zap.String("domain", e.Domain), zap.String("selector", e.Selector), zap.String("what", e.Text)}
		if !e.Until.IsZero() {
			fields = append(fields, zap.Time("until", e.Until))
		}
		if e.Err == nil {
			log.Info("a key that signs mail", fields...)
			return
		}
		fields = append(fields, zap.Error(e.Err))
		if remedy := remedyOf(e.Err); remedy != "" {
			fields = append(fields, zap.String("remedy", remedy))
		}
		log.Warn("a key that signs mail", fields...)
	}
}

// runKeys reads keys until ctx ends, and watches their records in DNS. It tells
// the ring of new snapshots, which no message waits for: it asks for what its own
// snapshot names.
func (d *Daemon) runKeys(ctx context.Context) {
	reading, watching := newTask(ctx, d.ring.Run), newTask(ctx, d.records.run)
	defer reading.end()
	defer watching.end()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var known *store.Snapshot
	var listed, before uint64 // changes of the keys
	for snap, err := d.store.Wait(ctx); err == nil && ctx.Err() == nil; snap = d.store.Current() {
		if snap != known {
			known = snap
			d.ring.Sync(snap)
		}
		now := d.ring.Changes()
		if now != listed && now == before { // not while many are being read
			listed = now
			d.records.watcher.Changed()
		}
		before = now
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// noData is why a message is not signed when nothing is known of any domain.
const noData = "no_data"

// keys gives the keys that sign for a domain, or why there are none.
func (d *Daemon) keys(ctx context.Context, domain string) ([]*dkim.Key, string) {
	snap, err := d.store.Wait(ctx)
	if err != nil {
		return nil, noData
	}
	keys, why := d.ring.Keys(ctx, snap, domain)
	return keys, string(why)
}
