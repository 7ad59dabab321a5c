package jobs_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestMain lets the test binary stand for a node in tests that need processes of
// their own, and looks for goroutines that outlived their tests.
func TestMain(m *testing.M) {
	if os.Getenv(childURL) != "" {
		os.Exit(child())
	}
	code := dbtest.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// node is one that runs jobs.
type node struct {
	*jobs.Scheduler
	t    testing.TB
	d    *db.DB
	site jobs.Site
}

// allJobs are those of this package; they run by order.
func allJobs() []jobs.Job {
	return []jobs.Job{jobs.CleanLogs(), jobs.CleanInactive(), jobs.DomainUsage(), jobs.Repair()}
}

func newNode(t testing.TB, url string, list ...jobs.Job) *node {
	t.Helper()
	if list == nil {
		list = allJobs()
	}
	d := dbtest.Open(t, url, db.Options{})
	n := &node{t: t, d: d, site: siteOf(d)}
	n.Scheduler = jobs.New(jobs.Options{Jobs: func() []jobs.Job { return list }, Site: func() jobs.Site { return n.site }, Host: "test", Log: zap.NewNop(), Tick: 10 * time.Millisecond, Retry: 100 * time.Millisecond})
	return n
}

func siteOf(d *db.DB) jobs.Site {
	m := manage.New(manage.Options{DB: d, Hash: func(_, clear string) (string, error) { return "{PLAIN}" + clear, nil }, Home: func(a string) string { return "/srv/" + a }})
	return jobs.Site{DB: d, Manager: m, Memory: jobs.Remember(modoboa.JobRuns{DB: d}, "")}
}

const data = `domain;one.test;1000;100;true
domain;two.test;0;0;true
account;rita;{PLAIN}x;Rita;R;true;Resellers;;0
account;ann@one.test;{PLAIN}x;Ann;A;true;SimpleUsers;ann@one.test;0
account;bob@one.test;{PLAIN}x;Bob;B;true;SimpleUsers;bob@one.test;50
account;cem@two.test;{PLAIN}x;Cem;C;true;SimpleUsers;cem@two.test;0
account;dan@two.test;{PLAIN}x;Dan;D;true;SimpleUsers;dan@two.test;0
alias;only@one.test;true;ann@one.test
alias;both@one.test;true;ann@one.test;bob@one.test
`

// filled makes a database of our own with some accounts.
func filled(t testing.TB, url string) *node {
	t.Helper()
	n := newNode(t, url)
	if _, err := modoboa.Init(t.Context(), n.d, modoboa.InitOptions{Admin: "root"}); err != nil {
		t.Fatal(err)
	}
	n.csv(data)
	return n
}

func (n *node) csv(lines string) {
	n.t.Helper()
	if _, err := modoboa.ImportCSV(n.t.Context(), n.d, strings.NewReader(lines), modoboa.ImportOptions{}); err != nil {
		n.t.Fatal(err)
	}
}

// order runs a job, which must go well.
func (n *node) order(name string, o jobs.Order) *jobs.Report {
	n.t.Helper()
	r, err := n.Now(n.t.Context(), name, o)
	if err != nil {
		n.t.Fatalf("%s: %v\n%+v", name, err, r)
	}
	return r
}

func (n *node) parameters(text string) {
	n.t.Helper()
	n.exec("UPDATE core_localconfig SET _parameters = ?", text)
}

func (n *node) exec(query string, args ...any) {
	n.t.Helper()
	if _, err := n.d.ExecContext(n.t.Context(), n.d.Rebind(query), args...); err != nil {
		n.t.Fatalf("%s: %v", query, err)
	}
}

// column returns what a query gives, sorted.
func (n *node) column(query string, args ...any) []string {
	n.t.Helper()
	rows, err := n.d.QueryContext(n.t.Context(), n.d.Rebind(query), args...)
	if err != nil {
		n.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	all := []string{}
	for rows.Next() {
		var s any
		if err := rows.Scan(&s); err != nil {
			n.t.Fatal(err)
		}
		if b, ok := s.([]byte); ok {
			s = string(b)
		}
		all = append(all, fmt.Sprint(s))
	}
	if err := rows.Err(); err != nil {
		n.t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func (n *node) count(query string, args ...any) string {
	n.t.Helper()
	return n.column("SELECT count(*) FROM "+query, args...)[0]
}

// lastLogin says when users last logged in, by days.
func (n *node) lastLogin(days map[string]int) {
	n.t.Helper()
	for name, ago := range days {
		n.exec("UPDATE core_user SET last_login = ? WHERE username = ?", n.d.Time(time.Now().AddDate(0, 0, -ago)), name)
	}
}

// unchanged is everything that a dry run must leave alone.
func (n *node) unchanged(what string, do func()) {
	n.t.Helper()
	before := n.everything()
	do()
	if after := n.everything(); after != before {
		n.t.Errorf("%s changed something:\n%s\n%s", what, before, after)
	}
}

// everything is the content of all tables.
func (n *node) everything() string {
	n.t.Helper()
	tables, err := n.d.Tables(n.t.Context(), n.d)
	if err != nil {
		n.t.Fatal(err)
	}
	var b strings.Builder
	for _, table := range tables {
		columns, err := n.d.Columns(n.t.Context(), n.d, table)
		if err != nil {
			n.t.Fatal(err)
		}
		var parts []string
		for c := range columns {
			parts = append(parts, c)
		}
		slices.Sort(parts)
		for i, c := range parts {
			parts[i] = "coalesce(" + n.d.Text(n.d.Quote(c)) + ", 'NULL')"
		}
		row := strings.Join(parts, " || ' ' || ")
		if n.d.Dialect == db.MySQL {
			row = "concat_ws(' ', " + strings.Join(parts, ", ") + ")"
		}
		fmt.Fprintf(&b, "%s: %s\n", table, strings.Join(n.column("SELECT "+row+" FROM "+n.d.Quote(table)), "\n  "))
	}
	return b.String()
}

// running runs a node's clock until the function that it returns is called.
func (n *node) running() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); n.Run(ctx) }()
	return func() { cancel(); <-done }
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("did not happen in a minute: %s", what)
		}
	}
}
