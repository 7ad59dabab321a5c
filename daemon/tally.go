package daemon

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vmapd/vmapd/lookup"
)

// result is how a request was answered, by the label it gets.
type result int

const (
	answerFound result = iota
	answerNotFound
	answerTemp
	answerError
	resultCount
)

func (r result) String() string { return [resultCount]string{"found", "notfound", "temp", "error"}[r] }

// resultOf judges an answer.
func resultOf(ok bool, err error) result {
	switch {
	case ok:
		return answerFound
	case err == nil:
		return answerNotFound
	case errors.Is(err, lookup.ErrNoData), errors.Is(err, lookup.ErrStale):
		return answerTemp
	}
	return answerError
}

// tally counts the requests of one protocol: how they were answered, by table,
// and how long that took. Connections count in stripes, which do not share a
// cache line: two processors that add to the same number wait for each other
// longer than a lookup takes.
type tally struct {
	protocol string
	tables   []string // labels; the last is unknownTable
	stripes  []stripe
}

const (
	maxTables   = 16
	stripeCount = 32
)

type stripe struct {
	results [maxTables][resultCount]atomic.Uint64
	buckets [maxBuckets]atomic.Uint64 // not cumulated; the last is for what took longest
	nanos   atomic.Uint64
	_       [16]byte // to a multiple of a cache line
}

// latency covers a lookup in memory (under a microsecond) and a request that
// is held for the first snapshot (seconds).
var latency = [maxBuckets - 1]time.Duration{
	time.Microsecond, 2 * time.Microsecond, 5 * time.Microsecond, 10 * time.Microsecond,
	20 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
	time.Second, 10 * time.Second,
}

const maxBuckets = 13

// striped is the context of a connection, which knows where it counts.
type striped struct {
	context.Context
	stripe uint64
}

// stripe returns where the connection of ctx counts.
func (t *tally) stripe(ctx context.Context) *stripe {
	if s, ok := ctx.(*striped); ok {
		return &t.stripes[s.stripe%stripeCount]
	}
	return &t.stripes[0]
}

// answered counts one answer.
func (s *stripe) answered(table int, r result) { s.results[table][r].Add(1) }

// took counts how long an answer took.
func (s *stripe) took(d time.Duration) {
	i := 0
	for i < len(latency) && d > latency[i] {
		i++
	}
	s.buckets[i].Add(1)
	s.nanos.Add(uint64(d))
}

// table returns the index of a table, that of unknownTable if there is no such
// table: clients cannot make labels.
func (t *tally) table(name string) int {
	if i := slices.Index(t.tables, name); i >= 0 {
		return i
	}
	return len(t.tables) - 1
}

// tallies are those of all protocols, and a prometheus.Collector of them.
type tallies struct {
	requests, seconds *prometheus.Desc

	mu  sync.Mutex
	all []*tally
}

func newTallies() *tallies {
	return &tallies{
		requests: prometheus.NewDesc("vmapd_requests_total", "Requests answered, by protocol, table and result (found, notfound, temp, error).", []string{"protocol", "table", "result"}, nil),
		seconds:  prometheus.NewDesc("vmapd_request_seconds", "Time to find an answer, without reading and writing.", []string{"protocol"}, nil),
	}
}

// of returns the tally of a protocol, whose tables are the same in all calls.
func (c *tallies) of(protocol string, tables []string) *tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.all {
		if t.protocol == protocol {
			return t
		}
	}
	if len(tables) >= maxTables {
		panic("daemon: too many tables to count: raise maxTables")
	}
	t := &tally{protocol: protocol, tables: append(slices.Clone(tables), unknownTable), stripes: make([]stripe, stripeCount)}
	c.all = append(c.all, t)
	return t
}

// Describe lists the metrics.
func (c *tallies) Describe(ch chan<- *prometheus.Desc) { ch <- c.requests; ch <- c.seconds }

// Collect adds up the stripes.
func (c *tallies) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	all := slices.Clone(c.all)
	c.mu.Unlock()
	for _, t := range all {
		for i, table := range t.tables {
			for r := range resultCount {
				ch <- prometheus.MustNewConstMetric(c.requests, prometheus.CounterValue, float64(t.sum(i, r)), t.protocol, table, r.String())
			}
		}
		count, seconds, buckets := t.times()
		ch <- prometheus.MustNewConstHistogram(c.seconds, count, seconds, buckets, t.protocol)
	}
}

// totals is how many requests were answered, by protocol.
func (c *tallies) totals() map[string]float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	sums := map[string]float64{}
	for _, t := range c.all {
		for table := range t.tables {
			for r := range resultCount {
				sums[t.protocol] += float64(t.sum(table, r))
			}
		}
	}
	return sums
}

// sum is how many requests for a table were answered so.
func (t *tally) sum(table int, r result) (n uint64) {
	for i := range t.stripes {
		n += t.stripes[i].results[table][r].Load()
	}
	return n
}

// times is the histogram of how long answers took, cumulated as Prometheus
// wants it, by bounds in seconds.
func (t *tally) times() (count uint64, seconds float64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(latency))
	for b := range maxBuckets {
		for i := range t.stripes {
			count += t.stripes[i].buckets[b].Load()
		}
		if b < len(latency) {
			buckets[latency[b].Seconds()] = count
		}
	}
	for i := range t.stripes {
		seconds += time.Duration(t.stripes[i].nanos.Load()).Seconds()
	}
	return count, seconds, buckets
}
