package main_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
)

// restartDrills take the daemon away.
func restartDrills(all string) []failureDrill {
	return []failureDrill{
		{"vmapd killed", all, "", func(g *stage) { g.restart(nil, nil) }},
		{"vmapd killed, database down", "postgres mariadb", "", func(g *stage) { g.restart(g.kill, g.startServer) }},
		{"vmapd killed, network stalls", "postgres mariadb", "postgres", func(g *stage) { g.restart(func() { g.proxy.Stall() }, g.mend) }},
		{"vmapd killed again and again", "postgres", "", killedOften},
	}
}

// restart kills the daemon while it is asked, and starts it again with the
// database there or away: right answers come at once, from the disk.
func (g *stage) restart(away, back func()) {
	g.set()
	g.run()
	g.awaitStored(g.v)
	if away != nil {
		away()
	}
	g.v.Kill()
	g.judge("until the kill", g.clients.Turn(), broken)
	began := time.Now()
	g.v.Start(g.T)
	up := time.Since(began)
	drill.Await(g.T, time.Minute, "the snapshot on disk is served", g.v.Ready)
	time.Sleep(g.limits.hold)
	s := g.judge("after the start", g.clients.Turn(), broken)
	first := s.FirstRight.Sub(began)
	g.Logf("sockets after %v, first right answer after %v", up, first)
	if s.Right == 0 {
		g.Fatal("no answers after the start")
	}
	g.recovered(first)
	g.logs("serving the snapshot on disk")
	if back != nil {
		if st := g.v.Status(g.T); !st.Snapshot.Stored || !st.Ready {
			g.Errorf("status: %+v, snapshot %+v", st, st.Snapshot)
		}
		back()
	}
	g.recover(time.Now(), g.v)
	g.end()
}

// awaitStored waits until the snapshot is on disk.
func (g *stage) awaitStored(v *drill.Vmapd) {
	g.Helper()
	drill.Await(g.T, time.Minute, "the snapshot is on disk", func() bool {
		_, err := os.Stat(v.Snapshot())
		return err == nil
	})
}

// killedOften kills the daemon at any moment of its first second: whatever it
// was at, the next one serves right answers and clears up.
func killedOften(g *stage) {
	g.set()
	g.run()
	g.awaitStored(g.v)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		g.v.Kill()
		g.v.Start(g.T)
		// A change makes the snapshot be written again.
		g.change(g.T, g.url)
		time.Sleep(time.Duration(r.Int64N(int64(time.Second))))
	}
	s := g.judge("between the kills", g.clients.Turn(), broken)
	if s.Right == 0 {
		g.Error("no answers")
	}
	g.recover(time.Now(), g.v)
	if left, _ := filepath.Glob(g.v.Snapshot() + ".new-*"); len(left) > 1 {
		g.Errorf("left behind: %q", left)
	}
	g.end()
}
