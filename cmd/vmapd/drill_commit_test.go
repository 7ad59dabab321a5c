package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// commitDrills kill the daemon again and again while Dovecot's processes report
// quota figures and last logins to its dict socket, with the database away.
func commitDrills(all string) []failureDrill {
	return []failureDrill{{"vmapd killed while it takes commits, database down", all, "sqlite", commits}}
}

// The kinds of what is reported: growing figures (quota_clone), increments
// (quota), times of logins.
const (
	figureKind = iota
	incrementKind
	loginKind
	commitKinds
)

// committer has connections to the three dicts, as mail processes have, with one
// commit in flight in all. Its users are nobody else's.
type committer struct {
	socket string
	number int
	acked  *atomic.Int64 // of all committers
	until  int64
	conns  [commitKinds]net.Conn

	// by user, what was acknowledged and what may have been done besides: the
	// last figure, the sum of increments, the last time
	sure, maybe [commitKinds]map[string]int64
}

const committers, usersEach = 4, 5

// run reports until enough has been acknowledged.
func (c *committer) run() {
	for kind := range commitKinds {
		c.sure[kind], c.maybe[kind] = map[string]int64{}, map[string]int64{}
	}
	first := time.Now().Unix()
	for i := int64(0); c.acked.Load() < c.until; i++ {
		kind := int(i % commitKinds)
		// A domain for each kind; rows are there, from fillDrill.
		user := fmt.Sprintf("u%d@d%d.drill.test", 1+c.number*usersEach+int(i/commitKinds%usersEach), 1+kind)
		value := i + 1
		var lines string
		switch kind {
		case figureKind:
			lines = fmt.Sprintf("S1\tpriv/quota/storage\t%d\nS1\tpriv/quota/messages\t%d\n", value, value%1000)
		case incrementKind:
			lines = fmt.Sprintf("A1\tpriv/quota/storage\t%d\nA1\tpriv/quota/messages\t1\n", value)
		case loginKind:
			value += first
			lines = fmt.Sprintf("S1\tshared/last-login/%s\t%d\n", user, value)
		}
		if c.commit(kind, "B1\t"+user+"\n"+lines+"C1\n") {
			c.acked.Add(1)
			if kind == incrementKind {
				value += c.sure[kind][user]
			}
			c.sure[kind][user] = value
			continue
		}
		if kind == incrementKind {
			value += c.maybe[kind][user]
		}
		c.maybe[kind][user] = value
	}
	for _, nc := range c.conns {
		if nc != nil {
			nc.Close()
		}
	}
}

// commit sends a transaction, and reports whether it was acknowledged. While the
// daemon is away it waits for it.
func (c *committer) commit(kind int, lines string) bool {
	for c.conns[kind] == nil {
		nc, err := net.Dial("unix", c.socket)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		_ = nc.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(nc, "H3\t2\t0\t\t"+[]string{"quota_clone", "quota", "lastlogin"}[kind]+"\n")
		c.conns[kind] = nc
	}
	nc := c.conns[kind]
	_, err := io.WriteString(nc, lines)
	if err == nil {
		var line string
		if line, err = bufio.NewReader(nc).ReadString('\n'); err == nil && line == "O1\n" {
			return true
		}
	}
	nc.Close()
	c.conns[kind] = nil
	return false
}

