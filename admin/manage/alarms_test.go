package manage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// raise writes rows of admin_alarm: "KIND DOMAIN LOCALPART|- STATUS".
func (w *world) raise(lines ...string) {
	w.t.Helper()
	for i, line := range lines {
		f := strings.Fields(line)
		at := w.d.Time(time.Unix(int64(1e9+i), 0))
		var domain, mailbox, closed any
		if f[1] != "-" {
			domain = w.number("SELECT id FROM admin_domain WHERE name = ?", f[1])
		}
		if f[2] != "-" {
			mailbox = w.number("SELECT id FROM admin_mailbox WHERE address = ?", f[2])
		}
		if f[3] == "2" {
			closed = at
		}
		if _, err := w.d.Exec(w.d.Rebind("INSERT INTO admin_alarm (created, closed, status, title, internal_name, domain_id, mailbox_id) VALUES (?, ?, "+f[3]+", ?, ?, ?, ?)"),
			at, closed, "title of "+f[0], f[0], domain, mailbox); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) number(query string, args ...any) (n int64) {
	w.t.Helper()
	if err := w.d.QueryRow(w.d.Rebind(query), args...).Scan(&n); err != nil {
		w.t.Fatalf("%s %v: %v", query, args, err)
	}
	return n
}

// alarms lists what somebody sees.
func (w *world) alarms(login string, q manage.Query, local ...manage.Alarm) (out []string, total int) {
	w.t.Helper()
	err := w.m.Read(w.t.Context(), w.as(login), func(t *manage.Tx) error {
		p, err := t.Alarms(q, local)
		total = p.Total
		for _, a := range p.Items {
			out = append(out, strings.TrimSpace(fmt.Sprint(a.Kind, " ", a.Domain, " ", a.Mailbox, " ", a.Open)))
		}
		return err
	})
	if err != nil {
		w.t.Fatalf("%s: %v", login, err)
	}
	return out, total
}

func TestAlarms(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.raise("k1 one.test ann 1", "k2 one.test - 2", "k3 two.test cem 1", "k4 - - 1", "k5 two.test - 2")
		local := []manage.Alarm{{ID: -2, Kind: "down", Title: "title", Open: true}, {ID: -1, Kind: "l1", Domain: "one.test", Title: "title"}}
		for _, tt := range []struct {
			who   string
			q     manage.Query
			want  string
			total int
		}{
			{"", manage.Query{}, "down   true|l1 one.test  false|k5 two.test  false|k4   true|k3 two.test cem@two.test true|k2 one.test  false|k1 one.test ann@one.test true", 7},
			{"", manage.Query{Limit: 3, Offset: 1}, "l1 one.test  false|k5 two.test  false|k4   true", 7},
			{"", manage.Query{Limit: 2, Offset: 5}, "k2 one.test  false|k1 one.test ann@one.test true", 7},
			{"", manage.Query{Limit: 2}, "down   true|l1 one.test  false", 7},
			{"", manage.Query{Active: manage.Some(true)}, "down   true|k4   true|k3 two.test cem@two.test true|k1 one.test ann@one.test true", 4},
			{"", manage.Query{Active: manage.Some(false), Domain: "One.Test"}, "l1 one.test  false|k2 one.test  false", 2},
			{"", manage.Query{Search: "OF K3"}, "k3 two.test cem@two.test true", 1},
			{"", manage.Query{Type: "k4"}, "k4   true", 1},
			{"root", manage.Query{Sort: "created", Active: manage.Some(true), Limit: 2}, "down   true|k1 one.test ann@one.test true", 4},
			{"adm@one.test", manage.Query{}, "l1 one.test  false|k2 one.test  false|k1 one.test ann@one.test true", 3},
			{"rita", manage.Query{}, "", 0},
		} {
			got, total := w.alarms(tt.who, tt.q, local...)
			if diff := cmp.Diff(tt.want, strings.Join(got, "|")); diff != "" || total != tt.total {
				t.Errorf("%q %+v: %d in all, want %d (-want +got)\n%s", tt.who, tt.q, total, tt.total, diff)
			}
		}
		if err := w.m.Read(t.Context(), w.as("ann@one.test"), func(t *manage.Tx) error { _, err := t.Alarms(manage.Query{}, nil); return err }); err == nil {
			t.Error("a user sees alarms")
		}
	})
}

func TestCloseAlarm(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.raise("k1 one.test ann 1", "k3 two.test cem 1", "k4 - - 1")
		id := func(kind string) int64 { return w.number("SELECT id FROM admin_alarm WHERE internal_name = ?", kind) }
		shut := func(login, kind string) error {
			return w.try(login, func(t *manage.Tx) error {
				a, err := t.CloseAlarm(id(kind))
				if err == nil && (a.Open || a.Closed == nil) {
					return fmt.Errorf("%+v", a)
				}
				return err
			})
		}
		for _, tt := range []struct {
			who, kind string
			ok        bool
		}{{"ann@one.test", "k1", false}, {"adm@one.test", "k3", false}, {"adm@one.test", "k4", false}, {"adm@one.test", "k1", true}, {"adm@one.test", "k1", true}, {"root", "k3", true}, {"", "k4", true}} {
			if err := shut(tt.who, tt.kind); (err == nil) != tt.ok {
				t.Errorf("%q %s: %v", tt.who, tt.kind, err)
			}
		}
		if n := w.number("SELECT count(*) FROM admin_alarm WHERE status = 2 AND closed IS NOT NULL"); n != 3 {
			t.Errorf("%d are closed", n)
		}
		if n := w.number("SELECT count(*) FROM core_log WHERE message LIKE 'Alarm %closed by user%'"); n != 3 {
			t.Errorf("%d lines in the log", n)
		}
	})
}

// TestAlarmsOfModoboa reads tables that Modoboa made, with alarms and without.
func TestAlarmsOfModoboa(t *testing.T) {
	eachDump(t, func(t *testing.T, w *world, release string) {
		if release != "1.10.0" {
			domain := w.number("SELECT min(id) FROM admin_domain")
			if _, err := w.d.Exec(w.d.Rebind("INSERT INTO admin_alarm (created, closed, status, title, internal_name, domain_id, mailbox_id) VALUES (?, NULL, 1, 'x', 'k', ?, NULL)"),
				w.d.Time(time.Now()), domain); err != nil {
				t.Fatal(err)
			}
		}
		got, total := w.alarms("", manage.Query{}, manage.Alarm{ID: -1, Kind: "here", Open: true})
		if want := map[string]int{"1.10.0": 1, "2.9.3": 2}[release]; total != want || len(got) != want {
			t.Errorf("%d: %q", total, got)
		}
	})
}
