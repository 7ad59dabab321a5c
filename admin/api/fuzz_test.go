package api

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// owned are names that only their owners may be told: a needle for each domain
// and account of others, which no answer to somebody else may have.
var needles = map[string]string{"adm@one.test": "needletwo", "ann@one.test": "needletwo", "rita": "needle"}

const fuzzData = `domain;one.test;1000;100;true
domain;needletwo.test;0;0;true
domainalias;needlealias.test;needletwo.test;true
relaydomain;needlerelay.test;192.0.2.10;25;relay;true;true
account;rita;{PLAIN}x;Rita;R;true;Resellers;;0
account;ann@one.test;{PLAIN}x;Ann;A;true;SimpleUsers;ann@one.test;0
account;bob@one.test;{PLAIN}x;Bob;B;true;SimpleUsers;bob@one.test;50
account;adm@one.test;{PLAIN}x;Adm;A;true;DomainAdmins;adm@one.test;0;one.test
account;cem@needletwo.test;{PLAIN}x;Cem;C;true;SimpleUsers;cem@needletwo.test;0
account;deniz@needletwo.test;{PLAIN}x;Deniz;D;true;DomainAdmins;deniz@needletwo.test;0;needletwo.test
alias;info@one.test;true;ann@one.test;bob+info@one.test;x@far.test
alias;sales@needletwo.test;true;info@one.test;cem@needletwo.test
alias;@needletwo.test;true;cem@needletwo.test
`

// fuzzer makes requests of random numbers.
type fuzzer struct{ *rand.Rand }

func pick[T any](f fuzzer, all ...T) T { return all[f.IntN(len(all))] }

// values that a field may have, good and bad.
func (f fuzzer) value(depth int) any {
	switch f.IntN(14) {
	case 0:
		return nil
	case 1:
		return f.IntN(2) == 0
	case 2:
		return pick[any](f, 0, 1, -1, 2, 100, 2147483647, 2147483648, 1e300, 1.5)
	case 3:
		return pick(f, "", "0", "10GB", "true", "\u0000", "\ufffd", "é", "😀", "İ", strings.Repeat("x", 300), "'; DROP TABLE core_user --", "%", "{SHA}x")
	case 4, 5:
		return pick(f, "new.test", "one.test", "other.test", "relay.test", "x y", "ß.test", "😀.test", "-.test", ".", "a..b", strings.Repeat("a.", 130)+"test")
	case 6, 7:
		return pick(f, "new@one.test", "ann@one.test", "bob+x@one.test", "info@one.test", "@one.test", "a@b@one.test", "x@far.test", "@", "😀@one.test", "é@one.test", "a\"b@one.test", "rita", "NEW@ONE.TEST")
	case 8:
		return pick(f, "SimpleUsers", "DomainAdmins", "Resellers", "SuperAdmins", "Kings")
	case 9:
		return pick(f, "Secret4all", "short", "2030-01-01T00:00:00Z", "2030-13-01", "domain", "relaydomain")
	case 10, 11:
		if depth > 2 {
			return []any{}
		}
		list := []any{}
		for range f.IntN(4) {
			list = append(list, f.value(depth+1))
		}
		return list
	default:
		if depth > 2 {
			return map[string]any{}
		}
		return f.object(depth + 1)
	}
}

// fieldNames are those of all inputs.
var fieldNames = []string{"name", "type", "enabled", "quota", "default_mailbox_quota", "enable_dkim", "dkim_key_selector", "dkim_key_length", "message_limit", "enable_dns_checks", "transport",
	"service", "_settings", "settings", "relay_target_host", "relay_target_port", "relay_verify_recipients", "target", "target_name", "username", "first_name", "last_name", "is_active",
	"master_user", "role", "language", "phone_number", "secondary_email", "password", "new_password", "password_hash", "random_password", "mailbox", "full_address", "use_domain_quota", "is_send_only",
	"domains", "aliases", "address", "recipients", "description", "expire_at", "keepcopies", "mailbox_name", "account", "user", "domain_aliases", "mailboxes", "mailbox_aliases", "domain_admins",
	"actions", "dry_run", "method", "path", "body", "selector", "algorithm", "bits"}

func (f fuzzer) object(depth int) map[string]any {
	o := map[string]any{}
	for range f.IntN(7) {
		o[pick(f, fieldNames...)] = f.value(depth)
	}
	return o
}

