package dnschecks

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// policyServer serves policies over HTTPS with a certificate for its host.
func policyServer(t *testing.T, h http.HandlerFunc) (*x509.CertPool, uint16) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return roots, netip.MustParseAddrPort(s.Listener.Addr().String()).Port()
}

// The certificate of httptest is for example.com and what is below it.
const stsDomain = "example.com"

func TestSTSCheck(t *testing.T) {
	good := "version: STSv1\nmode: enforce\nmx: mail.host.org\nmax_age: 86400\n"
	answer := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Host != "mta-sts."+stsDomain || r.URL.Path != "/.well-known/mta-sts.txt" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, text)
		}
	}
	for _, w := range []struct {
		name  string
		texts []string
		h     http.HandlerFunc
		want  string
		part  string
	}{
		{"none", nil, answer(good), "off missing", ""},
		{"two", []string{"v=STSv1; id=1", "v=STSv1; id=2"}, answer(good), "warning multiple", ""},
		{"syntax", []string{"v=STSv1; id=1-2"}, answer(good), "warning syntax", ""},
		{"good", []string{"v=STSv1; id=1;"}, answer(good), "ok", ""},
		{"not covered", []string{"v=STSv1; id=1"}, answer("version: STSv1\nmode: enforce\nmx: *.example.net\nmax_age: 1"), "critical mx_not_covered", "mail.host.org"},
		{"not covered, testing", []string{"v=STSv1; id=1"}, answer("version: STSv1\nmode: testing\nmx: *.example.net\nmax_age: 1"), "warning mx_not_covered", ""},
		{"mode none", []string{"v=STSv1; id=1"}, answer("version: STSv1\nmode: none\nmax_age: 1"), "ok mode_none", ""},
		{"bad policy", []string{"v=STSv1; id=1"}, answer("<html>"), "warning policy_syntax", "is not key: value"},
		{"too long", []string{"v=STSv1; id=1"}, answer(good + strings.Repeat("x: y\n", 20000)), "warning policy_syntax", "more than"},
		{"404", []string{"v=STSv1; id=1"}, http.NotFound, "warning policy_missing", "answers 404"},
		{"redirect", []string{"v=STSv1; id=1"}, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, "warning policy_missing", "follow no redirects"},
		{"503", []string{"v=STSv1; id=1"}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "unknown no_answer", "answers 503"},
		{"html", []string{"v=STSv1; id=1"}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, good)
		}, "warning policy_missing", "text/plain"},
	} {
		t.Run(w.name, func(t *testing.T) {
			world := newWorld(t, stsDomain+". 60 IN MX 10 mail.host.org.", here, "mta-sts."+stsDomain+". 60 IN A 127.0.0.1")
			for _, text := range w.texts {
				world.zone.TXT("_mta-sts."+stsDomain, text)
			}
			world.checker.o.Roots, world.checker.o.Port = policyServer(t, w.h)
			world.checker.o.Private = true
			report := world.checker.Check(t.Context(), Domain{Name: stsDomain}, only(STS), true)
			sound(t, report)
			res := report.Result(STS)
			if got := said(res); got != w.want || !strings.Contains(fmt.Sprint(res.Findings), w.part) {
				t.Errorf("got %s, want %s with %q\n%+v", got, w.want, w.part, res.Findings)
			}
		})
	}
}

// TestSTSConnections: what is wrong with the way to the policy.
func TestSTSConnections(t *testing.T) {
	w := newWorld(t, "example.org|v=x", "_mta-sts.example.org|v=STSv1; id=1", "_mta-sts.example.com|v=STSv1; id=1")
	check := func(domain, want, part string) {
		t.Helper()
		res := w.checker.Check(t.Context(), Domain{Name: domain}, only(STS), true).Result(STS)
		if got := said(res); got != want || !strings.Contains(fmt.Sprint(res.Findings), part) {
			t.Errorf("got %s, want %s with %q\n%+v", got, want, part, res.Findings)
		}
	}
	check("example.org", "warning policy_missing", "mta-sts.example.org has no address")
	w.publish(t, "mta-sts.example.org. 60 IN A 127.0.0.1", "mta-sts.example.com. 60 IN A 127.0.0.1")
	check("example.org", "warning policy_missing", "no address that is public")
	roots, port := policyServer(t, func(http.ResponseWriter, *http.Request) {})
	w.checker.o.Private, w.checker.o.Port = true, port
	check("example.com", "warning policy_missing", "certificate") // of an authority that nobody knows
	w.checker.o.Roots = roots
	check("example.org", "warning policy_missing", "certificate") // for another name
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS, old.Config.ErrorLog = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, quiet()
	old.StartTLS()
	defer old.Close()
	w.checker.o.Port = netip.MustParseAddrPort(old.Listener.Addr().String()).Port()
	check("example.com", "warning policy_missing", "TLS")
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	w.checker.o.Port = netip.MustParseAddrPort(plain.Listener.Addr().String()).Port()
	check("example.com", "warning policy_missing", "HTTPS")
	plain.Close()
	check("example.com", "unknown no_answer", "refused")
	w.zone.Refuse("mta-sts.example.com", dns.RcodeServerFailure)
	check("example.com", "unknown no_answer", "SERVFAIL")
}

// TestPublic: policies are fetched from addresses that anyone could reach.
func TestPublic(t *testing.T) {
	for a, want := range map[string]bool{
		"192.0.2.1": true, "2001:db8::1": true, "127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.128.0.1": true,
		"0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false, "::1": false, "::": false, "fe80::1": false, "fd00::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false,
	} {
		if public(netip.MustParseAddr(a)) != want {
			t.Errorf("%s: want %v", a, want)
		}
	}
}

// TestSTSSlow: a server that does not answer does not hold the check up.
func TestSTSSlow(t *testing.T) {
	w := newWorld(t, "_mta-sts.example.com|v=STSv1; id=1", "mta-sts.example.com. 60 IN A 127.0.0.1")
	release := make(chan struct{})
	w.checker.o.Roots, w.checker.o.Port = policyServer(t, func(http.ResponseWriter, *http.Request) { <-release })
	w.checker.o.Private, w.checker.o.FetchTime = true, 50*time.Millisecond
	res := w.checker.Check(t.Context(), Domain{Name: "example.com"}, only(STS), true).Result(STS)
	close(release)
	if said(res) != "unknown no_answer" {
		t.Errorf("%s: %+v", said(res), res.Findings)
	}
}
