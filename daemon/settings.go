package daemon

import (
	"context"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// readSettings is how often Modoboa's parameters are read again.
const readSettings = 10 * time.Second

// settings keeps Modoboa's parameters.
type settings struct {
	book  *parameters.Book
	hurry chan struct{} // has one element if they are to be read at once
	log   *zap.Logger

	failed string // the last error that was logged
	logged time.Time
}

// ParametersPath gives the file in which a daemon with that state folder keeps
// the last good parameters of Modoboa. There are passwords in it.
func ParametersPath(stateDir string) string { return filepath.Join(stateDir, "parameters.json") }

// Overrides gives Modoboa's parameters that the section [modoboa] sets.
func (c *Config) Overrides() parameters.Overrides { return c.Modoboa.overrides }

func (d *Daemon) openSettings() *settings {
	s := &settings{hurry: make(chan struct{}, 1), log: d.log.Logger}
	var err error
	if s.book, err = parameters.OpenBook(ParametersPath(d.cfg.StateDir), d.database.read.Name, d.cfg.Overrides()); err != nil {
		s.log.Warn("the parameters of Modoboa that were kept cannot be used: its defaults are, until the database is read", zap.Error(err))
	}
	return s
}

// configure has a new configuration take effect.
func (s *settings) configure(cfg *Config) {
	s.book.Override(cfg.Overrides())
	select {
	case s.hurry <- struct{}{}:
	default: // they will be
	}
}

// Parameters returns Modoboa's parameters as they were last read. Nothing is
// read for it.
func (d *Daemon) Parameters() *parameters.Set { return d.settings.book.Current() }

// keepSettings reads them again and again, until ctx ends.
func (d *Daemon) keepSettings(ctx context.Context) {
	tick := time.NewTicker(readSettings)
	defer tick.Stop()
	for ctx.Err() == nil {
		d.refreshSettings(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-d.settings.hurry:
		}
	}
}

// refreshSettings reads them. While the database is away the store says so;
// here it is not worth a line.
func (d *Daemon) refreshSettings(ctx context.Context) {
	s := d.settings
	d.mu.Lock()
	read := d.database.read
	d.mu.Unlock()
	changed, err := s.book.Refresh(ctx, read)
	d.configureOutside()
	switch {
	case err == nil:
		s.failed = ""
	case d.store.Status().DatabaseUp && ctx.Err() == nil:
		s.report(err)
	}
	if !changed {
		return
	}
	s.log.Info("Modoboa's parameters changed")
	for _, p := range s.book.Current().Problems() {
		s.log.Warn("a parameter of Modoboa's", zap.String("parameter", p.Name), zap.String("problem", p.Text))
	}
}

// report logs a failure, the same one once a minute.
func (s *settings) report(err error) {
	if text := err.Error(); text != s.failed || time.Since(s.logged) >= repeatFailure {
		s.failed, s.logged = text, time.Now()
		s.log.Warn("Modoboa's parameters: the last good ones stay in effect", zap.Error(err), zap.String("remedy", remedyOf(err)))
	}
}
