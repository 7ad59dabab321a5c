package main_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
)

// stage is one drill at work: a daemon, clients that ask it without pause, and
// what they saw.
type stage struct {
	*testing.T
	*drillSite
	url     string // of the database, around the proxy
	proxy   *drill.Proxy
	v       *drill.Vmapd
	clients *drill.Clients
	idle    *drill.Idle
	before  *drill.Tally
	result  *drill.Result
	slow    []string      // what took too long, which the machine may be to blame for
	lasts   time.Duration // how long a fault lasts, if not as long as the site says
	patient time.Duration // how long a recovery may take, if not as long as the site says
}

// impatient makes who asks before there is data wait a moment only: drills
// without data count how often clients are told to try again.
const impatient = "[lookup]\nhold = \"100ms\""

// set prepares a daemon for the site's database, behind a proxy if there is a
// server, and starts nothing. more is added to its configuration.
func (g *stage) set(more ...string) {
	g.Helper()
	url := g.url
	if g.server != nil {
		g.proxy, url = g.drillSite.proxy(g.T, g.url)
	}
	g.v = g.vmapd(url, "", more...)
}

// vmapd prepares a daemon for a database.
func (g *stage) vmapd(url, state string, more ...string) *drill.Vmapd {
	g.Helper()
	config := fmt.Sprintf("[database]\nurl = %q\n%s", url, strings.Join(more, "\n"))
	return drill.NewVmapd(g.T, g.binary, state, config)
}

// run starts the daemon, waits until it serves, and lets clients ask until the
// rate of answers is known.
func (g *stage) run() {
	g.Helper()
	g.v.Start(g.T)
	g.v.AwaitReady(g.T)
	g.ask()
}

// ask lets clients ask and measures their rate.
func (g *stage) ask() {
	g.Helper()
	g.clients = drill.Ask(g.T, g.v.Socket, 2, g.size.probes())
	time.Sleep(100 * time.Millisecond) // caches
	g.judge("warming up", g.clients.Turn())
	time.Sleep(g.limits.before)
	g.idle.Turn()
	g.before = g.judge("before", g.clients.Turn())
}

// fault brings a fault about and lets it last, while answers must go on as if
// nothing were. The fault goes on afterwards: then is what to look at meanwhile.
func (g *stage) fault(what func(), then func()) {
	g.Helper()
	what()
	time.Sleep(cmp.Or(g.lasts, g.limits.hold))
	if then != nil {
		then()
	}
	during := g.judge("during the fault", g.clients.Turn())
	g.rate(during)
}

// heal ends a fault, and measures how long it takes until a change that is
// committed then is served.
func (g *stage) heal(how func()) {
	g.Helper()
	how()
	g.recover(time.Now(), g.v)
	g.judge("after the fault", g.clients.Turn())
}

// recover commits a change and waits until it is served. began is when that had
// become possible.
func (g *stage) recover(began time.Time, v *drill.Vmapd) {
	g.Helper()
	name := g.change(g.T, g.url)
	awaitServed(g.T, v.Socket, name, time.Minute)
	g.recovered(time.Since(began))
}

func (g *stage) recovered(d time.Duration) {
	g.result.Recovery = max(g.result.Recovery, d)
	if limit := cmp.Or(g.patient, g.limits.recovery); d > limit {
		g.slow = append(g.slow, fmt.Sprintf("a change is served %v after the end of the fault; want %v", d, limit))
	}
}

// rate compares the rate of answers with that before the fault.
func (g *stage) rate(during *drill.Tally) {
	ratio := during.Rate() / g.before.Rate()
	if g.result.Ratio == 0 || ratio < g.result.Ratio {
		g.result.Ratio = ratio
	}
	if ratio < g.limits.ratio {
		g.slow = append(g.slow, fmt.Sprintf("answers come at %.2f of their rate before the fault; want %.2f", ratio, g.limits.ratio))
	}
}

// allowance is what clients may see besides right answers.
type allowance uint8

const (
	temp   allowance = iota // they are told to try again
	broken                  // the daemon is away for a while
)

// judge takes what clients saw into the result. Nothing may be wrong, and
// nobody be told to try again unless that is allowed.
func (g *stage) judge(when string, s *drill.Tally, allow ...allowance) *drill.Tally {
	g.Helper()
	g.Logf("%s: %v", when, s)
	r, idle := g.result, g.idle.Turn()
	r.Wrong += s.Wrong + s.NotFound
	r.NotFound += s.NotFound
	r.Gap, r.Idle = max(r.Gap, s.Gap), max(r.Idle, idle)
	if s.Wrong+s.NotFound > 0 {
		g.Errorf("%s: wrong answers, such as\n%s", when, strings.Join(s.Examples, "\n"))
	}
	if s.Temp > 0 && !slices.Contains(allow, temp) {
		r.Temp += s.Temp
		g.Errorf("%s: %d times \"try again\"", when, s.Temp)
	}
	if s.Broken > 0 && !slices.Contains(allow, broken) {
		g.Errorf("%s: %d broken connections", when, s.Broken)
	}
	if limit := g.limits.gap + 2*idle; s.Gap > limit && !slices.Contains(allow, broken) {
		g.slow = append(g.slow, fmt.Sprintf("%s: no answer for %v; want %v", when, s.Gap, limit))
	}
	return s
}

// end looks whether what is served is what is in the database, which a reload
// does: it compares.
func (g *stage) end() {
	g.Helper()
	if out, status := g.v.Run(g.T, "reload"); status != 0 {
		g.Errorf("vmapd reload: %s", out)
	}
	drill.Await(g.T, time.Minute, "the reload is compared", func() bool { return g.v.Metric(g.T, "vmapd_refresh_seconds_count{kind=\"audit\"}") > 0 })
	if n := g.v.Metric(g.T, "vmapd_changes_missed_total"); n != 0 {
		g.Errorf("%v changes had been missed", n)
	}
	g.judge("in the end", g.clients.Stop())
	g.v.Stop(g.T)
}

// metric waits until a metric has a value.
func (g *stage) metric(name string, want float64) {
	g.Helper()
	drill.Await(g.T, time.Minute, fmt.Sprintf("%s is %v", name, want), func() bool { return g.v.Metric(g.T, name) == want })
}

// rises waits until a metric is above a value.
func (g *stage) rises(name string, above float64) {
	g.Helper()
	drill.Await(g.T, time.Minute, fmt.Sprintf("%s is above %v", name, above), func() bool { return g.v.Metric(g.T, name) > above })
}

// logs waits until the log has all the words in one line.
func (g *stage) logs(words ...string) {
	g.Helper()
	drill.Await(g.T, time.Minute, fmt.Sprintf("the log has a line with %q", words), func() bool {
		for line := range strings.Lines(g.v.Log(g.T)) {
			has := 0
			for _, w := range words {
				if strings.Contains(line, w) {
					has++
				}
			}
			if has == len(words) {
				return true
			}
		}
		return false
	})
}
