package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/lookup/usage"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/spool"
)

// writes keeps what the mail side reports (quota usage, last logins) in the
// spool until the database has it. It is the spool's Sink: each batch goes to
// the database that is configured then.
type writes struct {
	spool   *spool.Spool // nil if it could not be opened: nothing can be acknowledged
	sink    func() *modoboa.WriteBack
	metrics *metrics
	log     *zap.Logger

	mu     sync.Mutex
	failed string // the last error that was logged
	logged time.Time
}

// openWrites opens the spool below the state folder.
func (d *Daemon) openWrites() *writes {
	w := &writes{metrics: d.metrics, log: d.log.Logger, sink: func() *modoboa.WriteBack {
		d.mu.Lock()
		defer d.mu.Unlock()
		return &modoboa.WriteBack{DB: d.database.write, Parameters: d.database.overrides}
	}}
	// Where the folder cannot be made, opening says so.
	_ = os.MkdirAll(d.cfg.StateDir, 0o750)
	s, err := spool.Open(filepath.Join(d.cfg.StateDir, "spool.db"), spool.Options{OnApply: w.applied, OnError: w.report})
	if err != nil {
		d.log.Error("no spool: quota and last logins cannot be taken", zap.Error(err), zap.String("remedy", remedyOf(err)))
		return w
	}
	w.spool = s
	return w
}

// run takes what is in the spool to the database until ctx ends.
func (w *writes) run(ctx context.Context) {
	if w.spool == nil {
		return
	}
	if err := w.spool.Run(ctx, w); err != nil {
		w.report(err)
	}
}

// close makes what is in the spool safe. Nothing can be put into it any more.
func (w *writes) close() {
	if w.spool == nil {
		return
	}
	if err := w.spool.Close(); err != nil {
		w.report(err)
	}
}

// Apply writes a batch to the database.
func (w *writes) Apply(ctx context.Context, batch []spool.Write) error {
	return w.sink().Apply(ctx, batch)
}

func (w *writes) applied(rows int, took time.Duration) {
	w.metrics.written.Add(float64(rows))
	w.log.Debug("wrote to the database what mail servers reported", zap.Int("rows", rows), zap.Duration("took", took))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != "" {
		w.failed = ""
		w.log.Info("what mail servers reported can be written to the database again")
	}
}

// report logs a failure, the same one once a minute.
func (w *writes) report(err error) {
	w.metrics.writeErrors.Inc()
	w.mu.Lock()
	defer w.mu.Unlock()
	if text := err.Error(); text == w.failed && time.Since(w.logged) < repeatFailure {
		return
	} else {
		w.failed, w.logged = text, time.Now()
	}
	var damaged *spool.DamagedError
	if errors.As(err, &damaged) {
		w.log.Error("the spool was damaged and moved aside: writes that the database did not have yet are in that file alone", zap.Error(err), zap.String("remedy", remedyOf(err)))
		return
	}
	w.log.Error("cannot write what mail servers reported; what was acknowledged is kept", zap.Error(err), zap.String("remedy", remedyOf(err)))
}

// begin gives writes their place in the spool.
func (w *writes) begin(writes ...spool.Write) (wait func(context.Context) error, err error) {
	if w.spool == nil {
		return nil, errors.New("nothing can be kept: the spool could not be opened, see the log of the start")
	}
	return w.spool.Begin(writes...)
}

// Pending implements usage.Journal.
func (w *writes) Pending(address string) (f usage.Figures, ok bool) {
	if w.spool == nil {
		return f, false
	}
	write, ok := w.spool.Get(modoboa.KindQuota, address)
	if ok {
		f.Bytes, f.Messages, _ = modoboa.ParseQuota(write.Value) // our own
	}
	return f, ok
}

// All implements usage.Journal.
func (w *writes) All(yield func(address string, f usage.Figures) bool) {
	if w.spool == nil {
		return
	}
	for write := range w.spool.Each(modoboa.KindQuota) {
		size, messages, err := modoboa.ParseQuota(write.Value)
		if err == nil && !yield(write.Key, usage.Figures{Bytes: size, Messages: messages}) {
			return
		}
	}
}

// Begin implements usage.Journal.
func (w *writes) Begin(address string, f usage.Figures) (wait func(context.Context) error, err error) {
	return w.begin(modoboa.QuotaWrite(address, f.Bytes, f.Messages, time.Now()))
}

// lastLogin keeps the time of a login.
func (w *writes) lastLogin(username string, at time.Time) (wait func(context.Context) error, err error) {
	return w.begin(modoboa.LastLoginWrite(username, at))
}

// stats gives the state of the spool.
func (w *writes) stats() spool.Stats {
	if w == nil || w.spool == nil {
		return spool.Stats{}
	}
	return w.spool.Stats()
}

// spoolCollector shows the spool at a scrape.
func spoolCollector(stats func() spool.Stats) prometheus.Collector {
	gauge := func(name, help string, value func(spool.Stats) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value(stats())) })
	}
	return gauges{
		gauge("vmapd_spool_pending", "Writes that are acknowledged and wait for the database.", func(s spool.Stats) int { return s.Pending }),
		gauge("vmapd_spool_dead", "Writes that the database refused and that were set aside.", func(s spool.Stats) int { return s.Dead }),
	}
}

// gauges is several collectors as one.
type gauges []prometheus.Collector

// Describe lists the metrics.
func (c gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, one := range c {
		one.Describe(ch)
	}
}

// Collect reads the values.
func (c gauges) Collect(ch chan<- prometheus.Metric) {
	for _, one := range c {
		one.Collect(ch)
	}
}
