package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa"
)

// served gives a world what a daemon has: a snapshot of its database.
func served(t *testing.T, w *world) {
	t.Helper()
	b := store.NewBuilder()
	if err := (&modoboa.Source{DB: w.d}).Load(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	s := store.Static(b.Build(time.Now()))
	o := lookup.Options{RecipientDelimiter: "+"}
	r := lookup.NewResolver(s, o)
	w.o.Lookup = func(ctx context.Context, table, key string) (string, bool, error) {
		v, found, err := r.Lookup(ctx, nil, []byte(table), []byte(key))
		return string(v), found, err
	}
	w.o.Explain = func(_ context.Context, address string, may func(string) bool) (*lookup.Explanation, error) {
		return lookup.ExplainWithin(s.Current(), o, address, time.Now(), may), nil
	}
	w.o.ExplainLogin = func(_ context.Context, login, service string) (*lookup.Explanation, error) {
		return lookup.ExplainLogin(s.Current(), o, lookup.Login{Name: login, Service: service}, time.Now()), nil
	}
	w.o.Status = func() (Brief, any) {
		return Brief{Ready: true, Version: "v"}, map[string]string{"secret": "for super administrators"}
	}
	w.o.Doctor = func(context.Context) (any, error) { return []any{}, nil }
	w.serve()
}

// TestViewsAreOwn wants everyone to be told about what is his alone.
func TestViewsAreOwn(t *testing.T) {
	w := sqliteWorld(t)
	served(t, w)
	s := described(t)
	for _, tt := range []struct {
		who, path string
		status    int
	}{
		{"root", "lookup?table=aliases&key=sales@two.test", 200},
		{"root", "lookup?table=sql-domains&key=one.test", 200},
		{"root", "lookup?table=nothing&key=x", 400},
		{"root", "lookup?table=aliases", 400},
		{"root", "explain?address=sales@two.test", 200},
		{"root", "explain?login=ann@one.test&service=imap", 200},
		{"root", "explain", 400},
		{"root", "explain?login=x&address=y", 400},
		{"root", "doctor", 200},
		{"adm@one.test", "lookup?table=aliases&key=Info@One.test", 200},
		{"adm@one.test", "lookup?table=domains&key=one.test", 200},
		{"adm@one.test", "lookup?table=aliases&key=sales@two.test", 404},
		{"adm@one.test", "lookup?table=domains&key=two.test", 404},
		{"adm@one.test", "explain?address=sales@two.test", 404},
		{"adm@one.test", "explain?login=cem@two.test", 404},
		{"adm@one.test", "explain?login=ann@one.test", 200},
		{"adm@one.test", "explain?login=cem@two.test*adm@one.test", 404},
		{"adm@one.test", "explain?login=cem@two.test*adm", 404},
		{"adm@one.test", "lookup?table=aliases&key=sales@two.test@one.test", 404},
		{"ann@one.test", "explain?address=ann@one.test", 200},
		{"ann@one.test", "explain?login=ANN@one.test", 200},
		{"ann@one.test", "explain?address=bob@one.test", 404},
		{"ann@one.test", "lookup?table=domains&key=one.test", 404},
		{"ann@one.test", "lookup?table=mailboxes&key=ann@one.test", 200},
		{"rita", "explain?address=ann@one.test", 404},
		{"ann@one.test", "doctor", 403},
	} {
		r := w.ask(tt.who, get, "/api/v1/"+tt.path, nil)
		if r.status != tt.status {
			t.Errorf("%s %s: %d, want %d: %s", tt.who, tt.path, r.status, tt.status, r.text)
		}
		s.checkAnswer(t, routeCalled(w.done[len(w.done)-1].Route), r)
	}
	if r := w.ask("root", get, "/api/v1/lookup?table=aliases&key=sales@two.test", nil); r.field("value") != "info@one.test,cem@two.test" || r.field("found") != true {
		t.Errorf("lookup: %s", r.text)
	}
	w.must(http.StatusCreated, "root", post, "/api/v1/senderaddresses/", `{"address": "info@one.test", "mailbox": "cem@two.test"}`)
	served(t, w)
	for who, want := range map[string]bool{"root": true, "adm@one.test": false} {
		r := w.must(http.StatusOK, who, get, "/api/v1/lookup?table=sender-login&key=info@one.test", nil)
		if strings.Contains(r.text, "cem@two.test") != want || !strings.Contains(r.text, "ann@one.test") {
			t.Errorf("who may send, for %s: %s", who, r.text)
		}
	}
	for who, want := range map[string]bool{"root": true, "ann@one.test": false, "adm@one.test": false} {
		if r := w.must(http.StatusOK, who, get, "/api/v1/status", nil); strings.Contains(r.text, "secret") != want {
			t.Errorf("status for %s: %s", who, r.text)
		}
	}
}

// TestExplanationsEndAtTheBorder wants an administrator to see where mail for
// his addresses goes, and nothing of what happens in the domains of others.
func TestExplanationsEndAtTheBorder(t *testing.T) {
	w := sqliteWorld(t)
	w.must(http.StatusCreated, "root", post, "/api/v1/aliases/", `{"address": "out@one.test", "recipients": ["sales@two.test", "bob@one.test"]}`)
	w.must(http.StatusCreated, "root", post, "/api/v1/aliases/", `{"address": "hidden@two.test", "recipients": ["secret@far.test"]}`)
	w.must(http.StatusOK, "root", patch, "/api/v1/aliases/"+mb(aliasID(w, "sales@two.test"))+"/", `{"recipients": ["hidden@two.test"]}`)
	served(t, w)
	full := w.must(http.StatusOK, "root", get, "/api/v1/explain?address=out@one.test", nil)
	if !strings.Contains(full.text, "secret@far.test") {
		t.Fatalf("the test shows nothing: %s", full.text)
	}
	own := w.must(http.StatusOK, "adm@one.test", get, "/api/v1/explain?address=out@one.test", nil)
	for text, want := range map[string]bool{"secret@far.test": false, "hidden@two.test": false, "bob@one.test": true, "somebody else administrates": true} {
		if strings.Contains(own.text, text) != want {
			t.Errorf("%s: %v, want %v: %s", text, !want, want, own.text)
		}
	}
}

func aliasID(w *world, address string) (id int64) {
	if err := w.d.QueryRow(w.d.Rebind("SELECT id FROM admin_alias WHERE address = ?"), address).Scan(&id); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// TestServed wants ?wait=served to tell what came of it, and a change to stand
// whatever that is.
func TestServed(t *testing.T) {
	w := sqliteWorld(t)
	var failure error
	for i, tt := range []struct {
		daemon bool
		err    error
		want   string
	}{{false, nil, "no daemon"}, {true, nil, "yes"}, {true, errors.New("the database is away"), "not yet"}} {
		w.o.Sync, failure = nil, tt.err
		if tt.daemon {
			w.o.Sync = func(context.Context) error { return failure }
		}
		w.serve()
		name := "s" + mb(int64(i)) + ".test"
		r := w.must(http.StatusCreated, "root", post, "/api/v1/domains/?wait=served", `{"name": "`+name+`"}`)
		if got := r.header.Get("X-Served"); got != tt.want {
			t.Errorf("X-Served %q, want %q", got, tt.want)
		}
		if r := w.must(http.StatusCreated, "root", post, "/api/v1/domains/", `{"name": "n`+name+`"}`); r.header.Get("X-Served") != "" {
			t.Error("somebody waited who was not asked to")
		}
		w.must(http.StatusOK, "root", get, "/api/v1/domains/by-name/"+name, nil)
	}
}

// TestAbsent wants parts that are not there to be 404, not a panic.
func TestAbsent(t *testing.T) {
	w := sqliteWorld(t)
	for _, path := range []string{"lookup?table=aliases&key=a@one.test", "explain?address=a@one.test", "status", "doctor", "dkim", "dkim/one.test", "dkim/one.test/check"} {
		w.must(http.StatusNotFound, "root", get, "/api/v1/"+path, nil)
	}
}

// TestPanic wants a bug to be a 500 that is logged, and nothing more.
func TestPanic(t *testing.T) {
	w := sqliteWorld(t)
	w.o.Status = func() (Brief, any) { panic("a bug") }
	w.serve()
	r := w.must(http.StatusInternalServerError, "root", get, "/api/v1/status", nil)
	if strings.Contains(r.text, "a bug") || w.done[0].Err == nil {
		t.Errorf("%s %v", r.text, w.done[0].Err)
	}
}
