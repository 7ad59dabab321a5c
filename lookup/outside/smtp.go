package outside

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"strings"
	"time"
)

// mailServer is a server that takes logins over SMTP.
type mailServer struct {
	m      *SMTP
	s      *Settings
	server *server
}

func newMailServer(m *SMTP, s *Settings, h *Hooks) *mailServer {
	return &mailServer{m: m, s: s, server: newServer(m.Server, SourceSMTP, s, h)}
}

func (m *mailServer) name() string                                         { return SourceSMTP }
func (m *mailServer) all() []*server                                       { return []*server{m.server} }
func (m *mailServer) tidy(time.Time)                                       {}
func (m *mailServer) close()                                               {}
func (m *mailServer) change(context.Context, string, string, string) error { return ErrNoChange }

// check logs in. What is right there is an account here: Modoboa calls it local,
// with no password.
func (m *mailServer) check(ctx context.Context, q *Question) (Person, error) {
	if strings.ContainsRune(q.Login+q.Password, 0) {
		return Person{}, ErrWrong // PLAIN separates with it (RFC 4616)
	}
	if q.Account == nil && !strings.Contains(q.Login, "@") {
		return Person{}, ErrWrong // what would his account be called
	}
	err := m.server.use(ctx, func(ctx context.Context) error {
		return m.session(ctx, func(c *smtp.Client) error { return login(c, q.Login, q.Password) })
	})
	return Person{Login: q.Login, Local: true}, err
}

// probe sees whether the server greets and takes logins.
func (m *mailServer) probe(ctx context.Context, _ *server) error {
	return m.session(ctx, func(c *smtp.Client) error {
		_, err := mechanism(c)
		return err
	})
}

// session has f use a connection that is as secure as it is to be.
func (m *mailServer) session(ctx context.Context, f func(*smtp.Client) error) error {
	var config, at *tls.Config
	if m.m.Security != Plain {
		var err error
		if config, err = tlsConfig(m.m.Server, m.m.CAFile); err != nil {
			return &outage{err}
		}
	}
	if m.m.Security == SSL {
		at = config
	}
	nc, err := dial(ctx, m.m.Server, m.s.Connect, at)
	if err != nil {
		return &outage{err}
	}
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	_ = nc.SetDeadline(time.Now().Add(m.s.Operation)) // for all of it
	host, _, _ := net.SplitHostPort(m.m.Server)
	c, err := smtp.NewClient(patient(nc), host)
	if err != nil {
		return &outage{fmt.Errorf("greeting: %w", err)}
	}
	if err := c.Hello(ownName()); err != nil {
		return &outage{fmt.Errorf("EHLO: %w", err)}
	}
	if m.m.Security == StartTLS {
		if err := c.StartTLS(config); err != nil {
			return &outage{fmt.Errorf("STARTTLS: %w", err)}
		}
	}
	err = f(c)
	if err == nil || errors.Is(err, ErrWrong) {
		_ = c.Quit() // the answer stands whatever comes of this
	}
	return err
}

// login says whether a password is right: 235 is yes, 535 is no (RFC 4954,
// section 6).
func login(c *smtp.Client, name, password string) error {
	a, err := mechanism(c)
	if err != nil {
		return err
	}
	a.login, a.password = name, password
	err = c.Auth(a)
	var said *textproto.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said) && said.Code == 535:
		return fmt.Errorf("%w (SMTP: %s)", ErrWrong, said.Msg)
	case errors.As(err, &said):
		return fmt.Errorf("AUTH %s: %w", a.name, err) // the server lives, and cannot say
	}
	return &outage{fmt.Errorf("AUTH %s: %w", a.name, err)}
}

// mechanism chooses how to log in.
func mechanism(c *smtp.Client) (*saslClient, error) {
	_, offered := c.Extension("AUTH")
	for _, name := range []string{"PLAIN", "LOGIN"} {
		for word := range strings.FieldsSeq(offered) {
			if strings.EqualFold(word, name) {
				return &saslClient{name: name}, nil
			}
		}
	}
	return nil, &outage{fmt.Errorf("the server takes no logins by AUTH PLAIN or LOGIN here; it offers %q", offered)}
}

// saslClient is the client's side of PLAIN (RFC 4616) and LOGIN. Unlike that of
// net/smtp it goes where the settings say, encrypted or not.
type saslClient struct {
	name            string
	login, password string
	step            int
}

// Start implements smtp.Auth.
func (a *saslClient) Start(*smtp.ServerInfo) (string, []byte, error) {
	if a.name == "PLAIN" {
		return a.name, []byte("\x00" + a.login + "\x00" + a.password), nil
	}
	return a.name, nil, nil
}

// Next implements smtp.Auth: LOGIN is asked for the login, then for the password,
// whatever words the server has for them.
func (a *saslClient) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	if a.step++; a.name == "LOGIN" && a.step <= 2 {
		return []byte([]string{a.login, a.password}[a.step-1]), nil
	}
	return nil, errors.New("the server asks for more than a login and a password")
}

// ownName is what this host calls itself.
func ownName() string {
	if name, err := os.Hostname(); err == nil && !strings.ContainsAny(name, "\r\n ") && name != "" {
		return name
	}
	return "localhost"
}
