package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/internal/peers"
	"github.com/vmapd/vmapd/lookup/guard"
	"github.com/vmapd/vmapd/lookup/guard/redisguard"
	"github.com/vmapd/vmapd/lookup/login"
)

// TestKnownPlacesOutlastARestart logs in, ends the guard, and lets another one
// begin with its file.
func TestKnownPlacesOutlastARestart(t *testing.T) {
	c := Default()
	c.StateDir = t.TempDir()
	d := &Daemon{cfg: c, log: &Logger{Logger: zap.NewNop()}}
	w := d.openGuard()
	home := guard.Attempt{Account: "u@a.test", Remote: netip.MustParseAddr("192.0.2.1"), Fingerprint: 1}
	w.Before(home)
	w.After(home, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.run(ctx)
	if st, err := os.Stat(filepath.Join(c.StateDir, "guard")); err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st, err)
	}
	again := d.openGuard()
	for i := range 100 { // from everywhere
		a := guard.Attempt{Account: "u@a.test", Remote: netip.AddrFrom4([4]byte{198, byte(i), 1, 1}), Fingerprint: uint64(2 + i)}
		if v := again.Before(a); !v.Refuse {
			again.After(a, false)
		}
	}
	if v := again.Before(home); v.Refuse {
		t.Errorf("the owner is refused at home: %+v", v)
	}
	stranger := home
	stranger.Remote, stranger.Fingerprint = netip.MustParseAddr("203.0.113.1"), 1000
	if v := again.Before(stranger); !v.Refuse {
		t.Errorf("a stranger is let through after a hundred guesses: %+v", v)
	}
}

// TestStatusAndForgive: an administrator sees who is refused, and lifts it.
func TestStatusAndForgive(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	const user = "user@example.com"
	remote := netip.MustParseAddr("192.0.2.1")
	guess := func(i int) bool {
		r.mu.Lock()
		l := r.logins
		r.mu.Unlock()
		out, rest := l.Check(&login.Attempt{Service: "imap", Login: []byte(user), Password: fmt.Append(nil, "guess", i), Remote: remote})
		if rest != nil {
			out = rest(t.Context())
		}
		return out.Cause == login.Guarded
	}
	looked := 0 // one guess in 500 has the fingerprint of one of the last eight, and does not count
	for looked < 30 && !guess(looked) {
		looked++
	}
	if looked < 20 || looked >= 30 {
		t.Errorf("%d guesses were looked at, want 20", looked)
	}
	for i := range 4 {
		if !guess(50 + i) {
			t.Errorf("guess %d: not refused", looked+2+i)
		}
	}
	worst := func() (g GuardStatus, names string) {
		t.Helper()
		s, err := r.client().Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range append(s.Guard.Accounts.Worst, s.Guard.Networks.Worst...) {
			names += fmt.Sprint(o.Name, " ", o.Guesses, " ", o.Refused, "; ")
		}
		return s.Guard, names
	}
	g, names := worst()
	if want := user + " 20 true; 192.0.2.1/32 20 true; 192.0.2.0/24 20 false; "; names != want {
		t.Errorf("the worst are %q, want %q", names, want)
	}
	if g.Attempts != uint64(looked)+5 || g.Refused != 5 || g.Accounts.Refused != 1 || g.Networks.Refused != 1 || g.Networks.Held != 0 || g.Shared || g.ShareError != "" {
		t.Errorf("%+v", g)
	}
	if f, err := r.client().Forgive(t.Context(), "User@Example.com"); err != nil || f.Account != user || f.Forgiven != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	if f, err := r.client().ForgiveNetwork(t.Context(), netip.MustParsePrefix("192.0.2.1/32")); err != nil || f.Forgiven != 2 {
		t.Errorf("%+v, %v", f, err)
	}
	if g, names := worst(); names != "" || g.Accounts.Refused+g.Networks.Refused != 0 {
		t.Errorf("forgiven, and still %q", names)
	}
	if guess(100) {
		t.Error("still refused")
	}
}

// TestStatusOfSharing: status says whether other nodes are told, and go-redis
// says nothing on standard error, where people look for what matters.
func TestStatusOfSharing(t *testing.T) {
	program := peers.Program(t, "redis-server", "redis-server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	r := newRig(t, basics+"[policy]\ncounters = \"redis://"+net.JoinHostPort(host, port)+"/0\"\n")
	initDatabase(t, r.database())
	defer r.Daemon.log.Redirect()()
	defer redisguard.SetLog(func(string) {})
	r.start(t)
	shared := func() error {
		s, err := r.client().Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !s.Guard.Shared {
			t.Fatal("the configuration says redis, the status does not")
		}
		if s.Guard.ShareError == "" {
			return nil
		}
		return errors.New(s.Guard.ShareError)
	}
	eventually(t, "status says that Redis cannot be reached", func() bool {
		err := shared()
		return err != nil && strings.Contains(err.Error(), "connection refused")
	})
	eventually(t, "what go-redis says is in the log", func() bool { return r.log.count(`"msg":"redis"`) > 0 })

	redis := exec.Command(program, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", r.dir)
	if err := redis.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = redis.Process.Kill(); _ = redis.Wait() }()
	eventually(t, "status says that counts are shared", func() bool { return shared() == nil })
}

// TestPolicyWantsAKey asks as Dovecot's auth service does.
func TestPolicyWantsAKey(t *testing.T) {
	c := Default()
	c.StateDir = t.TempDir()
	d := &Daemon{cfg: c, log: &Logger{Logger: zap.NewNop()}}
	d.logins = &logins{guard: d.openGuard()}
	ask := func(key string) int {
		r := httptest.NewRequest(http.MethodPost, "/policy?command=allow", strings.NewReader(`{"login":"u@a.test","remote":"192.0.2.1","pwhash":"073e","protocol":"imap"}`))
		r.Header.Set("Content-Type", "application/json")
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		w := httptest.NewRecorder()
		d.authPolicy().ServeHTTP(w, r)
		return w.Code
	}
	if code := ask("k"); code != http.StatusNotFound {
		t.Errorf("without a key in the configuration: %d", code)
	}
	c.Guard.PolicyKey = "k"
	if code := ask("other"); code != http.StatusUnauthorized {
		t.Errorf("with a wrong key: %d", code)
	}
}
