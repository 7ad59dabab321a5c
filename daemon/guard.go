package daemon

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/lookup/guard"
	"github.com/vmapd/vmapd/lookup/guard/redisguard"
	"github.com/vmapd/vmapd/store"
)

// watchman is the guard, and what it needs to outlast a restart and to hear of
// other nodes.
type watchman struct {
	*guard.Guard
	path   string            // where known places are kept
	shared *redisguard.Redis // nil: this node alone
	log    *zap.Logger
}

// openGuard makes the guard of the configuration. What is wrong with its file or
// with Redis stops no login.
func (d *Daemon) openGuard() *watchman {
	w := &watchman{path: filepath.Join(d.cfg.StateDir, "guard"), log: d.log.Logger}
	s := guard.Settings{Exempt: d.cfg.Guard.exempt}
	if url := d.cfg.Policy.Counters; strings.Contains(url, "://") {
		shared, err := redisguard.Open(url, redisguard.Options{})
		if err != nil {
			w.log.Error("logins are guarded by this node alone", zap.Error(err), zap.String("remedy", "correct policy.counters"))
		} else {
			w.shared, s.Shared = shared, shared
		}
	}
	var lines limiter
	s.OnShareError = func(err error) {
		lines.warn(w.log, "wrong passwords are counted by this node alone", zap.Error(err), zap.String("remedy", "check policy.counters and that Redis runs there"))
	}
	w.Guard = guard.New(s)
	f, err := os.Open(w.path)
	if err == nil {
		err = w.Load(f)
		err = errors.Join(err, f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.log.Warn("it is not known from where accounts have logged in", zap.String("file", w.path), zap.Error(err))
	}
	return w
}

// run shares what is counted and keeps known places on disk, until ctx ends.
func (w *watchman) run(ctx context.Context) {
	sharing := newTask(ctx, w.Run)
	for tick := time.NewTicker(time.Minute); ; {
		select {
		case <-tick.C:
			w.save()
			continue
		case <-ctx.Done():
		}
		tick.Stop()
		break
	}
	sharing.end()
	w.save()
	if w.shared != nil {
		_ = w.shared.Close()
	}
}

// save writes the known places: a new file that takes the place of the old one.
func (w *watchman) save() {
	f, err := os.CreateTemp(filepath.Dir(w.path), ".guard-*") // mode 0600
	if err == nil {
		if err = errors.Join(w.Save(f), f.Sync(), f.Close()); err == nil {
			err = os.Rename(f.Name(), w.path)
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}
	if err != nil {
		w.log.Warn("cannot keep from where accounts have logged in", zap.String("file", w.path), zap.Error(err))
	}
}

// authPolicy answers Dovecot's auth_policy_server_url, for those who keep
// Dovecot's own passwords. Who can report failures can have others refused, so
// it takes a key.
func (d *Daemon) authPolicy() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		key := d.cfg.Guard.PolicyKey
		d.mu.Unlock()
		if key == "" || d.logins == nil {
			plain(w, http.StatusNotFound, "set guard.policy_key")
			return
		}
		guard.PolicyHandler(d.logins.guard.Guard, guard.PolicyOptions{
			Key: key, Fold: store.Fold, Uncertain: func() bool { return d.unready() != "" },
			OnError: func(err error) { d.log.Debug("policy request not understood", zap.Error(err)) },
		}).ServeHTTP(w, r)
	})
}

// exemptOrDefault tells "not set" from "none": see guard.Settings.
func exemptOrDefault(list []netip.Prefix) []netip.Prefix {
	if list == nil {
		return []netip.Prefix{}
	}
	return list
}
