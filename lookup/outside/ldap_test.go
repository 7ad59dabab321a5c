package outside

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/internal/ldaptest"
	"github.com/vmapd/vmapd/store"
)

// said puts an answer into words: "wrong", "temp", or who it is.
func said(p Person, err error) string {
	switch {
	case errors.Is(err, ErrWrong):
		return "wrong"
	case err != nil:
		return "temp"
	case p.Admin:
		return "admin " + p.Login
	}
	return p.Login
}

func TestLDAP(t *testing.T) {
	s := ldaptest.Start(t)
	for name, settings := range map[string]Settings{"search and bind": searching(s), "direct bind": direct(s)} {
		t.Run(name, func(t *testing.T) {
			o := open(t, settings)
			search := !settings.LDAP.DirectBind
			by := func(found, not string) string { // what the two find differs
				if search {
					return found
				}
				return not
			}
			for _, tt := range []struct{ login, password, want string }{
				{"ann", "secret", "ann@example.test"},
				{"ANN", "secret", "ann@example.test"},
				{"ann@example.test", "secret", by("ann@example.test", "wrong")},
				{"ann", "Secret", "wrong"},
				{"ann", "secre", "wrong"},
				{"ann", "", "wrong"}, // which slapd takes for an anonymous bind
				{"ann", "\x00", "wrong"},
				{"", "secret", "wrong"},
				{"nobody", "secret", "wrong"},
				{"nopassword", "secret", "wrong"},
				{"nopassword", "", "wrong"},
				{"locked", "secret", "wrong"},
				{"nomail", "secret", "wrong"}, // what would his account be called
				{"root", "secret", "admin root"},
				{"boss", "secret", "admin boss@example.test"}, // the group of his gidNumber
				{"two@example.test", "secret", "wrong"},       // it is nobody knows whose
				{"jörg@example.test", "secret", "jörg@example.test"},
				{`a,b+c=\d*(e)#@example.test`, "secret", `a,b+c=\d*(e)#@example.test`},
				{`a,b+c=\d*(e)*`, "secret", "wrong"},
				{"*", "secret", "wrong"},
				{"a*", "secret", "wrong"},
				{"*)(uid=*", "secret", "wrong"},
				{"ann)(|(uid=*", "secret", "wrong"},
				{"ann\x00", "secret", "wrong"},
				{"ann\\", "secret", "wrong"},
				{"\\2a", "secret", "wrong"},
				{"\xff\xfe", "secret", "wrong"},
				{"ann,ou=people", "secret", "wrong"},
				{"ann+uid=ann", "secret", "wrong"},
				{"ann ", "secret", "ann@example.test"}, // LDAP ignores blanks around
				{"ann@example.test ", "secret", by("ann@example.test", "wrong")},
				{"\uff41nn", "secret", "ann@example.test"},     // a wide a
				{"jo\u0308rg@example.test", "secret", "wrong"}, // the other way to write it: it has no mail
				{"root ", "secret", "wrong"},
			} {
				if got := said(o.Check(t.Context(), Question{Login: tt.login, Password: tt.password})); got != tt.want {
					t.Errorf("%q %q: %s, want %s", tt.login, tt.password, got, tt.want)
				}
			}
			if st := o.Status(); st[0].Error != "" {
				t.Errorf("out of service after all that: %s", st[0].Error)
			}
		})
	}
}

// TestGroupOfNames: members by their DN.
func TestGroupOfNames(t *testing.T) {
	s := ldaptest.Start(t)
	settings := searching(s)
	settings.LDAP.GroupType, settings.LDAP.AdminGroups = GroupOfNames, Admins("named admins")
	o := open(t, settings)
	for login, want := range map[string]string{"ann": "admin ann@example.test", "boss": "boss@example.test"} {
		p, err := o.Check(t.Context(), Question{Login: login, Password: "secret"})
		if got := said(p, err); got != want {
			t.Errorf("%s: %s (%v), want %s", login, got, err, want)
		}
		if login == "ann" && (p.First != "Ann" || p.Last != "Archer" || p.Local || p.Source != SourceLDAP) {
			t.Errorf("what is known of her: %+v", p)
		}
	}
}

