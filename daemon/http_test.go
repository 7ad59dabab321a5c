package daemon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/vmapd/vmapd/store"
)

// writeCertificate makes a certificate for 127.0.0.1 with that serial number.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "vmapd"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A new certificate is served after a reload of an unchanged configuration, a
// broken one is not.
func TestTLS(t *testing.T) {
	dir := shortDir(t)
	cert, key := dir+"/cert.pem", dir+"/key.pem"
	writeCertificate(t, cert, key, 1)
	r := newRig(t, "[[listen]]\nprotocol = \"http\"\naddress = \"inet:127.0.0.1:0\"\ntls_certificate = "+quote(cert)+"\ntls_key = "+quote(key)+"\n")
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	serial := func() int64 {
		t.Helper()
		address := strings.TrimPrefix(r.ports[0].address(), "inet:")
		c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test looks at the certificate itself
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Errorf("serial number %d", n)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // as above
	resp, err := client.Get("https://" + strings.TrimPrefix(r.ports[0].address(), "inet:") + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("/readyz: %d", resp.StatusCode)
	}
	writeCertificate(t, cert, key, 2)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 2 {
		t.Errorf("after a reload: serial number %d", n)
	}
	if err := os.WriteFile(cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "load tls_certificate "+cert) {
		t.Errorf("broken certificate: %v", err)
	}
	if n := serial(); n != 2 {
		t.Errorf("after a bad reload: serial number %d", n)
	}
}

func TestMetricsAreLocal(t *testing.T) {
	h := localOnly(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for peer, want := range map[string]int{"127.0.0.1:1": 200, "[::1]:1": 200, "@": 200, "": 200, "192.0.2.1:1": 403, "[2001:db8::1]:1": 403, "[::ffff:192.0.2.1]:1": 403} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.RemoteAddr = peer
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("peer %q: %d, want %d", peer, w.Code, want)
		}
	}
	// A proxy on this machine passes on what others ask.
	for by, want := range map[string]int{"127.0.0.1": 200, "192.0.2.1": 403, "127.0.0.1, 192.0.2.1": 403, "192.0.2.1, ::1": 200, "unknown": 403} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("X-Forwarded-For", by)
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("by a proxy for %q: %d, want %d", by, w.Code, want)
		}
	}
}

func TestReadiness(t *testing.T) {
	now := time.Now()
	s := &store.Store{Settings: store.Settings{Source: rows{}, Reload: -1, MaxStale: time.Minute}}
	d := &Daemon{store: s}
	if got := d.unready(); got != "no data yet: the database is being read" {
		t.Errorf("before the first load: %q", got)
	}
	d.store = loadedStore(t)
	if got := d.unready(); got != "" {
		t.Errorf("loaded: %q", got)
	}
	d.store.Now = func() time.Time { return now.Add(time.Hour) }
	d.store.Configure(store.Settings{Source: rows{}, Reload: -1, MaxStale: time.Minute})
	if got := d.unready(); !strings.Contains(got, "more than database.max_stale") || strings.Contains(got, "\n") {
		t.Errorf("stale: %q", got)
	}
}

// The same failure is one line a minute; another one, and the recovery, are
// lines of their own.
func TestFailuresAreLoggedOnce(t *testing.T) {
	log := &logBuffer{}
	logger := testLogger(log)
	logger.Level.SetLevel(zapcore.InfoLevel)
	var status []string
	l := &loads{log: logger.Logger, metrics: newMetrics(), status: func(s string) { status = append(status, s) }}
	good := store.LoadReport{Snapshot: loadedStore(t).Current(), Took: time.Second}
	down := store.LoadReport{Err: errors.New("postgres: no server answers"), Retry: time.Second}
	other := store.LoadReport{Err: errors.New("postgres: wrong password")}
	for _, r := range []store.LoadReport{good, good, down, down, down, other, other, good, good} {
		l.report(r)
	}
	for text, want := range map[string]int{
		`"read the database"`: 1, "no server answers": 1, "wrong password": 1, "can be read again": 1,
		`"the last good data"`: 2, "rows with problems": 2,
	} {
		if n := log.count(text); n != want {
			t.Errorf("%d lines with %s, want %d", n, text, want)
		}
	}
	if len(status) != 4 {
		t.Errorf("told systemd %q", status)
	}
	l.logged = time.Now().Add(-2 * repeatFailure)
	l.failing = down.Err.Error()
	l.report(down)
	if n := log.count("no server answers"); n != 2 {
		t.Errorf("after two minutes: %d lines", n)
	}
}
