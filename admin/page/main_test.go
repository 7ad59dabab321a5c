package page

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// worldData: root may do everything, rita is a reseller, adm administrates
// one.test alone, ann is a user. Passwords are "Secret" and a digit.
const worldData = `domain;one.test;1000;100;true
domain;two.test;0;0;true
domainalias;alias.test;one.test;true
relaydomain;relay.test;192.0.2.10;25;relay;true;true
account;rita;{PLAIN}Secret1;Rita;R;true;Resellers;;0
account;ann@one.test;{PLAIN}Secret2;Ann;A;true;SimpleUsers;ann@one.test;50
account;adm@one.test;{PLAIN}Secret3;Adm;A;true;DomainAdmins;adm@one.test;0;one.test
account;cem@two.test;{PLAIN}Secret4;Cem;C;true;SimpleUsers;cem@two.test;0
alias;info@one.test;true;ann@one.test;cem@two.test;x@far.test
alias;sales@two.test;true;cem@two.test
`

var passwords = map[string]string{"root": "Secret0", "rita": "Secret1", "ann@one.test": "Secret2", "adm@one.test": "Secret3", "cem@two.test": "Secret4"}

// world is a page over a database.
type world struct {
	t   testing.TB
	d   *db.DB
	m   *manage.Manager
	srv *httptest.Server

	mu       sync.Mutex
	now      time.Time
	live     Live
	keys     Keys
	report   *dnschecks.Report
	findings []Finding
	reported []string
	logins   []netip.Addr
}

// openWorld makes a database with worldData and serves the page. change may
// change what the page is made of.
func openWorld(t testing.TB, change func(*Options)) *world {
	t.Helper()
	return openWorldAt(t, dbtest.SQLite(t), change)
}

// openWorldAt is openWorld in the empty database of url.
func openWorldAt(t testing.TB, url string, change func(*Options)) *world {
	t.Helper()
	d := dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{Admin: "root"}); err != nil {
		t.Fatal(err)
	}
	dbtest.Exec(t, d, "UPDATE core_user SET password = '{PLAIN}Secret0' WHERE username = 'root'")
	w := &world{t: t, d: d, now: time.Now(), live: Live{Ready: true, Served: true, Up: true, Following: true, Database: "sqlite:test", Rates: []Rate{{Protocol: "socketmap", Seconds: []uint32{0, 10, 20}}}}}
	w.csv(worldData)
	dbtest.Exec(t, d, "UPDATE limits_userobjectlimit SET max_value = -1 WHERE name <> 'quota'")
	w.m = manage.New(manage.Options{DB: d, Hash: func(_, password string) (string, error) { return "{PLAIN}" + password, nil }})
	o := w.options()
	if change != nil {
		change(&o)
	}
	w.srv = httptest.NewServer(New(o))
	t.Cleanup(w.srv.Close)
	return w
}

