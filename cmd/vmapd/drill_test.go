package main_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
)

// failureDrill is one way to fail, and what must come of it.
// docs/failure-modes.md describes them all.
type failureDrill struct {
	name    string
	engines string // at which it is held
	quick   string // at which it is held by "go test" too
	hold    func(*stage)
}

// failureDrills lists them all.
func failureDrills() []failureDrill {
	const servers, all = "postgres mariadb", "postgres mariadb sqlite"
	return slices.Concat(
		outageDrills(servers),
		restartDrills(all),
		diskDrills(),
		fileDrills(),
		schemaDrills(all),
		captureDrills(all),
		nodeDrills(),
		sqliteDrills(),
		clockDrills(),
		spoolDrills(servers),
		commitDrills(all),
	)
}

// TestDrills holds the drills that are quick. "make drill" holds them all, with
// more data and for longer.
func TestDrills(t *testing.T) {
	if testing.Short() {
		t.Skip("takes most of a minute")
	}
	limits := drillLimits{hold: time.Second, before: 300 * time.Millisecond, recovery: 10 * time.Second, gap: 2 * time.Second, ratio: 0.1}
	holdDrills(t, drillSize{domains: 10, mailboxes: 20}, limits, func(d failureDrill) string { return d.quick })
}

// holdDrills holds drills engine by engine, and prints the table.
func holdDrills(t *testing.T, size drillSize, limits drillLimits, engines func(failureDrill) string) {
	binary := drill.Binary(t)
	var results []*drill.Result
	for _, engine := range []string{"postgres", "mariadb", "sqlite"} {
		t.Run(engine, func(t *testing.T) {
			site := newDrillSite(t, engine, binary, size, limits)
			for _, d := range failureDrills() {
				if slices.Contains(strings.Fields(engines(d)), engine) {
					if r := site.hold(t, d); r != nil {
						results = append(results, r)
					}
				}
			}
		})
	}
	fmt.Fprint(t.Output(), drill.Table(results))
}

// hold holds a drill, unless it is left out, and once more if it took too long on a machine that
// stalled meanwhile.
func (s *drillSite) hold(t *testing.T, d failureDrill) *drill.Result {
	r, slow := s.holdOnce(t, d, d.name)
	if r == nil {
		return nil
	}
	if len(slow) > 0 && !r.Failed && s.limits.again && r.Idle > s.limits.gap {
		t.Logf("%s: the machine stalled for %v: once more", d.name, r.Idle)
		r, slow = s.holdOnce(t, d, d.name+" again")
	}
	for _, line := range slow {
		r.Failed = true
		t.Errorf("%s: %s", d.name, line)
	}
	return r
}

func (s *drillSite) holdOnce(t *testing.T, d failureDrill, name string) (*drill.Result, []string) {
	g := &stage{drillSite: s, url: s.direct, result: &drill.Result{Drill: d.name, Engine: s.engine}}
	ran := false
	ok := t.Run(name, func(t *testing.T) {
		g.T, ran = t, true
		g.idle = drill.NewIdle(t)
		d.hold(g)
		if len(g.slow) > 0 && g.v != nil {
			t.Logf("%s\nlog of vmapd:\n%s", strings.Join(g.slow, "\n"), g.v.Log(t))
		}
	})
	if !ran || g.Skipped() { // left out by -run, or not possible here
		return nil, nil
	}
	s.start(t) // a drill that failed may have left it down
	g.result.Failed = !ok
	return g.result, g.slow
}
