package api

import (
	"strings"
	"testing"
	"time"
)

// senders are what a daemon would know, of the accounts of the test's world.
func senders() *Limits {
	all := []Sending{
		{Name: "adm@one.test", Kind: "account", Domain: "one.test", Limits: []SendingLimit{}},
		{Name: "ann@one.test", Kind: "account", Domain: "one.test", Limits: []SendingLimit{{Unit: "recipients", Window: "day", Max: 100, Used: 7}}},
		{Name: "cem@two.test", Kind: "account", Domain: "two.test", Limits: []SendingLimit{}},
		{Name: "printer", Kind: "account", Limits: []SendingLimit{}},
		{Name: "one.test", Kind: "domain", Domain: "one.test", Limits: []SendingLimit{}},
	}
	find := func(name string) *Sending {
		for i := range all {
			if all[i].Name == name {
				return &all[i]
			}
		}
		return nil
	}
	return &Limits{
		List: func(may func(string) bool) (list []Sending, err error) {
			for _, s := range all {
				if may(s.Domain) {
					list = append(list, s)
				}
			}
			return list, nil
		},
		Of: func(name string) (Sending, bool, error) {
			if s := find(name); s != nil {
				return *s, true, nil
			}
			return Sending{}, false, nil
		},
		Release: func(s *Sending) bool {
			was := find(s.Name).Suspended != nil
			find(s.Name).Suspended = nil
			return was
		},
		Reset: func(s *Sending) {
			for i := range find(s.Name).Limits {
				find(s.Name).Limits[i].Used = 0
			}
		},
		Suspend: func(s *Sending, until time.Time, why string) {
			find(s.Name).Suspended = &Suspension{Since: time.Now(), Why: why, Until: &until}
		},
	}
}

// TestLimits wants everyone to see, and to release, what is his alone.
func TestLimits(t *testing.T) {
	w := sqliteWorld(t)
	w.o.Limits = senders()
	w.serve()
	s := described(t)
	for _, tt := range []struct {
		who, method, path, body string
		status                  int
		want                    string // in the answer
	}{
		{"root", get, "limits/", "", 200, "printer"},
		{"root", get, "limits/?page=2&page_size=2", "", 200, `"count":5`},
		{"root", get, "limits/?page=9&page_size=2", "", 404, ""},
		{"root", get, "limits/?search=ANN", "", 200, "ann@one.test"},
		{"root", get, "limits/?suspended=maybe", "", 400, ""},
		{"adm@one.test", get, "limits/", "", 200, "ann@one.test"},
		{"ann@one.test", get, "limits/", "", 403, ""},
		{"ann@one.test", get, "limits/ANN@one.test/", "", 200, `"used":7`},
		{"ann@one.test", get, "limits/adm@one.test/", "", 404, ""},
		{"ann@one.test", post, "limits/ann@one.test/release/", "", 403, ""},
		{"adm@one.test", get, "limits/cem@two.test/", "", 404, ""},
		{"adm@one.test", get, "limits/printer/", "", 404, ""},
		{"adm@one.test", post, "limits/cem@two.test/suspend/", `{}`, 404, ""},
		{"adm@one.test", post, "limits/ann@one.test/release/", "", 409, ""},
		{"adm@one.test", post, "limits/ann@one.test/suspend/", `{"for": "2h"}`, 200, "suspended by adm@one.test"},
		{"adm@one.test", get, "limits/?suspended=true", "", 200, "ann@one.test"},
		{"adm@one.test", post, "limits/ann@one.test/release/", "", 200, `"suspended":null`},
		{"adm@one.test", post, "limits/ann@one.test/reset/", "", 200, `"used":0`},
		{"adm@one.test", post, "limits/adm@one.test/reset/", "", 403, ""}, // nobody judges himself
		{"adm@one.test", get, "limits/one.test/", "", 200, `"kind":"domain"`},
		{"adm@one.test", post, "limits/one.test/reset/", "", 403, ""},
		{"root", post, "limits/one.test/suspend/", `{"why": "an outbreak", "for": ""}`, 200, "an outbreak"},
		{"root", post, "limits/one.test/suspend/", `{"for": "a week"}`, 400, ""},
		{"root", post, "limits/one.test/suspend/", `{"for": "-2h"}`, 400, ""},
		{"root", post, "limits/one.test/suspend/", `{"until": "x"}`, 400, ""},
		{"root", post, "limits/one.test/suspend/", `{"why": "` + strings.Repeat("x", 201) + `"}`, 400, ""},
		{"root", post, "limits/printer/release/", "", 409, ""},
		{"root", get, "limits/nobody/", "", 404, ""},
	} {
		var body any
		if tt.body != "" {
			body = tt.body
		}
		r := w.ask(tt.who, tt.method, "/api/v1/"+tt.path, body)
		if r.status != tt.status || !strings.Contains(r.text, tt.want) {
			t.Errorf("%s %s %s: %d %s, want %d and %q", tt.who, tt.method, tt.path, r.status, r.text, tt.status, tt.want)
		}
		if r.status == 200 && !strings.Contains(tt.path, "page") {
			s.checkAnswer(t, routeCalled(w.done[len(w.done)-1].Route), r)
		}
	}
	if r := w.ask("adm@one.test", get, "/api/v1/limits/", nil); strings.Contains(r.text, "two.test") || strings.Contains(r.text, "printer") {
		t.Errorf("an administrator sees what is not his: %s", r.text)
	}
	w.o.Limits = nil
	w.serve()
	for _, path := range []string{"limits/", "limits/ann@one.test/"} {
		if r := w.ask("root", get, "/api/v1/"+path, nil); r.status != 404 {
			t.Errorf("%s without limits: %d %s", path, r.status, r.text)
		}
	}
}
