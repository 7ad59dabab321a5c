package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/vmapd/vmapd/admin/page"
)

// rates remembers how many requests of each protocol were answered in each of
// the last seconds, for people to look at. The counters of the metrics are read
// once a second; requests know nothing of it.
type rates struct {
	mu    sync.Mutex
	rings map[string]*ring
}

// ring is the last seconds of one protocol.
type ring struct {
	total   float64 // of the counter, when it was last read
	seconds [page.RateSeconds]uint32
	next    int // the oldest, which is written next
	n       int // seconds that there are
}

// rated are the protocols whose requests are counted, in the order of the page.
var rated = []string{"socketmap", "tcp_table", "policy", "dict", "auth", "milter"}

func newRates() *rates {
	r := &rates{rings: map[string]*ring{}}
	for _, name := range rated {
		r.rings[name] = &ring{}
	}
	return r
}

// run reads the counters each second until ctx ends.
func (r *rates) run(ctx context.Context, totals func() map[string]float64) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			// A ticker drops ticks when the machine is busy, or has slept.
			seconds := int((now.Sub(last) + time.Second/2) / time.Second)
			if seconds > 0 {
				r.add(totals(), seconds)
				last = now
			}
		}
	}
}

// add notes the counters as they are after so many seconds.
func (r *rates) add(totals map[string]float64, seconds int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, g := range r.rings {
		g.add(totals[name], seconds)
	}
}

// add spreads what came since the last time over the seconds since.
func (g *ring) add(total float64, seconds int) {
	came := uint64(max(0, total-g.total))
	g.total = total
	for left := min(seconds, len(g.seconds)); left > 0; left-- {
		part := came / uint64(left)
		came -= part
		g.seconds[g.next] = uint32(min(part, 1<<32-1))
		g.next = (g.next + 1) % len(g.seconds)
		g.n = min(g.n+1, len(g.seconds))
	}
}

// list gives the rates, and the connections of those protocols.
func (r *rates) list(open map[string]int) []page.Rate {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []page.Rate
	for _, name := range rated {
		g := r.rings[name]
		p := page.Rate{Protocol: name, Connections: open[name], Seconds: make([]uint32, 0, g.n)}
		if name == "auth" {
			p.Connections += open["auth-master"]
		}
		for i := range g.n {
			p.Seconds = append(p.Seconds, g.seconds[(g.next-g.n+i+len(g.seconds))%len(g.seconds)])
		}
		list = append(list, p)
	}
	return list
}

// totals sums the counters of each protocol: lookups, logins and messages.
func (m *metrics) totals() map[string]float64 {
	sums := m.tallies.totals()
	sum(m.logins, func(v float64) { sums["auth"] += v })
	sum(m.messages, func(v float64) { sums["milter"] += v })
	return sums
}

// sum reads a family of counters.
func sum(c prometheus.Collector, add func(v float64)) {
	ch := make(chan prometheus.Metric, 64)
	go func() {
		c.Collect(ch)
		close(ch)
	}()
	for metric := range ch {
		var d dto.Metric
		if metric.Write(&d) != nil {
			continue // a counter never fails
		}
		add(d.Counter.GetValue())
	}
}
