package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// web is the service of protocol http.
type web struct {
	server      *http.Server
	certificate atomic.Pointer[tls.Certificate] // nil: plain http
}

// http makes the service of a [[listen]] section with protocol http.
func (d *Daemon) http(l *Listen) (service, error) { return newWeb(l, d.handler()) }

func newWeb(l *Listen, h http.Handler) (*web, error) {
	w := &web{server: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: l.RequestTimeout.D(),
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       l.IdleTimeout.D(),
		MaxHeaderBytes:    16 << 10,
	}}
	return w, w.loadCertificate(l)
}

// loadCertificate reads the certificate and key, again on every reload: they
// change without a change of the configuration.
func (s *web) loadCertificate(l *Listen) error {
	if l.TLSCertificate == "" {
		return nil
	}
	c, err := tls.LoadX509KeyPair(l.TLSCertificate, l.TLSKey)
	if err != nil {
		return fmt.Errorf("load tls_certificate %s and tls_key %s: %w", l.TLSCertificate, l.TLSKey, err)
	}
	s.certificate.Store(&c)
	return nil
}

// handler is where the HTTP paths of the daemon meet. Whoever adds some adds
// them here.
func (d *Daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", d.readyz)
	mux.Handle("POST /policy", d.authPolicy())
	mux.Handle("GET /metrics", localOnly(d.metrics.handler(d.log.Logger)))
	d.mountAPI(mux, false)
	mux.Handle("/", d.pageIfOn())
	return mux
}

// readyz says whether lookups are answered, and if not, why, in one line.
func (d *Daemon) readyz(w http.ResponseWriter, _ *http.Request) {
	if reason := d.unready(); reason != "" {
		plain(w, http.StatusServiceUnavailable, reason)
		return
	}
	plain(w, http.StatusOK, "ready")
}

// unready gives the reason why lookups are answered "try again", "" if they
// are not.
func (d *Daemon) unready() string {
	st := d.store.Status()
	switch {
	case st.Generation == 0 && st.LastError != "":
		return "no data yet: the database cannot be read (vmapd status says why)"
	case st.Generation == 0:
		return "no data yet: the database is being read"
	case st.Stale:
		return fmt.Sprintf("the data is %s old, more than database.max_stale", st.Age.Round(time.Second))
	}
	return ""
}

func plain(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, line+"\n") // else the client has left
}

// localOnly refuses what comes over the network, also by way of a proxy on this
// machine: there is no authentication yet that could admit it.
func localOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && !a.Addr().Unmap().IsLoopback() || forwarded(r) {
			plain(w, http.StatusForbidden, "metrics are for loopback addresses and unix sockets only")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// forwarded reports whether a proxy says that it speaks for somebody elsewhere.
// Its word is the last; those before it are what visitors claim.
func forwarded(r *http.Request) bool {
	all := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	if all == "" {
		return false
	}
	a, err := netip.ParseAddr(strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:]))
	return err != nil || !a.Unmap().IsLoopback()
}

func (s *web) serve(g *gate) {
	s.server.ErrorLog = log.New(&lineLogger{g}, "", 0)
	var ln net.Listener = g
	if s.certificate.Load() != nil {
		ln = tls.NewListener(g, &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.certificate.Load(), nil },
		})
	}
	if err := s.server.Serve(ln); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
		g.log.Error("http ended", zap.Error(err))
	}
}

func (s *web) drain(ctx context.Context, _ *gate) {
	if s.server.Shutdown(ctx) != nil {
		_ = s.server.Close()
	}
}

// lineLogger takes what net/http logs of its peers (broken TLS, panics).
type lineLogger struct{ gate *gate }

func (l *lineLogger) Write(b []byte) (int, error) {
	text := strings.TrimSpace(string(b))
	if strings.Contains(text, "panic serving") {
		l.gate.metrics.panics.Inc()
		l.gate.log.Error("an http handler panicked; this is a bug, please report it", zap.String("panic", text))
		return len(b), nil
	}
	l.gate.peers.warn(l.gate.log, "http: "+text)
	return len(b), nil
}