// sensible is a body that often works on a route.
func (f fuzzer) sensible(pattern string) map[string]any {
	local, domain := pick(f, "a", "b", "ann", "bob", "info", "new"), pick(f, "one.test", "new.test", "needletwo.test")
	resource, _, _ := strings.Cut(strings.TrimPrefix(pattern, base), "/")
	o := map[string]any{}
	switch {
	case strings.HasSuffix(pattern, "/password/"):
		o = map[string]any{"password": "x", "new_password": "Secret4all"}
	case strings.HasSuffix(pattern, "/forward/"):
		o = map[string]any{"recipients": pick(f, "x@far.test", "bob@one.test", ""), "keepcopies": f.IntN(2) == 0}
	case strings.HasSuffix(pattern, "/administrators/"), resource == "tokens":
		o = map[string]any{"user": 1 + f.IntN(8), "account": 1 + f.IntN(8)}
	case resource == "domains" && !strings.HasSuffix(pattern, "/limits/"):
		o = map[string]any{"name": pick(f, "new.test", "newer.test", "new"+fmt.Sprint(f.IntN(50))+".test"), "quota": pick(f, 0, 100, 5000)}
	case resource == "relaydomains":
		o = map[string]any{"name": "r" + fmt.Sprint(f.IntN(50)) + ".test", "transport": map[string]any{"service": "relay", "_settings": map[string]any{"relay_target_host": "192.0.2.1", "relay_target_port": 25}}}
	case resource == "domainaliases":
		o = map[string]any{"name": "alias" + fmt.Sprint(f.IntN(50)) + ".test", "target": 1 + f.IntN(5)}
	case resource == "accounts":
		o = map[string]any{"username": local + fmt.Sprint(f.IntN(30)) + "@" + domain, "role": pick(f, "SimpleUsers", "SimpleUsers", "DomainAdmins"), "password": "Secret4all", "mailbox": map[string]any{"use_domain_quota": true}}
	case resource == "aliases":
		o = map[string]any{"address": local + fmt.Sprint(f.IntN(30)) + "@" + domain, "recipients": []any{pick(f, "x@far.test", "ann@one.test", "cem@needletwo.test", "a1@one.test")}}
	case resource == "senderaddresses":
		o = map[string]any{"address": pick(f, "boss@far.test", "@far.test", local+"@"+domain), "mailbox": 1 + f.IntN(6)}
	default:
		o = map[string]any{"domains": 5, "mailboxes": 5, "mailbox_aliases": 5, "quota": 10}
	}
	if strings.HasSuffix(pattern, "{name}") {
		delete(o, pick(f, "name", "username", "address"))
	}
	if f.IntN(4) == 0 {
		o[pick(f, fieldNames...)] = f.value(0)
	}
	return o
}

func (f fuzzer) body(pattern string) any {
	switch f.IntN(12) {
	case 0:
		return pick(f, "", "{", "null", "[]", `"x"`, "\xff", `{"name": "\ud800"}`, strings.Repeat(`{"a":`, 200)+"1")
	case 1, 2, 3:
		return f.object(0)
	case 4:
		actions := []any{}
		for range f.IntN(5) {
			r := pick(f, Routes()...)
			actions = append(actions, map[string]any{"method": r.Method, "path": f.path(r.Pattern), "body": f.sensible(r.Pattern)})
		}
		return map[string]any{"actions": actions, "dry_run": f.IntN(2) == 0}
	}
	return f.sensible(pattern)
}

func (f fuzzer) path(pattern string) string {
	name := pick(f, "one.test", "needletwo.test", "new.test", "ann@one.test", "cem@needletwo.test", "info@one.test", "needlealias.test", "needlerelay.test", "rita", "%00", "%ff", "a%2Fb", "..", "@one.test")
	pk := fmt.Sprint(1 + f.IntN(12))
	if f.IntN(4) == 0 {
		pk = pick(f, "0", "-1", "2147483648", "x", "99999999999999999999", "1%20")
	}
	return strings.NewReplacer("{pk}", pk, "{account}", fmt.Sprint(f.IntN(9)), "{name}", name, "{domain}", name).Replace(pattern)
}

func (f fuzzer) query() string {
	q := url.Values{}
	for range max(0, f.IntN(6)-2) {
		q.Set(pick(f, "search", "ordering", "page", "page_size", "domain", "role", "type", "enabled", "internal", "mailbox", "email", "table", "key", "address", "login", "compat", "wait", "keepdir", "used", "level", "is_active"),
			pick(f, "", "1", "-1", "name", "-created", "quota", "role", "last_login", "one.test", "needletwo.test", "cem@needletwo.test", "aliases", "true", "x", "1.10", "served", "%", "_", "!", "\xff", "999999999999", "'", "😀", "é", "\x00"))
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// asked are the names in a request: an answer may repeat them.
func asked(path string, body any) string {
	text, _ := json.Marshal(body)
	if s, ok := body.(string); ok {
		text = []byte(s)
	}
	p, _ := url.PathUnescape(path)
	return p + string(text)
}

// TestRandomRequests is FuzzRoutes on every engine, whose databases refuse
// different things.
func TestRandomRequests(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		w := openWorld(t, url, fuzzData)
		served(t, w)
		people := []string{"root", "rita", "adm@one.test", "ann@one.test", "deniz@needletwo.test", ""}
		for _, who := range people {
			w.token(who)
		}
		r := fuzzer{rand.New(rand.NewPCG(2026, 11))}
		for range 400 {
			w.fuzzOne(t, r, pick(r, people...))
		}
	})
}

