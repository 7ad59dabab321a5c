package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store/db/dbtest"
)

// players are the logins of those who ask in the recordings.
var players = map[string]string{"anon": "", "admin": "admin", "user1": "user1@example.test", "domadmin": "domadmin@example.test", "reseller": "reseller@example.test"}

// replay plays a recording against an API and holds the answers against each
// other.
type replay struct {
	*world
	t        *testing.T
	release  string
	disabled bool           // account user2
	asked    map[string]int // queries
	loose    bool           // numbers of new objects are not compared: failed requests used some up
	used     map[*difference]bool
}

// TestReplay plays what was recorded of real Modoboas, in order, on an empty
// database: the same statuses and answers, field by field, but for the
// differences that are meant; and then the same rows.
func TestReplay(t *testing.T) {
	for _, release := range []string{"1.10.0", "2.9.3"} {
		t.Run(release, func(t *testing.T) {
			made, asked := transcript(t, release), behaviour(t, release)
			dbtest.Each(t, func(t *testing.T, url string) {
				r := &replay{t: t, world: openWorldOf(t, url, "admin", ""), release: release, used: map[*difference]bool{}, asked: map[string]int{}}
				r.transcript(made)
				r.arrange()
				r.compareTables()
				r.loose = true
				for _, e := range asked {
					if e.sql != "" {
						r.rows(e)
					} else {
						r.play(e)
					}
				}
				for i := range differences {
					if d := &differences[i]; d.in(release) && !r.used[d] {
						t.Errorf("no answer differed in %q: is it mended?", d.why)
					}
				}
			})
		})
	}
}

// transcript plays how the data was made. One account was not made by the API.
func (r *replay) transcript(all []exchange) {
	ldap, used := false, false
	for _, e := range all {
		if strings.HasSuffix(e.path, "/aliases/") && !ldap {
			ldap = true
			r.must(201, "admin", post, "/api/v1/accounts/", `{"username": "ldapuser@example.org", "role": "SimpleUsers", "random_password": true, "mailbox": {"use_domain_quota": true}}`)
			r.exec("UPDATE core_user SET is_local = ?, password = '' WHERE username = 'ldapuser@example.org'", false)
		}
		if e.method == get && !used {
			used = true
			r.usage()
		}
		r.play(e)
	}
}

func (r *replay) exec(query string, args ...any) {
	r.t.Helper()
	if _, err := r.d.Exec(r.d.Rebind(query), args...); err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
}

// play sends one request and compares the answer.
func (r *replay) play(e exchange) {
	r.t.Helper()
	method, path, body, ok := r.translate(e)
	if !ok {
		return
	}
	who := e.who
	if login, known := players[who]; known {
		who = login
	}
	got := r.ask(who, method, path, body)
	name := fmt.Sprintf("line %d: %s %s %s", e.line, e.who, method, path)
	if why := r.differs(&e, "status"); why != "" {
		return
	}
	if got.status != e.status {
		text, _ := json.Marshal(body)
		r.t.Errorf("%s %s: status %d, want %d: %s", name, text, got.status, e.status, got.text)
		return
	}
	r.compare(&e, name, "", e.answer, got.body)
}

// compare holds an answer of Modoboa's against ours; what ours has beyond it is
// not looked at.
func (r *replay) compare(e *exchange, name, at string, want, got any) {
	r.t.Helper()
	if r.differs(e, at) != "" {
		return
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			r.t.Errorf("%s: %s is %v, want an object", name, at, got)
			return
		}
		for _, field := range slices.Sorted(maps.Keys(w)) {
			if v, there := g[field]; there {
				r.compare(e, name, strings.TrimPrefix(at+"."+field, "."), w[field], v)
			} else if r.differs(e, strings.TrimPrefix(at+"."+field, ".")) == "" {
				r.t.Errorf("%s: there is no %s.%s", name, at, field)
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) < len(w) {
			r.t.Errorf("%s: %s is %v, want %v", name, at, got, want)
			return
		}
		for i := range w {
			r.compare(e, name, fmt.Sprintf("%s[%d]", at, i), w[i], g[i])
		}
	default:
		if !r.same(at, want, got) {
			r.t.Errorf("%s: %s is %#v, want %#v", name, at, got, want)
		}
	}
}

