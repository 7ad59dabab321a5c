package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names lists a field of a list of objects.
func names(v any, field string) (all []string) {
	list, _ := v.([]any)
	for _, o := range list {
		all = append(all, fmt.Sprint((&reply{body: o}).field(field)))
	}
	return all
}

func TestLists(t *testing.T) {
	w := sqliteWorld(t)
	for _, tt := range []struct {
		who, path, field string
		want             string
	}{
		{"root", "domains/", "name", "one.test relay.test two.test"},
		{"root", "domains/?type=relaydomain", "name", "relay.test"},
		{"root", "domains/?search=TWO", "name", "two.test"},
		{"root", "domains/?search=%25", "name", ""},
		{"root", "domains/?ordering=-name", "name", "two.test relay.test one.test"},
		{"root", "accounts/?role=DomainAdmins", "username", "adm@one.test"},
		{"root", "accounts/?domain=two.test", "username", "cem@two.test"},
		{"root", "accounts/?search=bob", "username", "bob@one.test"},
		{"root", "accounts/?ordering=-username", "username", "root rita cem@two.test bob@one.test ann@one.test adm@one.test"},
		{"root", "aliases/", "address", "@two.test info@one.test sales@two.test"},
		{"root", "aliases/?domain=one.test", "address", "info@one.test"},
		{"root", "aliases/?internal=true&search=ann", "address", "ann@one.test"},
		{"root", "domainaliases/?domain=two.test", "name", ""},
		{"adm@one.test", "domains/", "name", "one.test"},
		{"adm@one.test", "accounts/", "username", "adm@one.test ann@one.test bob@one.test"},
		{"adm@one.test", "aliases/", "address", "info@one.test"},
		{"adm@one.test", "counters/", "username", "adm@one.test ann@one.test bob@one.test"},
		{"rita", "domains/", "name", ""},
		{"ann@one.test", "domains/", "name", ""},
		{"ann@one.test", "aliases/", "address", ""},
	} {
		r := w.must(http.StatusOK, tt.who, get, "/api/v1/"+tt.path, nil)
		if got := strings.Join(names(r.body, tt.field), " "); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.who, tt.path, got, tt.want)
		}
		if got := r.header.Get("X-Total-Count"); got != fmt.Sprint(len(strings.Fields(tt.want))) {
			t.Errorf("%s %s: X-Total-Count %s", tt.who, tt.path, got)
		}
	}
}

// TestPages walks a list by the addresses that it gives.
func TestPages(t *testing.T) {
	w := sqliteWorld(t)
	var all []string
	next := "http://api.test/api/v1/accounts/?page_size=4"
	for next != "" {
		r := w.must(http.StatusOK, "root", get, strings.TrimPrefix(next, "http://api.test"), nil)
		all = append(all, names(r.field("results"), "username")...)
		if r.field("count") != 6.0 {
			t.Errorf("count %v: %s", r.field("count"), r.text)
		}
		link := r.header.Get("Link")
		next, _ = r.field("next").(string)
		if next != "" && !strings.Contains(link, "<"+next+`>; rel="next"`) {
			t.Errorf("Link %q, next %q", link, next)
		}
		if previous, _ := r.field("previous").(string); len(all) > 4 && !strings.Contains(link, "<"+previous+`>; rel="prev"`) {
			t.Errorf("Link %q, previous %q", link, previous)
		}
	}
	if d := cmp.Diff([]string{"adm@one.test", "ann@one.test", "bob@one.test", "cem@two.test"}, all[:4]); d != "" || len(all) != 6 {
		t.Errorf("%q\n%s", all, d)
	}
	r := w.must(http.StatusOK, "root", get, "/api/v1/accounts/?page=1&page_size=100000", nil)
	if n := len(r.field("results").([]any)); n != 6 {
		t.Errorf("a page that is too great: %d", n)
	}
	req := httptest.NewRequest(get, "/api/v1/accounts/?page=1&page_size=1", nil)
	req.Header.Set("Authorization", "Token "+w.token("root"))
	req.Header.Set("X-Forwarded-Proto", "https")
	req.Host = "mail.one.test"
	if next, _ := w.send(req).field("next").(string); next != "https://mail.one.test/api/v1/accounts/?page=2&page_size=1" {
		t.Errorf("behind a proxy: %s", next)
	}
}

// TestShapes wants ?compat=1.10 and the version in Accept to give the old shape.
func TestShapes(t *testing.T) {
	w := sqliteWorld(t)
	const old = `[{"pk":1,"name":"one.test","quota":1000,"default_mailbox_quota":100,"enabled":true,"type":"domain"}]` + "\n"
	if r := w.ask("root", get, "/api/v1/domains/?search=one&compat=1.10", nil); r.text != old {
		t.Error(r.text)
	}
	for accept, want := range map[string]bool{"application/json; version=1.10": true, "application/json": false, "application/json; version=2": false} {
		r := httptest.NewRequest(get, "/api/v1/domains?search=one", nil)
		r.Header.Set("Authorization", "Token "+w.token("root"))
		r.Header.Set("Accept", accept)
		if got := w.send(r); (got.text == old) != want {
			t.Errorf("%s: %s", accept, got.text)
		}
	}
	r := w.must(http.StatusOK, "adm@one.test", get, "/api/v1/accounts/?search=ann", nil)
	if _, told := r.body.([]any)[0].(map[string]any)["master_user"]; told {
		t.Error("a domain administrator is told who is a master user")
	}
}

func TestQuotas(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "10": 10, "10M": 10, "10 mb": 10, "1G": 1024, "2GB": 2048, "1gib": 1024, "1T": 1 << 20, "2048K": 2, "1k": 1, " 5 ": 5} {
		if got, ok := parseQuota(text); !ok || got != want {
			t.Errorf("%q: %d %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-1", "1.5G", "G", "1E3", "10X", "1 G G", "9999999999999", "0x10", "１０"} {
		if got, ok := parseQuota(text); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// TestBodies wants forms to be read like JSON, and what is neither to be refused.
func TestBodies(t *testing.T) {
	w := sqliteWorld(t)
	send := func(kind, body string) *reply {
		r := httptest.NewRequest(post, "/api/v1/aliases/", strings.NewReader(body))
		r.Header.Set("Authorization", "Token "+w.token("root"))
		r.Header.Set("Content-Type", kind)
		return w.send(r)
	}
	for _, tt := range []struct {
		kind, body string
		status     int
	}{
		{"application/json", `{"address": "a@one.test", "recipients": ["x@far.test"]}`, 201},
		{"application/json; charset=utf-8", `{"address": "b@one.test", "recipients": ["x@far.test"]}`, 201},
		{"", `{"address": "c@one.test", "recipients": ["x@far.test"]}`, 201},
		{"application/x-www-form-urlencoded", "address=d@one.test&recipients=x@far.test&recipients=y@far.test", 201},
		{"application/x-www-form-urlencoded", "address=%zz", 400},
		{"multipart/form-data; boundary=x", "--x--", 415},
		{"text/xml", "<a/>", 415},
		{"application/json", `{"address": "` + strings.Repeat("a", requestSize) + `"}`, 413},
		{"application/json", strings.Repeat("[", 20000), 400},
	} {
		if r := send(tt.kind, tt.body); r.status != tt.status {
			t.Errorf("%s %.60s: %d, want %d: %s", tt.kind, tt.body, r.status, tt.status, r.text)
		}
	}
	r := w.must(http.StatusOK, "root", get, "/api/v1/aliases/by-name/d@one.test", nil)
	if got := r.field("recipients.1"); got != "y@far.test" {
		t.Errorf("recipients of a form: %s", r.text)
	}
}
