package main_test

import (
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// nodeDrills have two daemons on one database.
func nodeDrills() []failureDrill {
	return []failureDrill{
		{"two nodes, one cut off", "postgres mariadb", "postgres", twoNodes},
	}
}

// twoNodes cuts the way of one daemon to the database. The other goes on; and
// the log of changes is pruned meanwhile, beyond what the first has read.
func twoNodes(g *stage) {
	g.ownDatabase()
	g.set()
	g.run()
	_, url := g.drillSite.proxy(g.T, g.url)
	other := g.vmapd(url, "")
	other.Start(g.T)
	other.AwaitReady(g.T)
	others := drill.Ask(g.T, other.Socket, 1, g.size.probes())
	both := g.change(g.T, g.url)
	g.Logf("a change is served by one after %v", awaitServed(g.T, g.v.Socket, both, g.limits.recovery))
	g.Logf("and by the other %v later", awaitServed(g.T, other.Socket, both, g.limits.recovery))
	time.Sleep(g.limits.before)
	g.before = g.judge("before, two nodes", g.clients.Turn())
	others.Turn()

	g.fault(func() { g.proxy.Cut() }, func() {
		g.metric("vmapd_database_up", 0)
		g.recover(time.Now(), other)
		g.prune(other)
		g.recover(time.Now(), other)
	})
	g.patient = 10 * time.Second // everything is read again
	g.heal(g.mend)
	if g.v.Metric(g.T, "vmapd_changes_lost_total") != 1 {
		g.Error("the one whose log was pruned did not read everything again")
	}
	if n := other.Metric(g.T, "vmapd_changes_lost_total"); n != 0 {
		g.Errorf("the one that had read it lost the log %v times", n)
	}
	g.judge("at the other", others.Stop())
	other.Stop(g.T)
	g.end()
}

// prune deletes all of the log that a daemon has read, as a third one would that
// does not wait the ten minutes that others are given.
func (g *stage) prune(reader *drill.Vmapd) {
	g.Helper()
	d := dbtest.Open(g.T, g.url, db.Options{})
	s := &modoboa.Source{DB: d, Writer: d, Retention: time.Nanosecond}
	b := store.NewBuilder()
	if err := s.Load(g.Context(), b); err != nil {
		g.Fatal(err)
	}
	from := b.Build(time.Now()).Position()
	last := g.change(g.T, g.url)
	if _, err := s.Follow(g.Context(), from); err != nil {
		g.Fatal(err)
	}
	awaitServed(g.T, reader.Socket, last, g.limits.recovery)
	before := g.column("select count(*) from vmapd_change")
	if err := s.Prune(g.Context()); err != nil {
		g.Fatal(err)
	}
	g.Logf("the log had %v entries, and has %v after pruning", before, g.column("select count(*) from vmapd_change"))
}

// column returns what a query gives, as text.
func (g *stage) column(query string) []string {
	g.Helper()
	d := dbtest.Open(g.T, g.url, db.Options{})
	rows, err := d.QueryContext(g.Context(), query)
	if err != nil {
		g.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			g.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		g.Fatal(err)
	}
	return all
}
