package spool_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/spool"
)

// mailboxes makes Modoboa's tables with n mailboxes u0@example.test … in them.
func mailboxes(t testing.TB, url string, n int) *db.DB {
	t.Helper()
	d := dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	var csv strings.Builder
	csv.WriteString("domain;example.test;0;0;true\n")
	for i := range n {
		fmt.Fprintf(&csv, "account;%[1]s;{PLAIN}x;U;%[2]d;true;SimpleUsers;%[1]s;0\n", user(i), i)
	}
	if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(csv.String()), modoboa.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	return d
}

func user(i int) string { return fmt.Sprintf("u%d@example.test", i) }

// usage returns bytes by username, without the zeroes.
func usage(t testing.TB, d *db.DB) map[string]int64 {
	t.Helper()
	rows, err := d.QueryContext(t.Context(), "SELECT username, bytes FROM admin_quota WHERE bytes <> 0")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		all[name] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func quota(i int, n int64) spool.Write {
	return spool.Write{Kind: modoboa.KindQuota, Key: user(i), Value: fmt.Appendf(nil, `{"bytes":%d,"messages":1}`, n)}
}

// limitBytes makes the table refuse more bytes. SQLite changes no constraint of
// a table that is there.
func limitBytes(t testing.TB, d *db.DB, limit int) {
	check := fmt.Sprintf("CONSTRAINT low CHECK (bytes <= %d)", limit)
	if d.Dialect == db.SQLite {
		dbtest.Exec(t, d, "BEGIN; ALTER TABLE admin_quota RENAME TO old; CREATE TABLE admin_quota (username text PRIMARY KEY, bytes bigint NOT NULL "+check+
			", messages integer NOT NULL); INSERT INTO admin_quota SELECT * FROM old; DROP TABLE old; COMMIT")
		return
	}
	if limit > 5000 {
		dbtest.Exec(t, d, "ALTER TABLE admin_quota DROP CONSTRAINT low")
	}
	dbtest.Exec(t, d, "ALTER TABLE admin_quota ADD "+check)
}

// TestBadRow: what a database refuses for ever is set aside with the reason,
// and holds up nothing. A newer write replaces it; Revive brings it back.
func TestBadRow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := mailboxes(t, url, 100)
		limitBytes(t, d, 5000)
		var refused atomic.Int64
		s := open(t, path(t), spool.Options{OnError: func(err error) {
			var r *spool.RefusedError
			if !errors.As(err, &r) || r.Write.Key != user(7) && r.Write.Key != user(70) {
				t.Errorf("OnError: %v", err)
			}
			refused.Add(1)
		}})
		want := map[string]int64{}
		for i := range 100 {
			put(t, s, quota(i, int64(1000+i)))
			want[user(i)] = int64(1000 + i)
		}
		put(t, s, quota(7, 6000), quota(70, 7000))
		run(t, s, &modoboa.WriteBack{DB: d})
		eventually(t, "all but two are written", func() bool { return s.Stats().Pending == 0 && s.Stats().Dead == 2 })
		delete(want, user(7))
		delete(want, user(70))
		if diff := cmp.Diff(want, usage(t, d)); diff != "" {
			t.Errorf("admin_quota (-want +got):\n%s", diff)
		}
		dead, err := s.Dead(t.Context(), 10)
		if err != nil || len(dead) != 2 || !strings.Contains(dead[0].Reason, "low") || refused.Load() != 2 {
			t.Errorf("dead: %+v, %v; refused %d", dead, err, refused.Load())
		}
		put(t, s, quota(7, 7))
		eventually(t, "the newer write replaces the dead one", func() bool { return s.Stats().Pending == 0 && s.Stats().Dead == 1 })
		limitBytes(t, d, 10000)
		if n, err := s.Revive(t.Context()); n != 1 || err != nil {
			t.Errorf("Revive: %d, %v", n, err)
		}
		eventually(t, "all are written", func() bool { return s.Stats().Pending == 0 })
		want[user(7)], want[user(70)] = 7, 7000
		if diff := cmp.Diff(want, usage(t, d)); diff != "" {
			t.Errorf("admin_quota (-want +got):\n%s", diff)
		}
	})
}

// TestRowThatFails without being refused: the others pass it, and it stays.
func TestRowThatFails(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	sink := &memory{fail: func(batch []spool.Write) error {
		for _, w := range batch {
			if w.Key == "bad" && broken.Load() {
				return errors.New("a trigger has a bug")
			}
		}
		return nil
	}}
	s := open(t, path(t), spool.Options{Batch: 64, Retry: 1, MaxRetry: 1, OnError: func(error) {}})
	put(t, s, write("bad", "1"))
	for i := range 200 {
		put(t, s, write(fmt.Sprint(i), "1"))
	}
	run(t, s, sink)
	eventually(t, "all but one are written", func() bool { return s.Stats().Pending == 1 })
	if get(s, "bad") != "1" || s.Stats().Dead != 0 {
		t.Errorf("bad = %s, stats %+v", get(s, "bad"), s.Stats())
	}
	broken.Store(false)
	eventually(t, "that one too", func() bool { return s.Stats().Pending == 0 && !s.Stats().Failing })
}

// TestNewerVersionStays: a write that comes while an older one is applied is
// not taken out with it.
func TestNewerVersionStays(t *testing.T) {
	p := path(t)
	s := open(t, p, spool.Options{})
	var once atomic.Bool
	sink := &memory{}
	sink.fail = func(batch []spool.Write) error {
		if once.CompareAndSwap(false, true) {
			put(t, s, write("a", "2"))
		}
		return nil
	}
	put(t, s, write("a", "1"))
	run(t, s, sink)
	eventually(t, "the newer one is written", func() bool { return s.Stats().Pending == 0 })
	if a := sink.row("a"); a != "2" {
		t.Errorf("a = %s, want 2", a)
	}
	if st := s.Stats(); st.Applied != 2 {
		t.Errorf("%d applied, want 2", st.Applied)
	}
}
