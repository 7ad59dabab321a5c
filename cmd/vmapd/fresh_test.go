package main_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestAnswersAreThoseOfSomeMoment runs random transactions, committed and
// rolled back, interleaved on two connections, and asks all the time. The
// answers of one snapshot to all questions must be those that SQL gave after
// some commit: never half of a transaction, never what was rolled back. They
// never go back to an earlier commit, and never stay behind longer than a
// bound, which is generous here (make bench measures).
func TestAnswersAreThoseOfSomeMoment(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		dbtest.Exec(t, d, "insert into admin_domain (id, name) values (1, 'a.test'), (2, 'b.test')")
		w := &freshWorld{db: d, url: url}
		w.serve(t)
		property.Check(t, w.run)
	})
}

// freshBound is how long a commit may take until it is served.
const freshBound = 30 * time.Second

type freshWorld struct {
	db    *db.DB
	url   string
	store *store.Store
	next  int // id of the next row, so that runs do not meet
}

// moment is what SQL answered after a commit.
type moment struct {
	answers string
	began   time.Time // the commit, or later
}

// sight is what a snapshot answered, at least for a while.
type sight struct {
	answers     string
	first, last time.Time
}

// serve runs a Store until the test ends.
func (w *freshWorld) serve(t *testing.T) {
	t.Helper()
	read, write := dbtest.Open(t, w.url, db.Options{ReadOnly: true}), dbtest.Open(t, w.url, db.Options{})
	w.store = &store.Store{Settings: store.Settings{
		Source: &modoboa.Source{DB: read, Writer: write}, Poll: 20 * time.Millisecond, Audit: 200 * time.Millisecond,
	}}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.store.Run(ctx) }()
	t.Cleanup(func() {
		if n := w.store.Status().Missed; n != 0 {
			t.Errorf("audits found %d rows that had been missed", n)
		}
		stop()
		<-done
	})
	if _, err := w.store.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(freshBound); !w.store.Status().Following && time.Now().Before(end); { // told just after the snapshot
		time.Sleep(time.Millisecond)
	}
	if !w.store.Status().Following {
		t.Fatalf("changes are not followed: %+v", w.store.Status())
	}
}

// run makes one history, and compares it with what was seen meanwhile.
func (w *freshWorld) run(t *rapid.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h := &history{freshWorld: w, t: t, ctx: ctx, first: w.next}
	w.next += rowsPerRun
	h.moments = append(h.moments, moment{h.ask(), time.Now()})
	watch := h.watch()
	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		h.step()
	}
	for i := range h.open {
		h.end(i, rapid.Bool().Draw(t, "commit"))
	}
	h.settle()
	h.judge(watch())
}

// rowsPerRun is how many aliases a run has: those with an even number belong to
// the first connection, the others to the second, or they would wait for each
// other's locks.
const rowsPerRun = 6

type history struct {
	*freshWorld
	t       *rapid.T
	ctx     context.Context
	first   int
	open    [2]*sql.Tx
	moments []moment
}

func (h *history) address(i int) string {
	return fmt.Sprintf("x%d@%s", h.first+i, []string{"a.test", "b.test"}[i%2])
}

// step does one thing on one of the connections.
func (h *history) step() {
	i := rapid.IntRange(0, 1).Draw(h.t, "connection")
	if h.db.Dialect == db.SQLite && h.open[1-i] != nil {
		i = 1 - i // which has one writer at a time
	}
	switch what := rapid.IntRange(0, 9).Draw(h.t, "what"); {
	case h.open[i] != nil && what < 4:
		h.end(i, what < 3)
	case what == 9 && h.open[0] == nil && h.open[1] == nil:
		h.domain()
	default:
		h.change(i)
	}
}

func (h *history) change(i int) {
	if h.open[i] == nil {
		tx, err := h.db.BeginTx(h.ctx, nil)
		if err == nil && h.db.Dialect == db.MySQL {
			_, err = tx.ExecContext(h.ctx, "set innodb_lock_wait_timeout = 0")
		}
		if err != nil {
			h.t.Fatal(err)
		}
		h.open[i] = tx
	}
	id := h.first + 1 + i + 2*rapid.IntRange(0, rowsPerRun/2-1).Draw(h.t, "row")
	address := h.address(id - h.first)
	to := rapid.SampledFrom([]string{"p@far.test", "q@far.test"}).Draw(h.t, "to")
	var statements []string
	switch rapid.IntRange(0, 3).Draw(h.t, "change") {
	case 0:
		statements = []string{
			fmt.Sprintf("delete from modoboa_admin_aliasrecipient where alias_id = %d", id), fmt.Sprintf("delete from admin_alias where id = %d", id),
			fmt.Sprintf("insert into admin_alias (id, address, domain_id) values (%d, '%s', 1)", id, address),
			fmt.Sprintf("insert into modoboa_admin_aliasrecipient (id, address, alias_id) values (%d, '%s', %[1]d)", id, to),
		}
	case 1:
		statements = []string{fmt.Sprintf("delete from modoboa_admin_aliasrecipient where alias_id = %d", id), fmt.Sprintf("delete from admin_alias where id = %d", id)}
	case 2:
		statements = []string{fmt.Sprintf("update modoboa_admin_aliasrecipient set address = '%s' where alias_id = %d", to, id)}
	default:
		statements = []string{fmt.Sprintf("update admin_alias set enabled = not enabled where id = %d", id)}
	}
	for _, s := range statements {
		_, err := h.open[i].ExecContext(h.ctx, s)
		if h.db.LostRace(err) {
			// InnoDB locks gaps between rows, so the two do meet there.
			h.end(i, false)
			return
		}
		if err != nil {
			h.t.Fatalf("%s: %v", s, err)
		}
	}
}

