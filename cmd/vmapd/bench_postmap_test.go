//go:build bench

package main_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// postmap runs "postmap -q -", which asks a table for one key after the other
// over one connection.
type postmap struct {
	program string
	config  string // directory
}

func newPostmap(t *testing.T) *postmap {
	t.Helper()
	program, err := exec.LookPath("postmap")
	if err != nil {
		if os.Getenv("VMAPD_PEERS") == "required" {
			t.Fatal("postmap is not installed (Debian: apt-get install postfix postfix-pgsql)")
		}
		t.Skip(err)
	}
	p := &postmap{program: program, config: t.TempDir()}
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
	few    int // so many of the keys are enough for the SQL map; 0: all
	target float64
}

// benchPostmap compares with Postfix's own pgsql: maps.
func benchPostmap(t *testing.T, h *benchHost, r *report) {
	p, v := newPostmap(t), h.start(t)
	access := fmt.Sprintf("hosts = 127.0.0.1:%d\nuser = postgres\ndbname = %s\n", h.server.Port, databaseOf(h.url))
	for _, c := range []comparison{
		{"domains", "sql-domains.cf", h.size.domainKeys(20_000), 0, 3},
		{"aliases", "sql-aliases.cf", h.size.aliasKeys(20_000), 0, 3},
		{"relay-domains", "sql-relaydomains.cf", h.size.relayKeys(20_000), 0, 3},
		{"transport", "sql-transport.cf", h.size.relayKeys(20_000), 0, 3},
		{"maintain", "sql-maintain.cf", h.size.movingKeys(20_000), 0, 3},
		{"sender-login", "sql-sender-login-map.cf", h.size.aliasKeys(20_000), 60, 200},
	} {
		sql := "pgsql:" + p.write(t, c.file, access+readFile(t, "testdata/postfix/"+c.file))
		ratios := p.compare(t, "socketmap:unix:"+v.socket+":"+c.table, sql, c)
		r.atLeast(c.table+": keys/s through postmap ÷ pgsql: map's", "%.1f", ratios, c.target)
	}
}

// databaseOf returns the name of the database in a URL of PostgreSQL.
func databaseOf(url string) string {
	name, _, _ := strings.Cut(url[strings.LastIndexByte(url, '/')+1:], "?")
	return name
}

// compare lets the two tables take turns and returns how many times faster the
// first is for one key. What postmap takes for its start, seen with one key
// alone, does not count.
func (p *postmap) compare(t *testing.T, vmapd, sql string, c comparison) samples {
	t.Helper()
	const rounds = 5
	few := c.few
	if few == 0 {
		few = len(c.keys)
	}
	one, some, all := p.keys(t, c.keys[:1]), p.keys(t, c.keys[:few]), p.keys(t, c.keys)
	_, got := p.ask(t, vmapd, some)
	_, want := p.ask(t, sql, some)
	if diff := cmp.Diff(answers(want), answers(got)); diff != "" || len(answers(want)) == 0 {
		t.Errorf("%s: answers differ, or there are none (-SQL +vmapd):\n%.2000s", c.table, diff)
	}
	t.Logf("%s: %d different keys are answered alike", c.table, len(slices.Collect(maps.Keys(answers(got)))))
	perKey := func(table, keys string, n int) float64 {
		var starts samples
		for range 5 {
			start, _ := p.ask(t, table, one)
			starts = append(starts, start.Seconds())
		}
		took, _ := p.ask(t, table, keys)
		return (took.Seconds() - starts.median()) / float64(n-1)
	}
	var ratios samples
	for range rounds {
		x, y := perKey(vmapd, all, len(c.keys)), perKey(sql, some, few)
		t.Logf("%s: %.1f µs a key, the pgsql: map %.1f µs", c.table, x*1e6, y*1e6)
		ratios = append(ratios, y/x)
	}
	return ratios
}

// keys writes a file of keys.
func (p *postmap) keys(t *testing.T, keys []string) string {
	t.Helper()
	return p.write(t, fmt.Sprintf("keys.%d", len(keys)), strings.Join(keys, "\n")+"\n")
}
