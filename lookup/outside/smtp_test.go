package outside

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/internal/ldaptest"
	"github.com/vmapd/vmapd/store"
)

// post is a mail server that says what real ones only say in trouble. Its one
// login is ann@example.test with the password "secret".
type post struct {
	t       testing.TB
	offers  string // behind 250-AUTH
	no      string // the reply to a wrong password
	greets  string
	config  *tls.Config // nil: no TLS
	ssl     bool
	trusted string // file with its authority
}

// listen serves until the test ends.
func (p *post) listen() (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			if p.ssl {
				c = tls.Server(c, p.config)
			}
			p.serve(c)
			c.Close()
		}
	}()
	p.t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func (p *post) serve(c net.Conn) {
	fmt.Fprint(c, p.greets+"\r\n")
	in := bufio.NewReader(c)
	read := func() string { line, _ := in.ReadString('\n'); return strings.TrimRight(line, "\r\n") }
	plain := func(s string) string { b, _ := base64.StdEncoding.DecodeString(s); return string(b) }
	secured := p.ssl
	for {
		line := read()
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			starttls := ""
			if p.config != nil && !secured {
				starttls = "250-STARTTLS\r\n"
			}
			fmt.Fprint(c, "250-mail.test\r\n"+starttls+"250 AUTH "+p.offers+"\r\n")
		case "STARTTLS":
			if p.config == nil {
				fmt.Fprint(c, "502 what\r\n")
				continue
			}
			fmt.Fprint(c, "220 go\r\n")
			c, secured = tls.Server(c, p.config), true
			in = bufio.NewReader(c)
		case "AUTH":
			method, first, _ := strings.Cut(rest, " ")
			login, password := "", ""
			if method == "LOGIN" {
				fmt.Fprint(c, "334 VXNlcm5hbWU6\r\n")
				login = plain(read())
				fmt.Fprint(c, "334 UGFzc3dvcmQ6\r\n")
				password = plain(read())
			} else if parts := strings.Split(plain(first), "\x00"); len(parts) == 3 {
				login, password = parts[1], parts[2]
			}
			if login == "ann@example.test" && password == "secret" {
				fmt.Fprint(c, "235 2.7.0 ok\r\n")
			} else {
				fmt.Fprint(c, p.no+"\r\n")
			}
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		case "":
			return
		default:
			fmt.Fprint(c, "502 what\r\n")
		}
	}
}

// newPost is one that works.
func newPost(t testing.TB) *post {
	return &post{t: t, offers: "PLAIN LOGIN", no: "535 5.7.8 no", greets: "220 mail.test"}
}

// withTLS gives it a certificate of its own.
func (p *post) withTLS() *post {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		p.t.Fatal(err)
	}
	p.trusted = filepath.Join(p.t.TempDir(), "ca.pem")
	if err := os.WriteFile(p.trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.config = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return p
}

// knows opens what asks it.
func (p *post) knows(security Security, ca string) *Outside {
	return open(p.t, Settings{Create: true, Operation: 3 * time.Second, SMTP: &SMTP{Server: p.listen(), Security: security, CAFile: ca}})
}

func TestSMTP(t *testing.T) {
	for name, tc := range map[string]struct {
		change      func(*post)
		right, none string
	}{
		"as it should be":     {nil, "ann@example.test", "wrong"},
		"LOGIN alone":         {func(p *post) { p.offers = "LOGIN" }, "ann@example.test", "wrong"},
		"small letters":       {func(p *post) { p.offers = "gssapi plain" }, "ann@example.test", "wrong"},
		"cannot say":          {func(p *post) { p.no = "454 4.7.0 later" }, "ann@example.test", "temp"},
		"another 5xx":         {func(p *post) { p.no = "550 5.7.0 go away" }, "ann@example.test", "temp"},
		"closes":              {func(p *post) { p.no = "421 4.3.2 closing" }, "ann@example.test", "temp"},
		"no mechanism":        {func(p *post) { p.offers = "CRAM-MD5" }, "temp", "temp"},
		"greets with 554":     {func(p *post) { p.greets = "554 no" }, "temp", "temp"},
		"speaks no SMTP":      {func(p *post) { p.greets = "hello" }, "temp", "temp"},
		"says without end":    {func(p *post) { p.greets = "220-" + strings.Repeat("x", 200<<10) }, "temp", "temp"},
		"asks for still more": {func(p *post) { p.no = "334 Zm9v" }, "ann@example.test", "temp"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			if tc.change != nil {
				tc.change(p)
			}
			o := p.knows(Plain, "")
			check := func(login, password, want string) {
				t.Helper()
				if who, err := o.Check(t.Context(), Question{Login: login, Password: password}); said(who, err) != want {
					t.Errorf("%q %q: %s (%v), want %s", login, password, said(who, err), err, want)
				} else if err != nil && strings.Contains(err.Error(), password) && password != "" {
					t.Errorf("the error tells a password: %v", err)
				}
			}
			check("ann@example.test", "secret", tc.right)
			check("ann@example.test", "guess-4711", tc.none)
			check("ann@example.test", "", "wrong")
			check("ann@example.test\x00", "secret", "wrong")
			check("ann", "secret", "wrong") // an account needs an address
		})
	}
}