// TestWrongSettings: they are never a wrong password.
func TestWrongSettings(t *testing.T) {
	s := ldaptest.Start(t)
	for name, change := range map[string]func(*Settings){
		"bind password":  func(s *Settings) { s.LDAP.BindPassword = "guessed" },
		"bind DN":        func(s *Settings) { s.LDAP.BindDN = "cn=nobody," + ldaptest.Base },
		"no bind pass":   func(s *Settings) { s.LDAP.BindPassword = "" },
		"filter":         func(s *Settings) { s.LDAP.SearchFilter = "(mail=%(user)s" },
		"no mark":        func(s *Settings) { s.LDAP.SearchFilter = "(uid=ann)" },
		"false mark":     func(s *Settings) { s.LDAP.SearchFilter = "(|(uid=ann)(uid=%%(user)s))" },
		"direct no mark": func(s *Settings) { s.LDAP.DirectBind, s.LDAP.UserDN = true, "uid=ann,"+ldaptest.People },
		"TLS and none":   func(s *Settings) { s.LDAP.Security = SSL },
		"another CA":     func(o *Settings) { o.LDAP.Security, o.LDAP.CAFile = StartTLS, s.OtherCA },
		"no CA":          func(o *Settings) { o.LDAP.Security, o.LDAP.CAFile = StartTLS, "" },
		"missing CA":     func(o *Settings) { o.LDAP.Security, o.LDAP.CAFile = StartTLS, "/nonexistent" },
		"another CA ssl": func(o *Settings) { o.LDAP.Servers, o.LDAP.Security, o.LDAP.CAFile = []string{s.SSL}, SSL, s.OtherCA },
		"group base":     func(s *Settings) { s.LDAP.GroupsBase = "no DN" },
	} {
		t.Run(name, func(t *testing.T) {
			settings := searching(s)
			change(&settings)
			settings.Connect = time.Second
			o := open(t, settings)
			for range 2 {
				if p, err := o.Check(t.Context(), Question{Login: "ann", Password: "secret"}); said(p, err) != "temp" {
					t.Errorf("%s, %v", said(p, err), err)
				} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "guessed") {
					t.Errorf("the error tells a password: %v", err)
				}
			}
		})
	}
}

// TestTLS: with its own authority, by the address and by the name.
func TestTLS(t *testing.T) {
	s := ldaptest.Start(t)
	for name, change := range map[string]func(*LDAP){
		"starttls": func(l *LDAP) { l.Security = StartTLS },
		"ssl":      func(l *LDAP) { l.Servers, l.Security = []string{s.SSL}, SSL },
		"by name": func(l *LDAP) {
			l.Servers, l.Security = []string{strings.Replace(s.SSL, "127.0.0.1", "localhost", 1)}, SSL
		},
	} {
		t.Run(name, func(t *testing.T) {
			settings := searching(s)
			settings.LDAP.CAFile = s.CAFile
			change(settings.LDAP)
			o := open(t, settings)
			for _, password := range []string{"secret", "wrong", "secret"} {
				p, err := o.Check(t.Context(), Question{Login: "ann", Password: password})
				if want := map[bool]string{true: "ann@example.test", false: "wrong"}[password == "secret"]; said(p, err) != want {
					t.Errorf("%s: %s, %v", password, said(p, err), err)
				}
			}
		})
	}
}

// TestDownAndBack: a server that is away is a temporary failure, at once, and
// comes back by itself.
func TestDownAndBack(t *testing.T) {
	s := ldaptest.Start(t)
	o := open(t, searching(s))
	ask := func() string { return said(o.Check(t.Context(), Question{Login: "ann", Password: "secret"})) }
	for range 2 {
		if got := ask(); got != "ann@example.test" {
			t.Fatal(got)
		}
		s.Stop()
		for range 20 {
			if got := ask(); got != "temp" {
				t.Fatalf("while it is down: %s", got)
			}
		}
		if st := o.Status(); st[0].Error == "" || st[0].Since.IsZero() {
			t.Errorf("status while it is down: %+v", st)
		}
		s.Again()
		inService(t, o)
	}
	s.Stop() // while connections idle: the next question finds them closed
	s.Again()
	if got := ask(); got != "ann@example.test" {
		t.Errorf("after a restart that nobody noticed: %s", got)
	}
}

