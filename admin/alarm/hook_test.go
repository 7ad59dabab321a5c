package alarm

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHook(t *testing.T) {
	var got Payload
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get(SignatureHeader) != Signature([]byte("secret"), text) {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	h := NewHook(HookOptions{URL: srv.URL, Host: "mail.test", Secret: []byte("secret")})
	if err := h.Send(t.Context(), someEvents); err != nil {
		t.Fatal(err)
	}
	closed := time.Unix(1e9+90, 0).UTC()
	want := Payload{Version: 1, Host: "mail.test", Sent: got.Sent, Events: []Told{
		{Event: "opened", ID: "1", Kind: MailboxFull, Domain: "one.test", Mailbox: "ann@one.test", Title: "ann@one.test is 97 % full ü", Detail: "970 of 1000 MB", Opened: time.Unix(1e9, 0).UTC()},
		{Event: "closed", ID: "2", Kind: RedisError, Title: "mail.test: no Redis", Opened: time.Unix(1e9, 0).UTC(), Closed: &closed},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := Signature([]byte("key"), []byte("The quick brown fox jumps over the lazy dog")), "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"; got != want {
		t.Errorf("signature %s", got)
	}
}

// TestHookAnswers says which answers are failures, which are final, and where
// redirections may lead.
func TestHookAnswers(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	mux := http.NewServeMux()
	answer := func(path string, status int) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	answer("/ok", 204)
	answer("/down", 503)
	answer("/no", 422)
	answer("/secret", 403)
	mux.Handle("/here", http.RedirectHandler("/ok", http.StatusTemporaryRedirect))
	mux.Handle("/get", http.RedirectHandler("/ok", http.StatusFound))
	mux.Handle("/there", http.RedirectHandler(other.URL+"/", http.StatusPermanentRedirect))
	mux.Handle("/round", http.RedirectHandler("/round", http.StatusTemporaryRedirect))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	for path, want := range map[string]string{"/ok": "", "/here": "", "/down": "503", "/no": "422", "/secret": "403", "/get": "302", "/there": "308", "/round": "307"} {
		err := NewHook(HookOptions{URL: srv.URL + path}).Send(t.Context(), someEvents)
		var refused *RefusedError
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || errors.As(err, &refused) != (path == "/no") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirection to another host was followed")
	}
}

// TestHookTLS refuses certificates that nobody vouches for, and waits for nobody.
func TestHookTLS(t *testing.T) {
	hang := make(chan struct{})
	srv := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-hang
		}
	}))
	defer srv.Close()
	defer close(hang)
	srv.Config.ErrorLog = nil
	if err := NewHook(HookOptions{URL: srv.URL}).Send(t.Context(), someEvents); err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), srv.URL) {
		t.Errorf("an unknown certificate: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	if err := NewHook(HookOptions{URL: srv.URL, Roots: roots}).Send(t.Context(), someEvents); err != nil {
		t.Error(err)
	}
	if err := NewHook(HookOptions{URL: srv.URL + "/hang", Roots: roots, Timeout: 50 * time.Millisecond}).Send(t.Context(), someEvents); err == nil {
		t.Error("a server that hangs is waited for")
	}
}

// TestHookComesBack runs a whole book against a receiver that is away, answers
// 500, hangs, and then takes everything; opening and closing wait for nothing.
func TestHookComesBack(t *testing.T) {
	r := newReceiver(t)
	var failures atomic.Int32
	b := New(Options{
		Path: filepath.Join(t.TempDir(), "alarms.db"), Tick: time.Millisecond, Channels: func() Channels { return Channels{Hook: r.hook.Load()} },
		Report: func(string, error) { failures.Add(1) },
	})
	b.times = &times{first: time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	defer func() { cancel(); <-done }()
	b.Open(MailboxFull, "ann@one.test", "full", "")
	for _, path := range []string{"/away", "/down", "/hang"} {
		r.is(path)
		n := failures.Load()
		b.Open(MailboxFull, "bob@one.test", "full", "")
		eventually(t, "failures of a receiver that is "+path, func() bool { return failures.Load() >= n+2 })
	}
	r.is("/there")
	eventually(t, "both are told", func() bool { return len(r.told()) == 2 })
	b.Close(MailboxFull, "ann@one.test")
	eventually(t, "the closing is told", func() bool { got := r.told(); return len(got) == 3 && got[2] == "closed ann@one.test" })
}

// receiver is a web server in one of several states. A request goes by the state
// in which it was made: that of a moment before may still be on its way.
type receiver struct {
	*httptest.Server
	hook atomic.Pointer[Hook]

	mu  sync.Mutex
	got []string // "opened ann@one.test"
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	mux := http.NewServeMux()
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body) // only then is it seen that the client goes
		<-q.Context().Done()
	})
	mux.HandleFunc("/there", func(_ http.ResponseWriter, q *http.Request) {
		var p Payload
		_ = json.NewDecoder(q.Body).Decode(&p)
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range p.Events {
			r.got = append(r.got, e.Event+" "+e.Mailbox)
		}
	})
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	r.is("/away")
	return r
}

// is sets the state: /away, /down, /hang or /there. A receiver that is there is
// waited for, else a busy machine is told twice.
func (r *receiver) is(state string) {
	o := HookOptions{URL: r.URL + state, Timeout: time.Minute}
	switch state {
	case "/away":
		o.URL = "http://127.0.0.1:1/"
	case "/hang":
		o.Timeout = 50 * time.Millisecond
	}
	r.hook.Store(NewHook(o))
}

func (r *receiver) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// TestHandOver has a second book wait for the first, and know then what that one
// knew and what it was told meanwhile.
func TestHandOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alarms.db")
	run := func() (*Book, func()) {
		b := New(Options{Path: path, Tick: time.Millisecond})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.Run(ctx) }()
		return b, func() { cancel(); <-done }
	}
	old, end := run()
	eventually(t, "the first one runs", old.Ready)
	old.Open(MailboxFull, "ann@one.test", "full", "")
	old.Open(MailboxFull, "bob@one.test", "full", "")
	heir, endHeir := run()
	heir.Open(MailboxFull, "ann@one.test", "fuller", "")
	heir.Close(MailboxFull, "bob@one.test")
	if heir.Ready() {
		t.Error("two run at the same time")
	}
	end()
	eventually(t, "the heir runs", heir.Ready)
	if !heir.Holds(MailboxFull, "ann@one.test") || heir.Holds(MailboxFull, "bob@one.test") || heir.Count() != 1 {
		t.Errorf("held: %v", heir.Subjects(MailboxFull))
	}
	endHeir()
}
