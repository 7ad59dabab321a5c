package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// rows is a store.Source with one mailbox.
type rows struct{}

func (rows) Load(_ context.Context, b *store.Builder) error {
	b.AddDomain(store.Domain{ID: 1, Name: "example.com", Type: store.LocalDomain, Enabled: true})
	b.AddAccount(store.Account{ID: 1, Username: "user@example.com", Email: "user@example.com", Active: true})
	b.AddMailbox(store.Mailbox{ID: 1, Local: "user", DomainID: 1, AccountID: 1})
	b.AddMailbox(store.Mailbox{ID: 2, Local: "nobody", DomainID: 9, AccountID: 1})
	return nil
}

// loadedStore is a Store with what rows has.
func loadedStore(t testing.TB) *store.Store {
	t.Helper()
	s := &store.Store{Settings: store.Settings{Source: rows{}, Reload: -1}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	if _, err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	return s
}

func TestMetricValues(t *testing.T) {
	m, s := newMetrics(), loadedStore(t)
	c := newCollector(s, func() map[string]int { return map[string]int{"socketmap": 3} })
	at := s.Status().Checked.Add(90 * time.Second)
	s.Now = func() time.Time { return at }
	m.registry.MustRegister(c)
	r := lookup.NewResolver(s, lookup.Options{})
	ask := m.count(context.Background(), "socketmap", r.Lookup)
	for _, q := range []struct{ table, key string }{
		{"mailboxes", "user@example.com"},
		{"mailboxes", "user@example.com"},
		{"mailboxes", "other@example.com"},
		{"sql-domains", "example.com"},
		{"no-such-table-1", "x"},
		{"no-such-table-2", "x"},
	} {
		ask(t.Context(), nil, []byte(q.table), []byte(q.key))
	}
	empty := lookup.NewResolver(&store.Store{Settings: store.Settings{Source: rows{}, Reload: -1}}, lookup.Options{})
	m.count(context.Background(), "tcp_table", empty.Lookup)(t.Context(), nil, []byte("aliases"), []byte("a@example.com"))
	want := `
vmapd_requests_total{protocol="socketmap",result="found",table="domains"} 1
vmapd_requests_total{protocol="socketmap",result="found",table="mailboxes"} 2
vmapd_requests_total{protocol="socketmap",result="notfound",table="mailboxes"} 1
vmapd_requests_total{protocol="socketmap",result="error",table="unknown"} 2
vmapd_requests_total{protocol="tcp_table",result="temp",table="aliases"} 1
vmapd_connections{protocol="socketmap"} 3
vmapd_snapshot_age_seconds 90
vmapd_snapshot_generation 1
vmapd_snapshot_rows{kind="domains"} 1
vmapd_snapshot_rows{kind="mailboxes"} 1
vmapd_snapshot_problems{kind="dangling_ref"} 1
vmapd_database_up 1
vmapd_request_seconds_count{protocol="socketmap"} 6
`
	got := scrape(t, m)
	for line := range strings.SplitSeq(strings.TrimSpace(want), "\n") {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("not there: %s", line)
		}
	}
	for _, forbidden := range []string{"no-such-table", "user@example.com"} {
		if strings.Contains(got, forbidden) {
			t.Errorf("%s is in the metrics", forbidden)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

// scrape gives what /metrics says, and no page with an error.
func scrape(t *testing.T, m *metrics) string {
	t.Helper()
	w := &recorder{header: http.Header{}}
	r, err := http.NewRequest(http.MethodGet, "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	m.handler(discard.Logger).ServeHTTP(w, r)
	if w.status != 0 && w.status != http.StatusOK {
		t.Fatalf("status %d: %s", w.status, w.body.String())
	}
	return w.body.String()
}

type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

func TestMetricsFollowTheRules(t *testing.T) {
	m := newMetrics()
	m.registry.MustRegister(newCollector(loadedStore(t), func() map[string]int { return map[string]int{"http": 1} }))
	m.count(context.Background(), "socketmap", func(_ context.Context, dst, _, _ []byte) ([]byte, bool, error) { return dst, false, nil })
	m.refused("socketmap", "too_many")
	m.protocolError("socketmap")
	m.refresh.WithLabelValues("full").Observe(1)
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]promlint.Problem(nil), problems); d != "" {
		t.Error(d)
	}
}

// TestTally: what connections count in their own stripes is added up.
func TestTally(t *testing.T) {
	m := newMetrics()
	answers := map[string]error{"held": lookup.ErrNoData, "old": lookup.ErrStale, "broken": errors.New("x")}
	ask := m.count(context.Background(), "socketmap", func(_ context.Context, dst, _, key []byte) ([]byte, bool, error) {
		return dst, string(key) == "here", answers[string(key)]
	})
	for conn := range uint64(100) {
		for _, q := range []string{"aliases here", "sql-aliases here", "aliases nowhere", "aliases held", "aliases old", "domains broken", "what here"} {
			table, key, _ := strings.Cut(q, " ")
			ask(&striped{context.Background(), conn}, nil, []byte(table), []byte(key))
		}
	}
	ask(context.Background(), nil, []byte("domains"), []byte("here"))
	got := scrape(t, m)
	for _, line := range []string{
		`vmapd_requests_total{protocol="socketmap",result="found",table="aliases"} 200`,
		`vmapd_requests_total{protocol="socketmap",result="notfound",table="aliases"} 100`,
		`vmapd_requests_total{protocol="socketmap",result="temp",table="aliases"} 200`,
		`vmapd_requests_total{protocol="socketmap",result="error",table="domains"} 100`,
		`vmapd_requests_total{protocol="socketmap",result="found",table="domains"} 1`,
		`vmapd_requests_total{protocol="socketmap",result="found",table="unknown"} 100`,
		`vmapd_requests_total{protocol="socketmap",result="found",table="transport"} 0`,
		`vmapd_request_seconds_count{protocol="socketmap"} 701`,
		`vmapd_request_seconds_bucket{protocol="socketmap",le="+Inf"} 701`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}

// TestTallyTimes: an answer counts in all buckets from its own time on.
func TestTallyTimes(t *testing.T) {
	counts := newTallies().of("dict", []string{"auth"})
	for i, d := range []time.Duration{time.Nanosecond, time.Microsecond, 1500 * time.Nanosecond, 10 * time.Second, time.Minute} {
		counts.stripes[i].took(d)
	}
	n, seconds, buckets := counts.times()
	if n != 5 || math.Abs(seconds-70.0000025) > 1e-6 || buckets[1e-6] != 2 || buckets[2e-6] != 3 || buckets[1] != 3 || buckets[10] != 4 {
		t.Errorf("%d answers, %v s, %v", n, seconds, buckets)
	}
	if size := unsafe.Sizeof(stripe{}); size%64 != 0 {
		t.Errorf("a stripe has %d bytes: it ends in the middle of a cache line", size)
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	ask := newMetrics().count(context.Background(), "socketmap", func(_ context.Context, dst, _, _ []byte) ([]byte, bool, error) { return dst, true, nil })
	table, key := []byte("virtual-aliases"), []byte("user@example.com")
	if n := testing.AllocsPerRun(1000, func() { ask(context.Background(), nil, table, key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkCount is what counting adds to a request; BenchmarkConnRead what
// the connection's bookkeeping adds.
func BenchmarkCount(b *testing.B) {
	next := func(_ context.Context, dst, _, _ []byte) ([]byte, bool, error) { return dst, true, nil }
	table, key, ctx := []byte("aliases"), []byte("user@example.com"), context.Background()
	for _, bench := range []struct {
		name string
		f    lookupFunc
	}{{"without", next}, {"with", newMetrics().count(ctx, "socketmap", next)}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bench.f(ctx, nil, table, key)
			}
		})
	}
	for _, n := range []int{2, 16} {
		f := newMetrics().count(ctx, "socketmap", next)
		b.Run(fmt.Sprintf("with/parallel-%d", n), func(b *testing.B) {
			b.SetParallelism(n / 2)
			var serial atomic.Uint64
			b.RunParallel(func(pb *testing.PB) {
				conn := &striped{ctx, serial.Add(1)}
				for pb.Next() {
					f(conn, nil, table, key)
				}
			})
		})
	}
}