func TestSMTPWithTLS(t *testing.T) {
	p := newPost(t).withTLS()
	other := newPost(t).withTLS()
	for name, tc := range map[string]struct {
		ssl      bool
		security Security
		ca, want string
	}{
		"starttls":            {false, StartTLS, p.trusted, "ann@example.test"},
		"ssl":                 {true, SSL, p.trusted, "ann@example.test"},
		"another authority":   {false, StartTLS, other.trusted, "temp"},
		"ssl, another one":    {true, SSL, other.trusted, "temp"},
		"the system's":        {true, SSL, "", "temp"},
		"starttls on ssl":     {true, StartTLS, p.trusted, "temp"},
		"ssl on starttls":     {false, SSL, p.trusted, "temp"},
		"a file that is none": {false, StartTLS, "/nonexistent", "temp"},
	} {
		t.Run(name, func(t *testing.T) {
			server := *p
			server.t, server.ssl = t, tc.ssl
			if who, err := server.knows(tc.security, tc.ca).Check(t.Context(), Question{Login: "ann@example.test", Password: "secret"}); said(who, err) != tc.want {
				t.Errorf("%s, %v", said(who, err), err)
			}
		})
	}
	plain := newPost(t)
	if who, err := plain.knows(StartTLS, p.trusted).Check(t.Context(), Question{Login: "ann@example.test", Password: "secret"}); said(who, err) != "temp" {
		t.Errorf("a server without STARTTLS: %s, %v", said(who, err), err)
	}
}

// TestBothSources: who is asked about whom, and what it means if one is down.
func TestBothSources(t *testing.T) {
	s := ldaptest.Start(t)
	settings := searching(s)
	settings.LDAP.SearchFilter = "(mail=%(user)s)"
	settings.SMTP = &SMTP{Server: newPost(t).listen(), Security: Plain}
	o := open(t, settings)
	far, here, own := &store.Account{Username: "ann@example.test"}, &store.Account{Username: "ann@example.test", Local: true}, &store.Account{Local: true, Password: "{PLAIN}x"}
	for a, want := range map[*store.Account]string{far: SourceLDAP, here: SourceSMTP, nil: SourceLDAP, own: ""} {
		if got := o.SourceOf(a); got != want || o.Asks(a) != (want != "") {
			t.Errorf("%+v: %s, want %s", a, got, want)
		}
	}
	ask := func(a *store.Account, login, password string) string {
		return said(o.Check(t.Context(), Question{Login: login, Password: password, Account: a}))
	}
	if got := ask(own, "x", "x"); got != "temp" {
		t.Errorf("who is not asked about: %s", got)
	}
	if err := o.Change(t.Context(), here, "secret", "Other1234"); err == nil || o.Changes(here) || !o.Changes(far) {
		t.Errorf("a mail server changes a password: %v", err)
	}
	if got := ask(nil, "boss@example.test", "secret"); got != "admin boss@example.test" { // LDAP alone knows him
		t.Error(got)
	}
	s.Stop()
	for _, tt := range []struct {
		a        *store.Account
		password string
		want     string
	}{{far, "secret", "temp"}, {here, "secret", "ann@example.test"}, {here, "x", "wrong"}, {nil, "secret", "ann@example.test"}, {nil, "x", "temp"}} {
		if got := ask(tt.a, "ann@example.test", tt.password); got != tt.want {
			t.Errorf("without LDAP, %+v %s: %s, want %s", tt.a, tt.password, got, tt.want)
		}
	}
}
