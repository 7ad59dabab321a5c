package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/internal/resolve/dnstest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// dnsNodes are two mail hosts over one database with many domains, and a DNS
// server that knows how often it was asked for the MX of each.
type dnsNodes struct {
	db    *db.DB
	nodes [2]*drill.Vmapd

	mu     sync.Mutex
	asked  map[string]int
	stopAt int           // questions after which nobody is answered until open is closed; 0: never
	open   chan struct{} // see stopAt
}

// dnsDomains is how many domains there are.
const dnsDomains = 60

func newDNSNodes(t *testing.T, stopAt int) *dnsNodes {
	t.Helper()
	n := &dnsNodes{asked: map[string]int{}, stopAt: stopAt, open: make(chan struct{})}
	url := dbtest.Postgres(t).NewDatabase(t)
	n.db = dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(t.Context(), n.db, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	zone := dnstest.NewZone(t, "mx.good.org. 600 IN A 192.0.2.1")
	var csv strings.Builder
	for i := range dnsDomains {
		fmt.Fprintf(&csv, "domain;d%02d.org;0;0;True\n", i)
		zone.Lines(t, fmt.Sprintf("d%02d.org. 600 IN MX 10 mx.good.org.", i))
	}
	if _, err := modoboa.ImportCSV(t.Context(), n.db, strings.NewReader(csv.String()), modoboa.ImportOptions{Separator: ';'}); err != nil {
		t.Fatal(err)
	}
	server := dnstest.Serve(t, dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		n.count(r)
		zone.ServeDNS(w, r)
	}))
	t.Cleanup(n.answerAll)
	config := fmt.Sprintf("[database]\nurl = %q\n[dns]\nschedule = \"always\"\nresolvers = [%q]\nchecks = [\"mx\"]\nnetworks = [\"192.0.2.0/24\"]\nhost = \"mail.host.org\"\n", url, server)
	binary := drill.Binary(t)
	for i := range n.nodes {
		n.nodes[i] = drill.NewVmapd(t, binary, "", config)
		n.nodes[i].Start(t)
		n.nodes[i].AwaitReady(t)
	}
	return n
}

// count counts a question for an MX, and holds it if enough were asked.
func (n *dnsNodes) count(r *dns.Msg) {
	if len(r.Question) != 1 || r.Question[0].Qtype != dns.TypeMX {
		return
	}
	n.mu.Lock()
	n.asked[strings.TrimSuffix(r.Question[0].Name, ".")]++
	total := 0
	for _, times := range n.asked {
		total += times
	}
	hold := n.stopAt > 0 && total > n.stopAt
	open := n.open
	n.mu.Unlock()
	if hold {
		<-open
	}
}

// answerAll holds nothing any more.
func (n *dnsNodes) answerAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open != nil {
		close(n.open)
	}
	n.open, n.stopAt = nil, 0
}

func (n *dnsNodes) questions() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.asked)
}

// checked returns the domains of which a report is kept, with the time of it.
func (n *dnsNodes) checked(t *testing.T) map[string]string {
	t.Helper()
	rows, err := n.db.QueryContext(t.Context(), "SELECT d.name, c.checked, c.state FROM vmapd_dns_check c JOIN admin_domain d ON d.id = c.domain_id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	list := map[string]string{}
	for rows.Next() {
		var name, at, state string
		if err := rows.Scan(&name, &at, &state); err != nil {
			t.Fatal(err)
		}
		if list[name] = at; state != "ok" {
			t.Errorf("%s is %s", name, state)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// order has a node run the job. elsewhere says that the other one runs it.
func order(t *testing.T, v *drill.Vmapd) (elsewhere bool) {
	t.Helper()
	out, status := v.Run(t, "job", "run", "dns-checks")
	if status != 0 && status != 75 {
		t.Errorf("job run: %d: %s", status, out)
	}
	return status == 75
}

// runs reports whether a node runs the job.
func runs(t *testing.T, v *drill.Vmapd) bool {
	t.Helper()
	out, _ := v.Run(t, "job", "list", "--json")
	var list []jobs.Status
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("job list: %v\n%s", err, out)
	}
	for i := range list {
		if list[i].Name == "dns-checks" {
			return list[i].Running
		}
	}
	t.Fatalf("there is no job dns-checks: %s", out)
	return false
}

// TestDNSChecksOnTwoNodes orders the job on both nodes at once, again and
// again: each domain is checked once.
func TestDNSChecksOnTwoNodes(t *testing.T) {
	n := newDNSNodes(t, 0)
	var wg sync.WaitGroup
	for _, v := range n.nodes {
		wg.Go(func() {
			for range 4 {
				order(t, v)
			}
		})
	}
	wg.Wait()
	drill.Await(t, time.Minute, "all domains are checked", func() bool { return len(n.checked(t)) == dnsDomains })
	for name, times := range n.questions() {
		if times != 1 {
			t.Errorf("%s was asked about %d times", name, times)
		}
	}
}

// TestDNSChecksKilledHalfWay kills the node that runs the job. While it ran the
// other one kept away; then that one does the rest, and checks nothing again of
// which a report was kept.
func TestDNSChecksKilledHalfWay(t *testing.T) {
	n := newDNSNodes(t, dnsDomains/2)
	var wg sync.WaitGroup
	wg.Go(func() { n.nodes[0].Run(t, "job", "run", "dns-checks") }) // it loses its daemon
	worker, other := n.nodes[0], n.nodes[1]
	drill.Await(t, time.Minute, "one node runs the job", func() bool {
		if runs(t, n.nodes[1]) { // by the clock
			worker, other = n.nodes[1], n.nodes[0]
		}
		return runs(t, worker)
	})
	drill.Await(t, time.Minute, "something is found", func() bool { return len(n.checked(t)) >= dnsDomains/4 })
	if !order(t, other) {
		t.Error("both nodes run the job")
	}
	worker.Kill()
	before := n.checked(t)
	wg.Wait()
	if len(before) >= dnsDomains {
		t.Fatal("nothing was left to do")
	}
	n.answerAll()
	drill.Await(t, time.Minute, "the other node takes over", func() bool { return !order(t, other) })
	after := n.checked(t)
	if len(after) != dnsDomains {
		t.Errorf("%d of %d domains are checked", len(after), dnsDomains)
	}
	asked := n.questions()
	for name, at := range before {
		if after[name] != at || asked[name] != 1 {
			t.Errorf("%s: checked at %s and again at %s, asked about %d times", name, at, after[name], asked[name])
		}
	}
	for name, times := range asked {
		if times > 2 {
			t.Errorf("%s was asked about %d times", name, times)
		}
	}
}
