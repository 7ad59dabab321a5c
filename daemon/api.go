package daemon

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/api"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// api makes the REST API. On the control socket, which only its owner and root
// can open, everyone is the administrator of this machine.
func (d *Daemon) api(root bool) http.Handler {
	return api.New(api.Options{
		Manager: d.manager, Root: root, Sync: d.store.Sync, Lookup: d.lookUp, Explain: d.explain, ExplainLogin: d.explainLogin,
		Status: func() (api.Brief, any) { s := d.Status(); return briefly(s), s },
		DKIM:   d.apiKeys(), Limits: d.apiLimits(), Doctor: d.findingsForAPI, Alarms: d.alarms.local(), Done: d.apiDone, Jobs: d.apiJobs(), DNS: d.apiDNS(),
	})
}

// mountAPI adds it to a multiplexer.
func (d *Daemon) mountAPI(mux *http.ServeMux, root bool) {
	h := d.api(root)
	mux.Handle("/api/v1/", h)
	mux.Handle("/docs/api/", h)
}

// apiDone counts a request, and logs it if it changed something or failed.
func (d *Daemon) apiDone(r api.Record) {
	route := r.Route
	if route == "" {
		route = "none"
	}
	d.metrics.web.WithLabelValues(route, strconv.Itoa(r.Status)).Inc()
	fields := []zap.Field{
		zap.String("request", r.ID), zap.String("method", r.Method), zap.String("path", r.Path), zap.Int("status", r.Status),
		zap.String("caller", r.Caller), zap.String("client", r.Address), zap.Duration("took", r.Took),
	}
	switch {
	case r.Err != nil && r.Status == http.StatusInternalServerError:
		d.log.Error("API: an error of vmapd; please report it", append(fields, zap.Error(r.Err))...)
	case r.Err != nil:
		d.log.Warn("API", append(fields, zap.Error(r.Err), zap.String("remedy", remedyOf(r.Err)))...)
	case r.Status == http.StatusUnauthorized || r.Status == http.StatusTooManyRequests:
		d.unauthorized.warn(d.log.Logger, "API: somebody without a valid token", fields...)
	case r.Write:
		d.log.Info("API", fields...)
	}
}

// briefly is what everyone may know.
func briefly(s *Status) api.Brief {
	b := api.Brief{Ready: s.Ready, Reason: s.Reason, Version: s.Version}
	if s.Snapshot != nil {
		b.Generation, b.Age = s.Snapshot.Generation, s.Snapshot.Age
	}
	return b
}

// lookUp asks a table as Postfix does.
func (d *Daemon) lookUp(ctx context.Context, table, key string) (string, bool, error) {
	value, found, err := d.resolver.Lookup(ctx, nil, []byte(table), []byte(key))
	return string(value), found, err
}

// explain and explainLogin explain from the data being served, not from the
// database: that is what Postfix gets.
func (d *Daemon) explain(ctx context.Context, address string, may func(domain string) bool) (*lookup.Explanation, error) {
	snap, err := d.resolver.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return lookup.ExplainWithin(snap, d.config().LookupOptions(), address, time.Now(), may), nil
}

func (d *Daemon) explainLogin(ctx context.Context, name, service string) (*lookup.Explanation, error) {
	snap, err := d.resolver.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return d.explainLoginIn(snap, name, service), nil
}

// explainLoginIn explains a login with what it may send.
func (d *Daemon) explainLoginIn(snap *store.Snapshot, name, service string) *lookup.Explanation {
	x := lookup.ExplainLogin(snap, d.config().LookupOptions(), d.loginOf(name, service), time.Now())
	d.explainSending(x, snap, name)
	return x
}

// config returns the configuration in effect.
func (d *Daemon) config() *Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg
}
