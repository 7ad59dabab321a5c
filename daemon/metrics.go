package daemon

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/dkim/milter"
	"github.com/vmapd/vmapd/lookup"
)

// lookupFunc is the LookupFunc of the wire packages.
type lookupFunc = func(ctx context.Context, dst, table, key []byte) (value []byte, found bool, err error)

// metrics holds what the daemon counts, in a registry of its own. What others
// know already (snapshot, connections) is read by the collector at a scrape.
type metrics struct {
	registry *prometheus.Registry

	tallies        *tallies // of requests
	refusals       *prometheus.CounterVec
	protocolErrors *prometheus.CounterVec
	refresh        *prometheus.HistogramVec
	refreshErrors  prometheus.Counter
	panics         prometheus.Counter
	changes        prometheus.Counter
	missed         prometheus.Counter
	lost           prometheus.Counter
	fileErrors     prometheus.Counter
	logins         *prometheus.CounterVec
	outside        *prometheus.CounterVec
	messages       *prometheus.CounterVec
	decisions      *prometheus.CounterVec
	policyErrors   prometheus.Counter
	shadow         *prometheus.CounterVec
	written        prometheus.Counter
	writeErrors    prometheus.Counter
	web            *prometheus.CounterVec
}

func newMetrics() *metrics {
	single := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry:       prometheus.NewRegistry(),
		tallies:        newTallies(),
		refusals:       counter("vmapd_connections_refused_total", "Connections that were closed at once (not_allowed, too_many) or to make room (evicted).", "protocol", "reason"),
		protocolErrors: counter("vmapd_protocol_errors_total", "Requests that broke the protocol or did not arrive completely in time.", "protocol"),
		refresh: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "vmapd_refresh_seconds", Help: "Time of a good read of the database, by kind: full, delta (changes that were followed), audit (comparison after a full read).",
			Buckets: []float64{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100},
		}, []string{"kind"}),
		refreshErrors: single("vmapd_refresh_failures_total", "Reads of the database that failed."),
		panics:        single("vmapd_panics_total", "Connections that ended in a panic, which is a bug."),
		changes:       single("vmapd_changes_total", "Rows that changed in the database and are served so."),
		missed:        single("vmapd_changes_missed_total", "Rows that an audit found to have changed without being followed; they are served since. Always 0, or change capture has a hole."),
		lost:          single("vmapd_changes_lost_total", "Times that the log of changes did not lead to the present, so that everything was read again."),
		fileErrors:    single("vmapd_snapshot_file_errors_total", "Failures to write or to use the snapshot on disk."),
	}
	m.logins = counter("vmapd_auth_total", "Logins that were decided, by service and result (ok, temp, or why they failed).", "service", "result")
	m.outside = counter("vmapd_outside_total", "Questions about passwords that are kept elsewhere, by source (ldap, smtp) and result (right, wrong, temp, busy).", "source", "result")
	m.messages = counter("vmapd_dkim_messages_total", "Messages that milters have seen, by result (signed, foreign for those of clients that are not signed for, or why one is unsigned).", "result")
	for _, result := range []string{milter.Signed, milter.AlreadySigned, milter.Foreign, milter.NoKey, milter.KeyLoading, milter.Failed} {
		m.messages.WithLabelValues(result) // there from the start, at 0
	}
	m.decisions = counter("vmapd_policy_total", "Policy requests, by action (dunno, defer_if_permit, defer, reject, reply for a reply code; none: no answer, for lack of data).", "action")
	for _, action := range policyActions {
		m.decisions.WithLabelValues(action) // there from the start, at 0
	}
	m.policyErrors = single("vmapd_policy_failures_total", "Rules of the policy service that failed and were left out, which is a bug.")
	m.shadow = counter("vmapd_shadow_total", "Lookups that were compared with the SQL maps of [shadow], by table and result (same, different, intended: different as is meant).", "table", "result")
	m.written = single("vmapd_spool_applied_total", "Writes of the mail side that reached the database.")
	m.writeErrors = single("vmapd_spool_errors_total", "Failures of the spool, or to write what is in it to the database.")
	m.web = counter("vmapd_http_requests_total", "Requests to the API that were answered, by route and status.", "route", "status")
	for _, kind := range []string{"full", "delta", "audit"} {
		m.refresh.WithLabelValues(kind) // there from the start, at 0
	}
	version := Version()
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "vmapd_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
	m.registry.MustRegister(m.tallies, m.refusals, m.protocolErrors, m.refresh, m.refreshErrors, m.panics, m.changes, m.missed, m.lost, m.fileErrors, m.logins, m.messages, m.shadow, m.written, m.writeErrors, m.web, m.outside, m.decisions, m.policyErrors, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// handler serves /metrics.
func (m *metrics) handler(log *zap.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: zap.NewStdLog(log), MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

func (m *metrics) refused(protocol, reason string) {
	m.refusals.WithLabelValues(protocol, reason).Inc()
}

func (m *metrics) protocolError(protocol string) {
	m.protocolErrors.WithLabelValues(protocol).Inc()
}

// unknownTable is the label of all tables that do not exist: clients cannot
// make labels.
const unknownTable = "unknown"

// count wraps a lookup with counting. It costs two looks at the clock, one map
// access and three additions, and does not allocate. The context of the
// connection, which ends when a drain begins, is replaced by ctx: a request
// that is held for the first data still gets its chance then.
func (m *metrics) count(ctx context.Context, protocol string, next lookupFunc) lookupFunc {
	var names []string
	byName := map[string]int{}
	for i, t := range lookup.Tables() {
		names = append(names, t.Name)
		for _, name := range append([]string{t.Name}, t.Synonyms...) {
			byName[name], byName["sql-"+name] = i, i
		}
	}
	counts, unknown := m.tallies.of(protocol, names), len(names)
	began := time.Now() // Since reads one clock where Now reads two
	return func(conn context.Context, dst, table, key []byte) ([]byte, bool, error) {
		start := time.Since(began)
		value, ok, err := next(ctx, dst, table, key)
		i, known := byName[string(table)]
		if !known {
			i = unknown
		}
		s := counts.stripe(conn)
		s.answered(i, resultOf(ok, err))
		s.took(time.Since(began) - start)
		return value, ok, err
	}
}
