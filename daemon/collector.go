package daemon

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/vmapd/vmapd/store"
)

// collector reads at a scrape what the store and the listeners know.
type collector struct {
	store       *store.Store
	connections func() map[string]int // open ones by protocol

	age, generation, rows, problems, up, following, open *prometheus.Desc
}

func newCollector(s *store.Store, connections func() map[string]int) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &collector{
		store: s, connections: connections,
		age:        desc("vmapd_snapshot_age_seconds", "Time since the data served was last known to equal the database; absent before the first read."),
		generation: desc("vmapd_snapshot_generation", "Number of the data served, counted from 1; 0 before the first read."),
		rows:       desc("vmapd_snapshot_rows", "Rows served, by kind.", "kind"),
		problems:   desc("vmapd_snapshot_problems", "Rows of the database with something wrong, by kind; vmapd status shows them.", "kind"),
		up:         desc("vmapd_database_up", "1 if the last read of the database went well."),
		following:  desc("vmapd_following", "1 if changes are followed, 0 if everything is read again and again."),
		open:       desc("vmapd_connections", "Connections open now, by protocol.", "protocol"),
	}
}

// Describe lists the metrics.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.age, c.generation, c.rows, c.problems, c.up, c.following, c.open} {
		ch <- d
	}
}

// Collect reads the values.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	st := c.store.Status()
	gauge(c.up, truth(st.DatabaseUp))
	gauge(c.following, truth(st.Following))
	gauge(c.generation, float64(st.Generation))
	for protocol, n := range c.connections() {
		gauge(c.open, float64(n), protocol)
	}
	snap := c.store.Current()
	if snap == nil {
		return
	}
	gauge(c.age, st.Age.Seconds())
	for kind, n := range snap.Counts().All() {
		gauge(c.rows, float64(n), kind)
	}
	totals := snap.ProblemTotals()
	for _, kind := range []store.ProblemKind{store.BadValue, store.Collision, store.DanglingRef} {
		gauge(c.problems, float64(totals[kind]), string(kind))
	}
}

// truth is how Prometheus spells a boolean.
func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
