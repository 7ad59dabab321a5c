//go:build bench

package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/internal/peers"
)

// postmap runs "postmap -q -", which asks a table for one key after the other
// over one connection.
type postmap struct {
	program string
	config  string // directory
}

func newPostmap(t *testing.T) *postmap {
	t.Helper()
	p := &postmap{program: peers.Program(t, "postmap", "postfix postfix-pgsql"), config: t.TempDir()}
	p.write(t, "main.cf", "compatibility_level = 3.6\n")
	p.write(t, "master.cf", "")
	return p
}

func (p *postmap) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(p.config, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// ask returns how long postmap took for all keys of a file, and what it wrote.
func (p *postmap) ask(t *testing.T, table, keys string) (time.Duration, string) {
	t.Helper()
	in, err := os.Open(keys)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out, log strings.Builder
	cmd := exec.Command(p.program, "-c", p.config, "-q", "-", table)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &log
	began := time.Now()
	err = cmd.Run()
	took := time.Since(began)
	var exit *exec.ExitError
	if log.Len() > 0 || err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1: nothing found
		t.Fatalf("postmap -q - %s: %v\n%s", table, err, log.String())
	}
	return took, out.String()
}

// answers reads postmap's output; the values of a key are put in order, which
// SQL leaves open.
func answers(out string) map[string]string {
	all := make(map[string]string)
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		values := strings.Split(value, ",")
		slices.Sort(values)
		all[key] = strings.Join(values, ",")
	}
	return all
}

// comparison is one table asked both ways.
type comparison struct {
	table  string // vmapd's
	file   string // of the SQL map
	keys   []string
	few    int     // so many of the keys are enough for the SQL map; 0: all
	target float64 // 0: none of its own
}

// benchPostmap compares with Postfix's own pgsql: maps.
func benchPostmap(t *testing.T, h *benchHost, r *report) {
	p, v := newPostmap(t), h.start(t)
	idle := startNothing(t, filepath.Dir(v.socket), says{})
	access := fmt.Sprintf("hosts = 127.0.0.1:%d\nuser = postgres\ndbname = %s\n", h.server.Port, databaseOf(h.url))
	var plain costs // of one key in each of the tables but sender-login
	for _, c := range []comparison{
		{"domains", "sql-domains.cf", h.size.domainKeys(10_000), 0, 0},
		{"relay-domains", "sql-relaydomains.cf", h.size.relayKeys(10_000), 0, 0},
		{"transport", "sql-transport.cf", h.size.relayKeys(10_000), 0, 0},
		{"aliases", "sql-aliases.cf", h.size.aliasKeys(10_000), 0, 3},
		{"maintain", "sql-maintain.cf", h.size.movingKeys(10_000), 0, 3},
		{"sender-login", "sql-sender-login-map.cf", h.size.aliasKeys(10_000), 60, 200},
	} {
		sql := "pgsql:" + p.write(t, c.file, access+readFile(t, "testdata/postfix/"+c.file))
		p.alike(t, "socketmap:unix:"+v.socket+":"+c.table, sql, c)
		got := p.compare(t, c, sql, "socketmap:unix:"+v.socket+":"+c.table, "socketmap:unix:"+idle.socket+":"+c.table)
		got.report(r, c.table, c.target)
		if c.few == 0 {
			plain.add(&got)
		}
	}
	plain.report(r, "all of these but sender-login", 3)
}

// costs are seconds for one key, one value a round.
type costs struct{ sql, vmapd, nothing samples }

func (k *costs) add(o *costs) {
	for i := range o.sql {
		if i == len(k.sql) {
			k.sql, k.vmapd, k.nothing = append(k.sql, 0), append(k.vmapd, 0), append(k.nothing, 0)
		}
		k.sql[i] += o.sql[i]
		k.vmapd[i] += o.vmapd[i]
		k.nothing[i] += o.nothing[i]
	}
}

// report notes how many times faster vmapd is than the SQL map, and how many
// times the do-nothing server is, which is as fast as socketmap can be.
func (k *costs) report(r *report, name string, target float64) {
	var ratios, limits samples
	for i, sql := range k.sql {
		ratios, limits = append(ratios, sql/k.vmapd[i]), append(limits, sql/k.nothing[i])
	}
	name += ": keys/s through postmap ÷ pgsql: map's"
	if target > 0 {
		r.atLeast(name, "%.1f", ratios, target)
	} else {
		r.tell(name, "%.1f", ratios)
	}
	r.tell("  the same of the do-nothing server (limit)", "%.1f", limits)
}

// databaseOf returns the name of the database in a URL of PostgreSQL.
func databaseOf(url string) string {
	name, _, _ := strings.Cut(url[strings.LastIndexByte(url, '/')+1:], "?")
	return name
}

// some returns the keys that the SQL map is asked.
func (c *comparison) some() []string {
	if c.few == 0 {
		return c.keys
	}
	return c.keys[:c.few]
}

// alike fails the test unless both tables give the same answers.
func (p *postmap) alike(t *testing.T, vmapd, sql string, c comparison) {
	t.Helper()
	keys := p.keys(t, c.some())
	_, out := p.ask(t, vmapd, keys)
	got := answers(out)
	_, out = p.ask(t, sql, keys)
	if diff := cmp.Diff(answers(out), got); diff != "" || len(got) == 0 {
		t.Errorf("%s: answers differ, or there are none (-SQL +vmapd):\n%.2000s", c.table, diff)
	}
	t.Logf("%s: %d different keys are answered alike", c.table, len(got))
}

// compare lets the three tables take turns.
func (p *postmap) compare(t *testing.T, c comparison, sql, vmapd, nothing string) (k costs) {
	t.Helper()
	const rounds = 5
	for range rounds {
		x, y, z := p.perKey(t, vmapd, c.keys), p.perKey(t, sql, c.some()), p.perKey(t, nothing, c.keys)
		t.Logf("%s: %.1f µs a key, the pgsql: map %.1f µs, do-nothing server %.1f µs", c.table, x*1e6, y*1e6, z*1e6)
		k.vmapd, k.sql, k.nothing = append(k.vmapd, x), append(k.sql, y), append(k.nothing, z)
	}
	return k
}

// perKey returns the seconds that one key takes. What postmap takes for its
// start, seen with one key alone, does not count.
func (p *postmap) perKey(t *testing.T, table string, keys []string) float64 {
	t.Helper()
	one, all := p.keys(t, keys[:1]), p.keys(t, keys)
	var starts samples
	for range 5 {
		start, _ := p.ask(t, table, one)
		starts = append(starts, start.Seconds())
	}
	took, _ := p.ask(t, table, all)
	return (took.Seconds() - starts.median()) / float64(len(keys)-1)
}

// keys writes a file of keys.
func (p *postmap) keys(t *testing.T, keys []string) string {
	t.Helper()
	return p.write(t, fmt.Sprintf("keys.%d", len(keys)), strings.Join(keys, "\n")+"\n")
}
