package main_test

import (
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
)

// outageDrills take the database away, or the way to it.
func outageDrills(servers string) []failureDrill {
	return []failureDrill{
		{"database killed", servers, servers, func(g *stage) { g.outage(g.kill, g.startServer, true) }},
		{"database hangs", servers, "", func(g *stage) { g.outage(g.pause, g.resume, false) }},
		{"network cut", servers, "", func(g *stage) { g.outage(func() { g.proxy.Cut() }, g.mend, true) }},
		{"network stalls", servers, "postgres", func(g *stage) { g.outage(func() { g.proxy.Stall() }, g.mend, false) }},
		{"network stalls and forgets", servers, "", func(g *stage) {
			g.patient = 4 * time.Second // a look that hangs is given up after two
			g.outage(func() { g.proxy.Stall() }, func() { g.proxy.Forget(); g.mend() }, false)
		}},
		{"network stalls for long", servers, "", func(g *stage) {
			g.lasts = 40 * time.Second // longer than a look for changes may take
			g.outage(func() { g.proxy.Stall() }, g.mend, false)
		}},
		{"database killed while changes are read", servers, "", killedDuringChange},
		{"database killed, everything is read again and again", servers, "", func(g *stage) {
			g.reread()
			g.outage(g.kill, g.startServer, false)
		}},
		{"network stalls, everything is read again and again", servers, "", func(g *stage) {
			g.reread()
			g.outage(func() { g.proxy.Stall() }, g.mend, false)
		}},
		{"database killed during a load", servers, "postgres", killedDuringLoad},
		{"no database at the start", servers, "postgres", noDatabaseAtStart},
	}
}

// outage takes the database away and gives it back. A database that refuses is
// noticed and reported at once.
func (g *stage) outage(begin, end func(), refuses bool) {
	g.set()
	g.run()
	g.fault(begin, func() {
		g.rises("vmapd_snapshot_age_seconds", 0.5)
		if refuses {
			g.metric("vmapd_database_up", 0)
			g.rises("vmapd_refresh_failures_total", 0)
			g.logs("cannot read the database", "the last good data", "remedy")
		}
	})
	g.heal(end)
	g.metric("vmapd_database_up", 1)
	if refuses {
		g.logs("the database can be read again")
	}
	g.end()
}

func (g *stage) kill() {
	g.Helper()
	if err := g.server.Kill(); err != nil {
		g.Fatal(err)
	}
}

func (g *stage) startServer() { g.start(g.T) }

func (g *stage) pause() {
	g.Helper()
	if err := g.server.Pause(); err != nil {
		g.Fatal(err)
	}
}

func (g *stage) resume() {
	g.Helper()
	if err := g.server.Resume(); err != nil {
		g.Fatal(err)
	}
}

func (g *stage) mend() {
	g.Helper()
	if err := g.proxy.Resume(); err != nil {
		g.Fatal(err)
	}
}

// killedDuringLoad kills the database when half of it has been read.
func killedDuringLoad(g *stage) {
	g.set("[log]\nlevel = \"debug\"")
	g.run()
	generation := g.v.Metric(g.T, "vmapd_snapshot_generation")
	spent := g.proxy.StallAfter(8 << 10)
	failed := make(chan string, 1)
	go func() { out, _ := g.v.Run(g.T, "reload"); failed <- out }()
	<-spent
	g.fault(func() { g.kill(); g.mend() }, func() {
		if out := <-failed; out == "" {
			g.Error("the reload that was cut short said nothing")
		}
		g.metric("vmapd_database_up", 0)
		if now := g.v.Metric(g.T, "vmapd_snapshot_generation"); now != generation {
			g.Errorf("half a load became generation %v, after %v", now, generation)
		}
	})
	g.heal(g.startServer)
	g.end()
}

// killedDuringChange kills the database when part of some changes has been
// read: none of them may be served before all can be.
func killedDuringChange(g *stage) {
	g.set()
	g.run()
	generation := g.v.Metric(g.T, "vmapd_snapshot_generation")
	spent := g.proxy.StallAfter(1500)
	g.exec(g.T, g.url, "update admin_mailbox set quota = quota + 1 where id <= 100")
	<-spent
	g.fault(func() { g.kill(); g.mend() }, func() {
		g.metric("vmapd_database_up", 0)
		if now := g.v.Metric(g.T, "vmapd_snapshot_generation"); now != generation {
			g.Errorf("half of the changes became generation %v, after %v", now, generation)
		}
	})
	g.heal(g.startServer)
	g.end()
}

// reread moves the drill to a database without capture. A change that just
// misses a read has to wait for the next one, twenty times its duration later.
func (g *stage) reread() {
	g.Helper()
	g.ownDatabase()
	g.capture(g.T, g.url, "remove-triggers")
	g.patient = time.Minute
}

// noDatabaseAtStart: with nothing stored, clients are told to try again until
// the database comes, and all is well then; with a stored snapshot they get
// their answers at once.
func noDatabaseAtStart(g *stage) {
	g.set(impatient)
	g.kill()
	g.v.Start(g.T)
	g.clients = drill.Ask(g.T, g.v.Socket, 2, g.size.probes())
	time.Sleep(g.limits.hold)
	g.logs("cannot read the database", "nothing: requests are held")
	if g.v.Ready() {
		g.Error("ready without data")
	}
	if s := g.clients.Turn(); s.Right > 0 || s.Wrong+s.NotFound > 0 || s.Temp == 0 {
		g.Fatalf("without data: %v", s)
	}
	g.startServer()
	g.recover(time.Now(), g.v)
	g.judge("when it came", g.clients.Turn(), temp)
	g.end()
	g.Log("now with a stored snapshot")
	g.kill()
	g.run()
	if st := g.v.Status(g.T); !st.Ready || !st.Snapshot.Stored || st.Database.Up {
		g.Errorf("status: %+v, snapshot %+v", st, st.Snapshot)
	}
	g.fault(func() {}, nil)
	g.heal(g.startServer)
	g.end()
}