// same compares two values: times only by their being there.
func (r *replay) same(at string, want, got any) bool {
	if s, ok := want.(string); ok {
		if _, err := time.Parse(time.RFC3339Nano, s); err == nil && !strings.HasSuffix(at, "expire_at") {
			g, ok := got.(string)
			_, err := time.Parse(time.RFC3339Nano, g)
			return ok && err == nil
		}
		if w, err := time.Parse(time.RFC3339Nano, s); err == nil {
			g, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got))
			return err == nil && g.Equal(w)
		}
	}
	if r.loose && strings.HasSuffix(at, "pk") {
		return fmt.Sprintf("%T", want) == fmt.Sprintf("%T", got)
	}
	return want == got
}

var deletePath = regexp.MustCompile(`^(.*/\d+/)delete/$`)

// absent are parts of Modoboa's second API for which the first has no resource.
var absent = regexp.MustCompile(`/(identities|alarms|logs/messages|statistics|parameters|transports|account/me|account/api_token|capabilities|notifications|domains/1/dns_detail)/`)

// translate makes a request of ours of a recorded one.
func (r *replay) translate(e exchange) (method, path string, body any, ok bool) {
	method, path, body = e.method, e.path, e.body
	if absent.MatchString(path) {
		return "", "", nil, false
	}
	if path == "account/forward/" {
		answer := e.answer.(map[string]any)
		path = fmt.Sprintf("/api/v1/accounts/%d/forward/", r.id("core_user", "username", e.who))
		return put, path, map[string]any{"recipients": answer["recipients"], "keepcopies": answer["keepcopies"]}, true
	}
	second := strings.Contains(path, "/v2/")
	path = strings.Replace(path, "/v2/", "/v1/", 1)
	path = strings.Replace(path, "logs/audit-trail", "log", 1)
	if m := deletePath.FindStringSubmatch(path); m != nil {
		method, path, body = del, m[1], nil
	}
	if body != nil {
		body = restore(body.(map[string]any))
	}
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	if r.release == "1.10.0" {
		path += sep + "compat=1.10"
	} else if a, isPage := e.answer.(map[string]any); second && isPage && a["count"] != nil {
		path += sep + "page=1"
	}
	return method, path, body, true
}

func (r *replay) id(table, column, value string) (id int64) {
	r.t.Helper()
	if err := r.d.QueryRow(r.d.Rebind("SELECT id FROM "+table+" WHERE "+column+" = ?"), value).Scan(&id); err != nil {
		r.t.Fatalf("%s %s: %v", table, value, err)
	}
	return id
}

// restore completes a request that was cut off in the recording.
func restore(body map[string]any) map[string]any {
	name, _ := body["username"].(string)
	if box, ok := body["mailbox"].(map[string]any); name != "" && (ok && box["use_domain_quota"] == nil || !ok && body["language"] != nil && strings.Contains(name, "@")) {
		box = map[string]any{"full_address": name, "use_domain_quota": true}
		switch local, _, _ := strings.Cut(name, "@"); local {
		case "big":
			box = map[string]any{"full_address": name, "use_domain_quota": false, "quota": "20480"}
		case "zero", "zero2":
			box = map[string]any{"full_address": name, "use_domain_quota": false, "quota": "0"}
		}
		body["mailbox"] = box
	}
	if body["name"] == "relayx.test" {
		body["transport"] = map[string]any{"service": "relay", "_settings": `{"relay_target_host": "192.0.2.10", "relay_target_port": 26, "relay_verify_recipients": false}`}
	}
	return body
}