// domain commits a change of a domain, alone.
func (h *history) domain() {
	s := rapid.SampledFrom([]string{
		"update admin_domain set enabled = not enabled where id = 1",
		"update admin_domain set name = 'c.test' where id = 2", "update admin_domain set name = 'b.test' where id = 2",
	}).Draw(h.t, "domain")
	if _, err := h.db.ExecContext(h.ctx, s); err != nil {
		h.t.Fatalf("%s: %v", s, err)
	}
	h.moments = append(h.moments, moment{h.ask(), time.Now()})
}

func (h *history) end(i int, commit bool) {
	if h.open[i] == nil {
		return
	}
	tx := h.open[i]
	h.open[i] = nil
	if !commit {
		if err := tx.Rollback(); err != nil {
			h.t.Fatal(err)
		}
		return
	}
	if err := tx.Commit(); err != nil {
		h.t.Fatal(err)
	}
	h.moments = append(h.moments, moment{h.ask(), time.Now()})
}

// ask has SQL answer all questions in one view.
func (h *history) ask() string {
	tx, err := h.db.BeginSnapshot(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	defer tx.Rollback()
	var out []string
	one := func(query string) {
		rows, err := tx.QueryContext(h.ctx, query)
		if err != nil {
			h.t.Fatalf("%s: %v", query, err)
		}
		defer rows.Close()
		var values []string
		for rows.Next() {
			var v string
			if err := rows.Scan(&v); err != nil {
				h.t.Fatal(err)
			}
			values = append(values, v)
		}
		out = append(out, strings.Join(values, ","))
	}
	for _, name := range domainNames() {
		one("select name from admin_domain where name = '" + name + "' and enabled and type = 'domain'")
	}
	for i := range rowsPerRun {
		one("select r.address from modoboa_admin_aliasrecipient r join admin_alias a on r.alias_id = a.id where a.enabled and a.address = '" + h.address(i+1) + "' order by r.id")
	}
	return strings.Join(out, " ")
}

func domainNames() []string { return []string{"a.test", "b.test", "c.test"} }

// look has a snapshot answer the same.
func (h *history) look(r *lookup.Resolver) string {
	var out []string
	one := func(table, key string) {
		v, _, err := r.Lookup(h.ctx, nil, []byte(table), []byte(key))
		if err != nil {
			v = []byte(err.Error())
		}
		out = append(out, string(v))
	}
	for _, name := range domainNames() {
		one("domains", name)
	}
	for i := range rowsPerRun {
		one("aliases", h.address(i+1))
	}
	return strings.Join(out, " ")
}

// watch asks without a pause until the function that it returns is called,
// which returns what was seen. Between two looks at one generation all answers
// are those of one snapshot.
func (h *history) watch() func() []sight {
	var seen []sight
	stop := make(chan struct{})
	var wg sync.WaitGroup
	r := lookup.NewResolver(h.store, lookup.Options{})
	wg.Go(func() {
		for {
			began, generation := time.Now(), h.store.Current().Generation()
			answers := h.look(r)
			if h.store.Current().Generation() == generation {
				if n := len(seen); n > 0 && seen[n-1].answers == answers {
					seen[n-1].last = began
				} else {
					seen = append(seen, sight{answers, began, began})
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	})
	return func() []sight { close(stop); wg.Wait(); return seen }
}

// settle waits until the last commit is served.
func (h *history) settle() {
	want := h.moments[len(h.moments)-1].answers
	r := lookup.NewResolver(h.store, lookup.Options{})
	for began := time.Now(); h.look(r) != want; time.Sleep(time.Millisecond) {
		if time.Since(began) > freshBound {
			h.t.Fatalf("after %v: served %q, SQL says %q", freshBound, h.look(r), want)
		}
	}
}

// judge finds a way through the moments that explains what was seen: of those
// with the answers seen it takes the first that is not before the last one.
func (h *history) judge(seen []sight) {
	at := 0
	for _, s := range seen {
		i := slices.IndexFunc(h.moments[at:], func(m moment) bool { return m.answers == s.answers })
		if i < 0 {
			h.t.Fatalf("served %q after commit %d; SQL said\n%v", s.answers, at, h.moments)
		}
		at += i
		// The last moment with these answers counts against the bound.
		late := at
		for late+1 < len(h.moments) && h.moments[late+1].answers == s.answers {
			late++
		}
		if late+1 < len(h.moments) && s.last.Sub(h.moments[late+1].began) > freshBound {
			h.t.Fatalf("%q was served %v after the next commit", s.answers, s.last.Sub(h.moments[late+1].began))
		}
	}
}