// commits has 10,000 commits acknowledged (fewer in a quick drill) by a daemon
// that is killed after each fifth of them. In the end all is in the database.
func commits(g *stage) {
	n := int64(500)
	if g.limits.again {
		n = 10_000
	}
	g.ownDatabase()
	if g.engine == "postgres" {
		g.exec(g.T, g.url, mergeQuota, "CREATE TRIGGER mergequota BEFORE INSERT ON admin_quota FOR EACH ROW EXECUTE PROCEDURE merge_quota()")
	}
	dir, err := os.MkdirTemp("", "drill-") // short, for the socket
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "dict")
	g.set(fmt.Sprintf("[[listen]]\nprotocol = \"dict\"\naddress = \"unix:%s\"\ngroup = \"\"\n", socket))
	g.run()
	g.awaitStored(g.v)
	before := g.figures("select username, bytes from admin_quota")

	if g.server == nil {
		g.rename(g.file(), g.file()+".away")
	} else {
		g.kill()
	}
	g.metric("vmapd_database_up", 0)
	var acked atomic.Int64
	var all sync.WaitGroup
	var each []*committer
	for i := range committers {
		c := &committer{socket: socket, number: i, acked: &acked, until: n}
		each = append(each, c)
		all.Go(c.run)
	}
	began := time.Now()
	for kills := int64(1); kills <= 5; kills++ {
		want := min(n*kills/5, n-1)
		drill.Await(g.T, 5*time.Minute, fmt.Sprintf("%d commits are acknowledged", want), func() bool { return acked.Load() >= want })
		g.v.Kill()
		g.v.Start(g.T)
		drill.Await(g.T, 20*time.Second, "the snapshot on disk is served", g.v.Ready)
	}
	all.Wait()
	g.Logf("%d commits acknowledged in %v, with 5 kills; %v wait for the database", acked.Load(), time.Since(began).Round(time.Millisecond), g.v.Metric(g.T, "vmapd_spool_pending"))
	g.judge("between the kills", g.clients.Turn(), broken)
	if g.server == nil {
		g.rename(g.file()+".away", g.file())
	} else {
		g.startServer()
	}
	back := time.Now()
	g.metric("vmapd_spool_pending", 0)
	g.metric("vmapd_spool_dead", 0)
	g.Logf("all is written %v after the database came back", time.Since(back).Round(time.Millisecond))
	g.compare(each, before)
	g.recover(time.Now(), g.v)
	g.end()
}

// compare looks for acknowledged commits that the database does not have, and for
// increments that it has twice.
func (g *stage) compare(each []*committer, before map[string]int64) {
	g.Helper()
	quota := g.figures("select username, bytes from admin_quota")
	d := dbtest.Open(g.T, g.url, db.Options{})
	logged := map[string]int64{}
	for _, row := range g.pairs("select username, " + d.Text("last_login") + " from core_user where last_login is not null") {
		at, err := time.Parse(time.DateTime, strings.Replace(row[1], "T", " ", 1)[:len(time.DateTime)])
		if err != nil {
			g.Fatal(err)
		}
		logged[row[0]] = at.Unix()
	}
	seen := 0
	for _, c := range each {
		for kind := range commitKinds {
			for user, sure := range c.sure[kind] {
				seen++
				low, high, got := sure, max(sure, c.maybe[kind][user]), quota[user]
				switch kind {
				case incrementKind:
					low, high = before[user]+sure, before[user]+sure+c.maybe[kind][user]
				case loginKind:
					got = logged[user]
				}
				if got < low || got > high {
					g.Errorf("%s has %d; %d to %d was acknowledged", user, got, low, high)
				}
			}
		}
	}
	if want := committers * usersEach * commitKinds; seen != want {
		g.Errorf("%d users were reported, want %d", seen, want)
	}
}

// figures reads numbers by name.
func (g *stage) figures(query string) map[string]int64 {
	g.Helper()
	figures := map[string]int64{}
	for _, row := range g.pairs(query) {
		n, err := strconv.ParseInt(row[1], 10, 64)
		if err != nil {
			g.Fatal(err)
		}
		figures[row[0]] = n
	}
	return figures
}

// pairs reads rows of two columns, as text.
func (g *stage) pairs(query string) (rows [][2]string) {
	g.Helper()
	d := dbtest.Open(g.T, g.url, db.Options{})
	r, err := d.QueryContext(g.Context(), query)
	if err != nil {
		g.Fatal(err)
	}
	defer r.Close()
	for r.Next() {
		var row [2]string
		if err := r.Scan(&row[0], &row[1]); err != nil {
			g.Fatal(err)
		}
		rows = append(rows, row)
	}
	if err := r.Err(); err != nil {
		g.Fatal(err)
	}
	return rows
}
