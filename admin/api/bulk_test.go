package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// action is one of a bulk request.
type action struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Body   any    `json:"body,omitempty"`
}

type obj = map[string]any

func TestBulk(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.t = t
		many := []action{
			{post, "domains/", obj{"name": "b.test"}},
			{post, "/api/v1/accounts/", obj{"username": "u@b.test", "role": "SimpleUsers", "password": "Secret4all", "mailbox": obj{"use_domain_quota": true}}},
			{put, "aliases/by-name/i@b.test", obj{"recipients": []string{"u@b.test"}}},
			{"post", "domainaliases", obj{"name": "c.test", "target_name": "b.test"}},
			{del, "aliases/by-name/i@b.test", nil},
		}
		before := w.must(http.StatusOK, "root", get, "/api/v1/log/", nil).header.Get("X-Total-Count")
		statuses := func(r *reply) (all []any) {
			for _, one := range r.field("results").([]any) {
				all = append(all, one.(obj)["status"])
			}
			return all
		}
		dry := w.must(http.StatusOK, "root", post, "/api/v1/bulk/", obj{"dry_run": true, "actions": many})
		want := []any{201.0, 201.0, 201.0, 201.0, 204.0}
		if d := cmp.Diff(want, statuses(dry)); d != "" || dry.field("committed") != false || dry.field("failed") != nil {
			t.Errorf("%s: %s", dry.text, d)
		}
		if after := w.must(http.StatusOK, "root", get, "/api/v1/log/", nil).header.Get("X-Total-Count"); after != before {
			t.Error("a dry run left something")
		}
		real := w.must(http.StatusOK, "root", post, "/api/v1/bulk/", obj{"actions": many})
		if d := cmp.Diff(want, statuses(real)); d != "" || real.field("committed") != true {
			t.Errorf("%s: %s", real.text, d)
		}
		w.must(http.StatusOK, "root", get, "/api/v1/domainaliases/by-name/c.test", nil)

		bad := []action{{post, "domains/", obj{"name": "d.test"}}, {post, "domains/", obj{"name": "b.test"}}, {post, "domains/", obj{"name": "e.test"}}}
		r := w.must(http.StatusBadRequest, "root", post, "/api/v1/bulk/", obj{"actions": bad})
		if r.field("failed") != 1.0 || r.field("committed") != false || r.field("results.1.body.name.0") != "domain with this name already exists." || r.field("results.2") != nil {
			t.Errorf("what failed: %s", r.text)
		}
		w.must(http.StatusNotFound, "root", get, "/api/v1/domains/by-name/d.test", nil)
		r = w.must(http.StatusOK, "root", post, "/api/v1/bulk/", obj{"dry_run": true, "actions": bad})
		if r.field("failed") != 1.0 {
			t.Errorf("a dry run that fails: %s", r.text)
		}
		if strings.Contains(dry.text+real.text, "Secret") {
			t.Error("an answer tells a password")
		}
	})
}

func TestBulkRefuses(t *testing.T) {
	w := sqliteWorld(t)
	for _, tt := range []struct {
		who    string
		action action
		status int
	}{
		{"root", action{get, "domains/", nil}, http.StatusBadRequest},
		{"root", action{post, "bulk/", obj{"actions": []any{}}}, http.StatusBadRequest},
		{"root", action{post, "dkim/one.test/", nil}, http.StatusBadRequest},
		{"root", action{post, "http://elsewhere.test/api/v1/domains/", nil}, http.StatusBadRequest},
		{"root", action{post, "nothing/", nil}, http.StatusNotFound},
		{"root", action{"TRACE", "domains/", nil}, http.StatusMethodNotAllowed},
		{"root", action{post, "domains/", []int{1}}, http.StatusBadRequest},
		{"adm@one.test", action{post, "domains/", obj{"name": "x.test"}}, http.StatusForbidden},
		{"adm@one.test", action{del, "accounts/by-name/cem@two.test", nil}, http.StatusNotFound},
		{"ann@one.test", action{del, "accounts/by-name/bob@one.test", nil}, http.StatusForbidden},
	} {
		r := w.ask(tt.who, post, "/api/v1/bulk/", obj{"actions": []action{tt.action}})
		if r.status != tt.status || r.field("failed") != 0.0 {
			t.Errorf("%s %+v: %d, want %d: %s", tt.who, tt.action, r.status, tt.status, r.text)
		}
	}
	for body, field := range map[string]string{`{}`: "actions", `{"actions": 1}`: "actions", `{"actions": [], "dryrun": true}`: "dryrun", `{"actions": [` + strings.Repeat(`{},`, maxActions) + `{}]}`: "actions"} {
		if r := w.ask("root", post, "/api/v1/bulk/", body); r.status != http.StatusBadRequest || r.field(field) == nil {
			t.Errorf("%.40s: %d %s", body, r.status, r.text)
		}
	}
	if r := w.must(http.StatusOK, "root", post, "/api/v1/bulk/", `{"actions": []}`); r.field("committed") != true {
		t.Errorf("nothing to do: %s", r.text)
	}
}
