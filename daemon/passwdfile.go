package daemon

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/store"
)

// PasswdFileReport says what became of a passwd-file.
type PasswdFileReport struct {
	Path  string   `json:"path"`
	Users int      `json:"users"`
	Left  []string `json:"left,omitempty"` // addresses that the format cannot hold
}

// WritePasswdFile writes Dovecot's passwd-file: a new one beside it, mode 0640,
// that takes its place when it is on the disk. Dovecot reads it again by itself.
func (c *Config) WritePasswdFile(path string, s *store.Snapshot) (r PasswdFileReport, err error) {
	r.Path = path
	gid, err := lookupGroup(c.Dovecot.PasswdFileGroup)
	if err != nil {
		return r, fmt.Errorf("dovecot.passwd_file_group: %w", err)
	}
	remedy := ": the folder must be writable for the user that runs vmapd"
	err = store.ReplaceFile(path, func(f *os.File) error {
		remedy = ""
		if _, err := fmt.Fprintf(f, "# made by vmapd %s: changes are lost\n", time.Now().UTC().Format(time.RFC3339)); err != nil {
			return err
		}
		o := c.loginOptions()
		if r.Users, r.Left, err = o.WritePasswdFile(f, s); err != nil {
			return err
		}
		if gid >= 0 {
			if err := f.Chown(-1, gid); err != nil {
				return err
			}
		}
		return f.Chmod(0o640)
	})
	if err != nil {
		return r, fmt.Errorf("write the passwd-file %s: %w%s", path, err, remedy)
	}
	return r, nil
}

// passwdFilePause is the shortest time between two passwd-files.
const passwdFilePause = 10 * time.Second

// keepPasswdFile writes the passwd-file of the configuration, if it names one,
// soon after each change, until ctx ends.
func (d *Daemon) keepPasswdFile(ctx context.Context) {
	var written uint64 // generation
	var path string
	for tick := time.NewTicker(time.Second); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		d.mu.Lock()
		cfg := d.cfg
		d.mu.Unlock()
		s := d.store.Current()
		if cfg.Dovecot.PasswdFile == "" || s == nil || s.Generation() == written && path == cfg.Dovecot.PasswdFile {
			continue
		}
		r, err := cfg.WritePasswdFile(cfg.Dovecot.PasswdFile, s)
		switch {
		case err != nil:
			d.log.Error("the passwd-file is not up to date", zap.Error(err))
		case len(r.Left) > 0:
			d.log.Warn("addresses that a passwd-file cannot hold were left out", zap.Int("number", len(r.Left)), zap.String("first", r.Left[0]))
		}
		written, path = s.Generation(), cfg.Dovecot.PasswdFile
		select {
		case <-ctx.Done():
		case <-time.After(passwdFilePause):
		}
	}
}