func (w *world) csv(text string) {
	w.t.Helper()
	if _, err := modoboa.ImportCSV(w.t.Context(), w.d, strings.NewReader(text), modoboa.ImportOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// options join the page to the database as the daemon does, with a snapshot that
// is read anew for each question.
func (w *world) options() Options {
	return Options{
		Version: "test", Manager: func() *manage.Manager { return w.m }, Login: w.login,
		Live: func() Live { w.mu.Lock(); defer w.mu.Unlock(); return w.live },
		Explain: func(address string, may func(string) bool) (*lookup.Explanation, error) {
			snap, err := w.snapshot()
			if err != nil {
				return nil, err
			}
			return lookup.ExplainWithin(snap, lookup.Options{RecipientDelimiter: "+"}, address, time.Now(), may), nil
		},
		ExplainLogin: func(login string) (*lookup.Explanation, error) {
			snap, err := w.snapshot()
			if err != nil {
				return nil, err
			}
			return lookup.ExplainLogin(snap, lookup.Options{}, lookup.Login{Name: login}, time.Now()), nil
		},
		Keys: func(context.Context, string, bool) (Keys, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.keys, nil
		},
		DNS: func(context.Context, *manage.Domain, bool) (*dnschecks.Report, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.report, nil
		},
		Doctor: func(context.Context) ([]Finding, error) { w.mu.Lock(); defer w.mu.Unlock(); return w.findings, nil },
		Report: func(what string, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reported = append(w.reported, fmt.Sprintf("%s: %v", what, err))
		},
		Now: func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now },
	}
}

func (w *world) snapshot() (*store.Snapshot, error) {
	b := store.NewBuilder()
	if err := (&modoboa.Source{DB: w.d}).Load(context.Background(), b); err != nil {
		return nil, err
	}
	return b.Build(time.Now()), nil
}

// login compares with what is stored.
func (w *world) login(ctx context.Context, name, password string, remote netip.Addr) SignIn {
	w.mu.Lock()
	w.logins = append(w.logins, remote)
	w.mu.Unlock()
	var stored string
	err := w.d.QueryRowContext(ctx, w.d.Rebind("SELECT password FROM core_user WHERE username = ?"), store.Fold(name)).Scan(&stored)
	if err == nil && stored == "{PLAIN}"+password {
		return SignIn{Name: store.Fold(name)}
	}
	if name == "nobody knows" {
		return SignIn{Unsure: true}
	}
	return SignIn{Delay: time.Millisecond}
}

// visitor is a browser.
type visitor struct {
	w      *world
	client *http.Client
}

// visitor returns a browser that has signed in; nobody for "".
func (w *world) visitor(name string) *visitor {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	v := &visitor{w: w, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if name != "" {
		if a := v.send("/signin", url.Values{"name": {name}, "password": {passwords[name]}}); a.status != http.StatusSeeOther {
			w.t.Fatalf("sign in as %s: %d %s", name, a.status, a.body)
		}
	}
	return v
}

// answer is what a browser gets.
type answer struct {
	status int
	to     string // Location
	body   string
	header http.Header
}

func (v *visitor) do(r *http.Request) *answer {
	v.w.t.Helper()
	resp, err := v.client.Do(r)
	if err != nil {
		v.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.w.t.Fatal(err)
	}
	return &answer{resp.StatusCode, resp.Header.Get("Location"), string(body), resp.Header}
}

func (v *visitor) get(path string) *answer {
	v.w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, v.w.srv.URL+path, nil)
	if err != nil {
		v.w.t.Fatal(err)
	}
	return v.do(r)
}

// send posts a form as it is.
func (v *visitor) send(path string, form url.Values) *answer {
	v.w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, v.w.srv.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.do(r)
}

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

// token is that of the visitor's session, from a page that everybody has.
func (v *visitor) token() string {
	v.w.t.Helper()
	found := tokenField.FindStringSubmatch(v.get("/me").body)
	if found == nil {
		v.w.t.Fatal("no token in /me")
	}
	return found[1]
}

// post posts a form with the session's token: pairs of names and values.
func (v *visitor) post(path string, pairs ...string) *answer {
	v.w.t.Helper()
	form := url.Values{"token": {v.token()}}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return v.send(path, form)
}

// wants fails unless an answer has a status and texts; one that begins with "!"
// must not be there.
func (v *visitor) wants(a *answer, status int, texts ...string) {
	v.w.t.Helper()
	if a.status != status {
		v.w.t.Errorf("status %d, want %d; to %q: %s", a.status, status, a.to, a.main())
		return
	}
	for _, text := range texts {
		if not, ok := strings.CutPrefix(text, "!"); ok == strings.Contains(a.body, strings.TrimPrefix(not, "!")) {
			v.w.t.Errorf("%q: there is %v: %s", text, ok, a.main())
		}
	}
}

// main is what the page is about, and not too much of it.
func (a *answer) main() string {
	_, body, _ := strings.Cut(a.body, "<main")
	return body[:min(len(body), 1200)]
}

// id finds the number of an object by its name.
func (w *world) id(table, column, name string) string {
	w.t.Helper()
	var id string
	if err := w.d.QueryRowContext(context.Background(), w.d.Rebind("SELECT id FROM "+table+" WHERE "+column+" = ?"), name).Scan(&id); err != nil {
		w.t.Fatalf("%s %s: %v", table, name, err)
	}
	return id
}

// quiet fails if the page reported anything.
func (w *world) quiet() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.reported) > 0 {
		w.t.Errorf("reported: %v", w.reported)
	}
}
