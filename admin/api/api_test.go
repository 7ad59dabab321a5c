package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// world is an API over a database, and those who use it.
type world struct {
	t      testing.TB
	d      *db.DB
	m      *manage.Manager
	o      Options
	h      http.Handler
	tokens map[string]string // by login
	done   []Record
}

// worldData is what most tests begin with. root may do everything, rita is a
// reseller, adm administrates one.test alone, ann is a user.
const worldData = `domain;one.test;1000;100;true
domain;two.test;0;0;true
domainalias;alias.test;one.test;true
relaydomain;relay.test;192.0.2.10;25;relay;true;true
account;rita;{PLAIN}x;Rita;R;true;Resellers;;0
account;ann@one.test;{PLAIN}x;Ann;A;true;SimpleUsers;ann@one.test;0
account;bob@one.test;{PLAIN}x;Bob;B;true;SimpleUsers;bob@one.test;50
account;adm@one.test;{PLAIN}x;Adm;A;true;DomainAdmins;adm@one.test;0;one.test
account;cem@two.test;{PLAIN}x;Cem;C;true;SimpleUsers;cem@two.test;0
alias;info@one.test;true;ann@one.test;bob+info@one.test;x@far.test
alias;sales@two.test;true;info@one.test;cem@two.test
alias;@two.test;true;cem@two.test
`

// people are who the tests ask as: nobody, somebody with a wrong token, and one
// of each role.
var people = []string{"", "wrong", "ann@one.test", "adm@one.test", "rita", "root"}

func openWorld(t testing.TB, url, data string) *world {
	t.Helper()
	return openWorldOf(t, url, "root", data)
}

// openWorldOf makes a world whose super administrator has a name.
func openWorldOf(t testing.TB, url, admin, data string) *world {
	t.Helper()
	w := reopenWorld(t, url)
	who, err := modoboa.Init(t.Context(), w.d, modoboa.InitOptions{Admin: admin})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := modoboa.ImportCSV(t.Context(), w.d, strings.NewReader(data), modoboa.ImportOptions{}); data != "" && err != nil {
		t.Fatal(err)
	}
	w.tokens["root"], w.tokens[admin] = who.Token, who.Token
	return w
}

// reopenWorld is openWorld of a database that is made already.
func reopenWorld(t testing.TB, url string) *world {
	t.Helper()
	w := &world{t: t, d: dbtest.Open(t, url, db.Options{}), tokens: map[string]string{"wrong": strings.Repeat("f", 40)}}
	w.m = manage.New(manage.Options{DB: w.d, Hash: func(_, password string) (string, error) { return "{PLAIN}" + password, nil }})
	w.o = Options{Manager: func() *manage.Manager { return w.m }, Done: func(r Record) { w.done = append(w.done, r) }}
	w.serve()
	return w
}

// serve makes the handler anew, after a change of the options.
func (w *world) serve() { w.h = New(w.o) }

// token gives an account a token, by the database: what tells who it is must not
// depend on what is tested.
func (w *world) token(login string) string {
	w.t.Helper()
	if login == "" || w.tokens[login] != "" {
		return w.tokens[login]
	}
	var id int64
	if err := w.d.QueryRow(w.d.Rebind("SELECT id FROM core_user WHERE username = ?"), login).Scan(&id); err != nil {
		w.t.Fatalf("account %s: %v", login, err)
	}
	key := fmt.Sprintf("%040x", id+0xabcdef)
	if _, err := w.d.Exec(w.d.Rebind("INSERT INTO authtoken_token ("+w.d.Quote("key")+", created, user_id) VALUES (?, ?, ?)"), key, w.d.Time(time.Now()), id); err != nil {
		w.t.Fatal(err)
	}
	w.tokens[login] = key
	return key
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	text   string
	body   any
}

// field finds a value by the names on the way to it, joined with dots; numbers
// are indexes.
func (r *reply) field(path string) any {
	v := r.body
	for name := range strings.SplitSeq(path, ".") {
		switch c := v.(type) {
		case map[string]any:
			v = c[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(c) {
				return nil
			}
			v = c[i]
		default:
			return nil
		}
	}
	return v
}

// ask sends a request as somebody. body is JSON, or what becomes JSON.
func (w *world) ask(login, method, path string, body any) *reply {
	w.t.Helper()
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		text, _ = json.Marshal(b)
	}
	r := httptest.NewRequest(method, "http://api.test"+path, bytes.NewReader(text))
	if text != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token := w.token(login); token != "" {
		r.Header.Set("Authorization", "Token "+token)
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) *reply {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	res := rec.Result()
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	out := &reply{status: res.StatusCode, header: res.Header, text: string(text)}
	if res.Header.Get("Content-Type") == "application/json" && r.Method != http.MethodHead {
		if err := json.Unmarshal(text, &out.body); err != nil {
			w.t.Fatalf("%s %s: the answer is no JSON: %v\n%s", r.Method, r.URL, err, text)
		}
	}
	return out
}

// must is ask of what has to be answered with a status.
func (w *world) must(status int, login, method, path string, body any) *reply {
	w.t.Helper()
	r := w.ask(login, method, path, body)
	if r.status != status {
		var why error
		if n := len(w.done); n > 0 {
			why = w.done[n-1].Err
		}
		w.t.Fatalf("%s %s %s: status %d, want %d: %s (%v)", login, method, path, r.status, status, r.text, why)
	}
	return r
}

// eachEngine runs f on worldData on each engine.
func eachEngine(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, url string) { f(t, openWorld(t, url, worldData)) })
}

// sqliteWorld is a world for what no engine makes a difference to.
func sqliteWorld(t testing.TB) *world { return openWorld(t, dbtest.SQLite(t), worldData) }
