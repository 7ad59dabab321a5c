package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// Reload reads the configuration again, applies it, and reads the database
// again. An error in the configuration, or a socket that cannot be opened,
// leaves everything as it was; the database is read all the same. A failed
// read of the database is no error: the store logs it and goes on trying.
func (d *Daemon) Reload(ctx context.Context) error {
	d.reload.Lock()
	defer d.reload.Unlock()
	if d.handover.heir != nil {
		d.passOn(syscall.SIGHUP)
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	cfg, err := Load(d.path, d.overrides)
	if err != nil {
		err = fmt.Errorf("configuration: %w", err)
	} else {
		err = d.apply(ctx, cfg)
	}
	if err != nil {
		_ = d.store.Reload(ctx) // its errors are logged by loads.report
		return err
	}
	d.log.Info("reloaded the configuration", zap.String("file", cfg.Path))
	return nil
}

// plan is what a new configuration makes of the ports.
type plan struct {
	ports   []*port   // all of the new configuration, in its order
	started []*port   // those of them that are new or changed
	opened  []*socket // sockets bound for them
	moved   []*port   // old ports whose socket is taken over
	removed []*port   // old ports that end with their socket
	undo    []func()  // puts permissions back
}

// apply makes a configuration the one in effect, and reads the database with
// it.
func (d *Daemon) apply(ctx context.Context, cfg *Config) error {
	database, err := d.databaseFor(cfg)
	if err != nil {
		return err
	}
	d.mu.Lock()
	p, err := d.plan(cfg)
	if err != nil {
		d.mu.Unlock()
		if database != d.database {
			database.Close()
		}
		return err
	}
	d.switchPorts(p)
	d.needRestart(cfg)
	d.resolver.SetOptions(cfg.LookupOptions())
	d.signing.Store(cfg.signingSettings())
	d.ring.SetChoice(cfg.KeyOptions().Parents, cfg.KeyOptions().AliasTarget)
	d.ring.Rescan()
	if d.logins != nil {
		d.logins.SetOptions(cfg.loginOptions())
		d.sending.rules.SetSettings(cfg.Policy.rules)
	}
	d.log.Level.SetLevel(logLevel(cfg.Log.Level))
	d.store.Configure(database.settings(cfg))
	old := d.database
	d.cfg, d.database = cfg, database
	database.elsewhere = d.outside
	database.configure(cfg)
	d.settings.configure(cfg)
	for _, w := range cfg.Warnings {
		d.log.Warn("configuration", zap.String("warning", w))
	}
	d.checkLimit()
	d.mu.Unlock()

	_ = d.store.Reload(ctx) // its errors are logged by loads.report
	if old != database {
		old.Close() // the load that used it has ended
	}
	return nil
}

// databaseFor gives the database in use if the new configuration means the
// same one.
func (d *Daemon) databaseFor(cfg *Config) (*databases, error) {
	if cfg.Database.URL == d.cfg.Database.URL && cfg.password == d.cfg.password {
		return d.database, nil
	}
	return openDatabases(cfg)
}

// plan opens what the new configuration needs in addition. When it fails it
// has undone everything.
func (d *Daemon) plan(cfg *Config) (*plan, error) {
	p := &plan{}
	var errs []error
	kept := map[*port]bool{}
	for _, l := range cfg.Listen {
		old := d.portAt(l.endpoint)
		if old != nil {
			kept[old] = true
		}
		if err := d.planPort(p, old, l); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		for _, s := range p.opened {
			_ = s.Close()
		}
		for _, undo := range p.undo {
			undo()
		}
		return nil, err
	}
	for _, old := range d.ports {
		if !kept[old] {
			p.removed = append(p.removed, old)
		}
	}
	return p, nil
}

// portAt finds the port at an address.
func (d *Daemon) portAt(e Endpoint) *port {
	if i := slices.IndexFunc(d.ports, func(p *port) bool { return p.cfg.endpoint == e }); i >= 0 {
		return d.ports[i]
	}
	return nil
}

// planPort keeps, changes or makes one port.
func (d *Daemon) planPort(p *plan, old *port, l Listen) error {
	switch {
	case old == nil:
		n, err := d.openPort(l)
		if err != nil {
			return err
		}
		p.opened = append(p.opened, n.socket)
		p.ports, p.started = append(p.ports, n), append(p.started, n)
		return nil
	case same(old.cfg, l):
		p.ports = append(p.ports, old)
		if w, ok := old.service.(*web); ok {
			return w.loadCertificate(&l)
		}
		return nil
	}
	n, err := d.newPort(l, old.socket)
	if err != nil {
		return err
	}
	p.ports, p.started, p.moved = append(p.ports, n), append(p.started, n), append(p.moved, old)
	p.undo = append(p.undo, func() { _ = old.socket.adjust(&old.cfg) })
	if err := old.socket.adjust(&l); err != nil {
		return fmt.Errorf("change %s: %w", l.endpoint, err)
	}
	return nil
}

// adjust gives a socket that stays open other permissions and another
// backlog.
func (s *socket) adjust(l *Listen) error {
	if s.endpoint.Kind == Unix {
		if err := permit(s.endpoint.Path, l); err != nil {
			return err
		}
	}
	n := l.Backlog
	if n == 0 && s.endpoint.Kind != Systemd {
		n = math.MaxInt32 // as much as the system allows, whatever it was before
	}
	return s.setBacklog(n)
}

// switchPorts puts a plan into effect. Sockets that are taken over stay open
// throughout: connections that come in between wait in their backlog.
func (d *Daemon) switchPorts(p *plan) {
	for _, old := range p.moved {
		old.stop()
		d.retire(old)
	}
	for _, n := range p.started {
		n.start()
		d.log.Info("listening", zap.String("protocol", n.cfg.Protocol), zap.Stringer("address", n.cfg.endpoint))
	}
	for _, old := range p.removed {
		old.stop()
		_ = old.socket.Close()
		d.log.Info("no longer listening", zap.String("protocol", old.cfg.Protocol), zap.Stringer("address", old.cfg.endpoint))
		d.retire(old)
	}
	d.ports = p.ports
}

// retire lets the connections of a stopped port finish in the background. The
// clients come back by themselves.
func (d *Daemon) retire(p *port) {
	d.retired.Go(func() {
		ctx, cancel := context.WithTimeout(d.hurry, DrainTimeout)
		defer cancel()
		p.drain(ctx)
	})
}

// needRestart names the changes that a running daemon cannot follow.
func (d *Daemon) needRestart(cfg *Config) {
	for _, key := range afterRestart(d.cfg, cfg) {
		d.log.Warn("a changed setting takes effect after a restart only", zap.String("setting", key))
	}
}

// openConnections counts the connections by protocol.
func (d *Daemon) openConnections() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := map[string]int{}
	for _, p := range d.ports {
		n[p.cfg.Protocol] += p.gate.open()
	}
	return n
}

// uptime is the time since New, in whole seconds.
func (d *Daemon) uptime() time.Duration { return time.Since(d.began).Round(time.Second) }
