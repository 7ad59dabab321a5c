package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
)

// raise writes rows of admin_alarm, the last of which is the newest.
func (w *world) raise(lines ...string) {
	w.t.Helper()
	for i, line := range lines {
		f := strings.Fields(line) // KIND DOMAIN LOCALPART STATUS
		at := w.d.Time(time.Unix(int64(1e9+i), 0))
		var closed any
		if f[3] == "2" {
			closed = at
		}
		if _, err := w.d.Exec(w.d.Rebind("INSERT INTO admin_alarm (created, closed, status, title, internal_name, domain_id, mailbox_id) VALUES (?, ?, "+f[3]+
			", ?, ?, (SELECT id FROM admin_domain WHERE name = ?), (SELECT id FROM admin_mailbox WHERE address = ?))"), at, closed, "about "+f[0], f[0], f[1], f[2]); err != nil {
			w.t.Fatal(err)
		}
	}
}

// withLocal gives a world alarms that the database does not have.
func (w *world) withLocal() (closed *[]int64, looked *int) {
	closed, looked = new([]int64), new(int)
	w.o.Alarms = &manage.LocalAlarms{
		List: func() []manage.Alarm {
			return []manage.Alarm{{ID: -7, Kind: "database_down", Title: "down", Detail: "why", Open: true, Created: time.Unix(2e9, 0)}}
		},
		Close:   func(id int64) bool { *closed = append(*closed, id); return true },
		Details: func([]int64) map[int64]string { return map[int64]string{1: "more"} },
		Closed:  func() { *looked++ },
	}
	w.serve()
	return closed, looked
}

func TestAlarms(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.raise("k1 one.test ann 1", "k2 two.test - 2", "k3 - - 1")
		w.withLocal()
		s := described(t)
		for _, tt := range []struct {
			who, query string
			status     int
			kinds      string
		}{
			{"root", "", 200, "database_down k3 k2 k1"},
			{"root", "?status=open", 200, "database_down k3 k1"},
			{"root", "?status=2", 200, "k2"},
			{"root", "?status=new", 400, ""},
			{"root", "?page=1&page_size=2", 200, "database_down k3"},
			{"root", "?page=2&page_size=2", 200, "k2 k1"},
			{"root", "?page=3&page_size=2", 404, ""},
			{"root", "?domain=one.test&kind=k1&search=ABOUT", 200, "k1"},
			{"root", "?ordering=created", 200, "database_down k1 k2 k3"},
			{"adm@one.test", "", 200, "k1"},
			{"rita", "", 200, ""},
			{"ann@one.test", "", 403, ""},
		} {
			r := w.ask(tt.who, get, "/api/v1/alarms/"+tt.query, nil)
			list, _ := r.body.([]any)
			if o, ok := r.body.(map[string]any); ok {
				list, _ = o["results"].([]any)
			}
			var kinds []string
			for _, a := range list {
				kinds = append(kinds, a.(map[string]any)["internal_name"].(string))
			}
			if r.status != tt.status || strings.Join(kinds, " ") != tt.kinds {
				t.Errorf("%s %s: %d %q, want %d %q", tt.who, tt.query, r.status, kinds, tt.status, tt.kinds)
			}
			if !strings.Contains(tt.query, "page=1") && !strings.Contains(tt.query, "page=2") { // the check knows arrays
				s.checkAnswer(t, routeCalled("listAlarms"), r)
			}
		}
		r := w.must(200, "root", get, "/api/v1/alarms/?domain=one.test", nil)
		for path, want := range map[string]any{"0.domain.name": "one.test", "0.mailbox.address": "ann@one.test", "0.status": 1.0, "0.closed": nil, "0.detail": "more", "0.title": "about k1"} {
			if got := r.field(path); got != want {
				t.Errorf("%s: %v, want %v", path, got, want)
			}
		}
	})
}

func TestCloseAlarm(t *testing.T) {
	w := sqliteWorld(t)
	w.raise("k1 one.test ann 1", "k2 two.test - 1", "k3 - - 1")
	closed, looked := w.withLocal()
	s := described(t)
	for _, tt := range []struct {
		who    string
		id     int
		status int
	}{
		{"ann@one.test", 1, 403},
		{"adm@one.test", 2, 404},
		{"adm@one.test", 3, 404},
		{"adm@one.test", -7, 404},
		{"adm@one.test", 1, 200},
		{"adm@one.test", 1, 200},
		{"root", 3, 200},
		{"root", 99, 404},
		{"root", -8, 404},
		{"root", -7, 200},
		{"root", 0, 404},
	} {
		r := w.ask(tt.who, post, fmt.Sprintf("/api/v1/alarms/%d/close/", tt.id), nil)
		if r.status != tt.status || r.status == 200 && (r.field("status") != 2.0 || r.field("closed") == nil) {
			t.Errorf("%s closes %d: %d, want %d: %s", tt.who, tt.id, r.status, tt.status, r.text)
		}
		s.checkAnswer(t, routeCalled("closeAlarm"), r)
	}
	if fmt.Sprint(*closed) != "[-7]" || *looked != 3 {
		t.Errorf("closed %v, looked %d times", *closed, *looked)
	}
}

// TestAlarmsWithoutDatabase: the administrator of the machine sees that it is
// down.
func TestAlarmsWithoutDatabase(t *testing.T) {
	w := sqliteWorld(t)
	w.withLocal()
	away, err := db.Open("postgres://nobody@127.0.0.1:1/away", db.Options{ConnectTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	w.m = manage.New(manage.Options{DB: away})
	w.o.Root = true
	w.serve()
	r := w.must(http.StatusOK, "", get, "/api/v1/alarms/?status=open", nil)
	if r.field("0.internal_name") != "database_down" || r.header.Get("X-Incomplete") == "" || r.header.Get("X-Total-Count") != "1" {
		t.Errorf("%v %s", r.header, r.text)
	}
}
