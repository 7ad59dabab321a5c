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