// TestHangs: one server that hangs holds up no more than those who ask at once,
// and not for long.
func TestHangs(t *testing.T) {
	s := ldaptest.Start(t)
	settings := searching(s)
	settings.Operation, settings.Connections, settings.Waiting = 2*time.Second, 2, 3
	o := open(t, settings)
	if got := said(o.Check(t.Context(), Question{Login: "ann", Password: "secret"})); got != "ann@example.test" {
		t.Fatal(got)
	}
	s.Pause()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if p, err := o.Check(t.Context(), Question{Login: "ann", Password: "secret"}); said(p, err) != "temp" {
				t.Errorf("while it hangs: %s", said(p, err))
			}
		})
	}
	wg.Wait()
	s.Resume()
	inService(t, o)
	if got := said(o.Check(t.Context(), Question{Login: "ann", Password: "secret"})); got != "ann@example.test" {
		t.Errorf("after it hung: %s", got)
	}
}

// TestSecondary: the second server is asked while the first is down or hangs.
func TestSecondary(t *testing.T) {
	s := ldaptest.Start(t)
	for name, first := range map[string]string{"down": "127.0.0.1:1", "hangs": ldaptest.Silent(t)} {
		t.Run(name, func(t *testing.T) {
			settings := searching(s)
			settings.LDAP.Servers = []string{first, s.Address}
			settings.Operation = 2 * time.Second
			o := open(t, settings)
			for range 3 {
				if p, err := o.Check(t.Context(), Question{Login: "ann", Password: "secret"}); said(p, err) != "ann@example.test" {
					t.Errorf("%s, %v", said(p, err), err)
				}
			}
			if st := o.Status(); st[0].Error == "" || st[1].Error != "" {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestWhoAsksMayLeave: then he is told so at once, and the server is not blamed.
func TestWhoAsksMayLeave(t *testing.T) {
	settings := searching(&ldaptest.Server{Address: ldaptest.Silent(t)})
	o := open(t, settings)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := o.Check(ctx, Question{Login: "ann", Password: "secret"})
	if !errors.Is(err, context.DeadlineExceeded) || o.Status()[0].Error != "" {
		t.Errorf("%v, %+v", err, o.Status())
	}
}

func TestChange(t *testing.T) {
	for _, searches := range []bool{true, false} {
		t.Run(fmt.Sprintf("search %t", searches), func(t *testing.T) {
			s := ldaptest.Start(t)
			settings := direct(s)
			if searches {
				settings = searching(s)
			}
			o := open(t, settings)
			ann := &store.Account{Username: "Ann"}
			check := func(password, want string) {
				t.Helper()
				if p, err := o.Check(t.Context(), Question{Login: "ann", Password: password, Account: ann}); said(p, err) != want {
					t.Errorf("%s: %s, %v; want %s", password, said(p, err), err, want)
				}
			}
			if err := o.Change(t.Context(), ann, "wrong", "Other1234"); !errors.Is(err, ErrWrong) {
				t.Errorf("with a wrong one: %v", err)
			}
			check("secret", "ann")
			if err := o.Change(t.Context(), ann, "secret", "Öther1234"); err != nil {
				t.Fatal(err)
			}
			check("secret", "wrong")
			check("Öther1234", "ann")
			if err := o.Change(t.Context(), ann, "", "Reset1234"); err == nil {
				t.Error("who may not has set a password")
			}
			if !searches {
				return
			}
			settings.LDAP.BindDN, settings.LDAP.BindPassword = ldaptest.Manager, "manager"
			o = open(t, settings)
			if err := o.Change(t.Context(), ann, "", "Reset1234"); err != nil {
				t.Error(err)
			}
			check("Öther1234", "wrong")
			check("Reset1234", "ann")
		})
	}
}