// FuzzRoutes sends random requests of random people to the whole table of
// routes: no answer is a 500, and none tells what is not the caller's.
func FuzzRoutes(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint8(60))
	}
	people := []string{"root", "rita", "adm@one.test", "ann@one.test", "deniz@needletwo.test", ""}
	file := filepath.Join(f.TempDir(), "made.db")
	made := openWorld(f, "sqlite:"+file, fuzzData)
	for _, who := range people {
		made.token(who)
	}
	if _, err := made.d.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint8) {
		copied := filepath.Join(t.TempDir(), "vmapd.db")
		if err := os.WriteFile(copied, text, 0o600); err != nil {
			t.Fatal(err)
		}
		w := reopenWorld(t, "sqlite:"+copied)
		w.tokens = made.tokens
		served(t, w)
		r := fuzzer{rand.New(rand.NewPCG(seed, 0))}
		for range n % 80 { // one run is to be short
			w.fuzzOne(t, r, pick(r, people...))
			if t.Failed() {
				return
			}
		}
	})
}

// revive gives somebody his token back, whose account was closed or whose token
// was revoked; false is somebody who is no more.
func (w *world) revive(who string) bool {
	w.h.(*server).throttle = newThrottle(time.Now)
	if who == "" {
		return true
	}
	var id int64
	err := w.d.QueryRow(w.d.Rebind("SELECT id FROM core_user WHERE username = ?"), who).Scan(&id)
	if err != nil {
		return false
	}
	key := w.d.Quote("key")
	for _, q := range []struct {
		query string
		args  []any
	}{
		{"UPDATE core_user SET is_active = ? WHERE id = ?", []any{true, id}},
		{"DELETE FROM authtoken_token WHERE user_id = ?", []any{id}},
		{"INSERT INTO authtoken_token (" + key + ", created, user_id) VALUES (?, ?, ?)", []any{w.tokens[who], w.d.Time(time.Now()), id}},
	} {
		if _, err := w.d.Exec(w.d.Rebind(q.query), q.args...); err != nil {
			w.t.Fatal(err)
		}
	}
	return true
}

func (w *world) fuzzOne(t *testing.T, f fuzzer, who string) {
	if !w.revive(who) {
		who = "root"
		w.revive(who)
	}
	route := pick(f, Routes()...)
	method := route.Method
	if f.IntN(10) == 0 {
		method = pick(f, get, post, put, patch, del, "HEAD", "OPTIONS", "TRACE", "BREW")
	}
	path := f.path(route.Pattern) + f.query()
	var body any
	if method == post || method == put || method == patch {
		body = f.body(route.Pattern)
	}
	r := w.ask(who, method, path, body)
	rec := w.done[len(w.done)-1]
	text, _ := json.Marshal(body)
	what := fmt.Sprintf("%s %s %s %s", who, method, path, text)
	switch {
	case r.status >= http.StatusInternalServerError:
		t.Errorf("%s: %d %v", what, r.status, rec.Err)
	case who == "" && r.status < http.StatusBadRequest:
		t.Errorf("%s: nobody got in: %d %s", what, r.status, r.text)
	case strings.Contains(r.text, "{PLAIN}") || strings.Contains(r.text, w.tokens["root"]) && who != "root":
		t.Errorf("%s: a secret is told: %s", what, r.text)
	}
	needle := needles[who]
	if needle != "" && strings.Contains(r.text, needle) && !strings.Contains(asked(path, body), needle) && !w.hasNow(who, needle) {
		t.Errorf("%s: the answer is about somebody else's: %s", what, r.text)
	}
	if i := slices.IndexFunc(Routes(), func(one Route) bool { return one.Name == rec.Route }); i >= 0 && r.status < http.StatusBadRequest && !Routes()[i].May(w.callerOf(who)) {
		t.Errorf("%s: the route is not open to him: %d", what, r.status)
	}
}

// callerOf finds somebody as he is now: super administrators may have changed
// him.
func (w *world) callerOf(login string) *manage.Caller {
	c, err := w.m.CallerByName(w.t.Context(), login)
	if err != nil {
		w.t.Fatal(err)
	}
	if c == nil {
		c = &manage.Caller{}
	}
	return c
}

// hasNow reports whether somebody has come to something by what super
// administrators did meanwhile.
func (w *world) hasNow(login, needle string) bool {
	var n int
	err := w.d.QueryRow(w.d.Rebind(`SELECT count(*) FROM core_user u LEFT JOIN core_objectaccess oa ON oa.user_id = u.id LEFT JOIN django_content_type ct ON ct.id = oa.content_type_id
		LEFT JOIN admin_domain d ON d.id = oa.object_id AND ct.model = 'domain' WHERE u.username = ? AND (u.is_superuser = ? OR d.name LIKE ?)`), login, true, needle+"%").Scan(&n)
	if err != nil {
		w.t.Fatal(err)
	}
	return n > 0
}
