package alarm

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestSequences opens and closes alarms on two hosts in any order, with
// restarts, an absent database and administrators who close rows. No subject ever
// has two open rows, nothing is told twice, and in the end the rows say what is
// held.
func TestSequences(tb *testing.T) {
	d := fill(tb, dbtest.SQLite(tb))
	away, err := db.Open("postgres://nobody@127.0.0.1:1/away", db.Options{ConnectTimeout: time.Second})
	if err != nil {
		tb.Fatal(err)
	}
	defer away.Close()
	away.Name = d.Name
	property.Check(tb, func(t *rapid.T) {
		dbtest.Exec(tb, d, "DELETE FROM admin_alarm")
		w := &pair{t: t, tb: tb, d: d, there: true, away: away}
		for i := range w.nodes {
			dir, err := os.MkdirTemp("", "alarm")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			w.dirs[i] = dir
			w.start(i)
		}
		defer func() { w.nodes[0].stop(); w.nodes[1].stop() }()
		which := rapid.IntRange(0, 1)
		subject := rapid.SampledFrom([]string{"ann@one.test", "bob@one.test", "one.test", "two.test"})
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				w.nodes[which.Draw(t, "host")].Open(SendingLimit, subject.Draw(t, "subject"), "limit", "")
			},
			"close": func(t *rapid.T) {
				w.nodes[which.Draw(t, "host")].Close(SendingLimit, subject.Draw(t, "subject"))
			},
			"step": func(t *rapid.T) { w.step(which.Draw(t, "host")) },
			"down": func(t *rapid.T) { w.there = !w.there },
			"restart": func(t *rapid.T) {
				i := which.Draw(t, "host")
				w.nodes[i].stop()
				w.start(i)
			},
			"hand": func(t *rapid.T) {
				at := d.Time(time.Now())
				if _, err := d.Exec("UPDATE admin_alarm SET status = 2, closed = ? WHERE id = (SELECT min(id) FROM admin_alarm WHERE status = 1)", at); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) { w.check(t) },
		})
		w.settle()
	})
}

// pair is two hosts over one database.
type pair struct {
	t     *rapid.T
	tb    testing.TB
	d     *db.DB
	away  *db.DB
	there bool
	dirs  [2]string
	nodes [2]*node
	told  [2][]string
}

func (w *pair) database() *db.DB {
	if w.there {
		return w.d
	}
	return w.away
}

func (w *pair) start(i int) {
	clock := time.Now()
	if old := w.nodes[i]; old != nil {
		clock = old.clock
		w.told[i] = append(w.told[i], old.hook.told()...)
	}
	w.nodes[i] = start(w.tb, w.dirs[i], w.database)
	w.nodes[i].clock = clock.Add(time.Second)
}

func (w *pair) step(i int) {
	if err := w.nodes[i].step(); err != nil && w.there {
		w.t.Fatal(err)
	}
}

func (w *pair) check(t *rapid.T) {
	open := map[string]int{}
	for _, r := range rowsOf(w.tb, w.d) {
		if strings.HasSuffix(r, " 1") {
			if open[r]++; open[r] > 1 {
				t.Fatalf("two open rows: %s", r)
			}
		}
	}
}

// settle lets all be written and told, and compares.
func (w *pair) settle() {
	w.there = true
	for range 3 {
		w.step(0)
		w.step(1)
	}
	open := map[string]bool{}
	for _, r := range rowsOf(w.tb, w.d) {
		if strings.HasSuffix(r, " 1") {
			open[r] = true
		}
	}
	for i, n := range w.nodes {
		if len(n.writer.jobs()) > 0 {
			w.t.Fatalf("host %d has something to write", i)
		}
		for r := range n.records {
			domain, mailbox := split(r.subject)
			local, _, _ := strings.Cut(mailbox, "@")
			if local == "" {
				local = "-"
			}
			row := fmt.Sprint(r.kind, " ", domain, " ", local, " ", statusOpen)
			if r.open() && !open[row] {
				w.t.Fatalf("host %d: %s is open, its row is not", i, r.subject)
			}
		}
		w.once(append(w.told[i], n.hook.told()...))
	}
}

// once wants the openings and closings of an alarm to take turns.
func (w *pair) once(told []string) {
	last := map[string]string{}
	for _, line := range told {
		word, what, _ := strings.Cut(line, " ")
		if last[what] == word || last[what] == "" && word == "closed" {
			w.t.Fatalf("%s after %q: %q", line, last[what], told)
		}
		last[what] = word
	}
}
