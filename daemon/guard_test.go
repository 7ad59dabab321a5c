package daemon

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/lookup/guard"
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
