package main_test

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/internal/ldaptest"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// outsideHost is a Dovecot whose auth service is a vmapd, which has settings of
// the section [outside] and of [modoboa].
func outsideHost(t *testing.T, settings string, parameters ...string) *dovecotHost {
	t.Helper()
	url := dbtest.SQLite(t)
	fillLogins(t, url)
	quoted := make([]string, len(parameters))
	for i, p := range parameters {
		quoted[i] = fmt.Sprintf("%q", p)
	}
	h := newDovecotHost(t, drill.Binary(t), "server", url, "[outside]\n"+settings+"[modoboa]\nparameters = ["+strings.Join(quoted, ", ")+"]\n")
	h.start(t)
	return h
}

// wantLogin tries IMAP until it says what is wanted: Modoboa's parameters are
// read a moment after the start.
func (h *dovecotHost) wantLogin(t *testing.T, user, password, want string) {
	t.Helper()
	said := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		c := h.IMAP(t)
		said = c.Login(user, password)
		c.Close()
		if strings.HasPrefix(said, want) {
			return
		}
	}
	t.Errorf("IMAP %s %s: %s, want %s", user, password, said, want)
}

const imapNo = "NO [AUTHENTICATIONFAILED]"

// TestDovecotAndLDAP: Dovecot's clients log in with passwords of a real
// directory, for the first time as well, and get their mail.
func TestDovecotAndLDAP(t *testing.T) {
	t.Parallel()
	dovetest.Require(t)
	s := ldaptest.Start(t)
	host, port, _ := net.SplitHostPort(s.Address)
	h := outsideHost(t, fmt.Sprintf("backends = [\"ldap\"]\ntimeout = \"3s\"\nremember = \"0s\"\nca_file = %q\n", s.CAFile),
		"core.authentication_type=ldap", "core.ldap_secured=starttls", "core.ldap_server_address="+host, "core.ldap_server_port="+port,
		"core.ldap_bind_dn="+ldaptest.Searcher, "core.ldap_bind_password=searcher", "core.ldap_search_base="+ldaptest.People,
		"core.ldap_search_filter=(mail=%(user)s)")
	h.wantLogin(t, "ann@example.test", "secret", "OK")
	h.wantLogin(t, "ann@example.test", "wrong", imapNo)
	h.wantLogin(t, "*)(mail=ann@example.test", "secret", imapNo)
	h.wantLogin(t, "ann@home.test", "secret", "OK") // whose password is in the database
	if got := h.LMTP(t, dovetest.Message("for ann", 100), "ann@example.test"); !strings.HasPrefix(got["ann@example.test"], "250 ") {
		t.Errorf("mail for an account that was just made: %v", got)
	}
	c := h.IMAP(t)
	c.Login("ann@example.test", "secret")
	if got, lines := c.Cmd("SELECT INBOX"); !strings.HasPrefix(got, "OK") || !strings.Contains(strings.Join(lines, "\n"), "* 1 EXISTS") {
		t.Errorf("her mail: %s %q", got, lines)
	}
	c.Close()
	if got := h.SubmissionLogin(t, "ann@example.test", "secret"); !strings.HasPrefix(got, "235 ") {
		t.Errorf("submission: %s", got)
	}
	out, status := h.v.Run(t, "explain", "--login", "ann@example.test")
	if status != 0 || !strings.Contains(out, "its password is kept elsewhere: ldap server "+s.Address) {
		t.Errorf("vmapd explain: %d\n%s", status, out)
	}
	s.Pause()
	h.wantLogin(t, "ann@example.test", "secret", "NO [UNAVAILABLE]")
	h.wantLogin(t, "ann@home.test", "secret", "OK")
	if out, _ := h.v.Run(t, "status"); !strings.Contains(out, "OUT OF SERVICE") {
		t.Errorf("vmapd status while the server hangs:\n%s", out)
	}
	s.Resume()
	h.wantLogin(t, "ann@example.test", "secret", "OK")
	h.wantLogin(t, "ann@example.test", "wrong", imapNo)
	if text := h.v.Log(t); strings.Contains(text, "searcher\"") || strings.Contains(text, "password=searcher") {
		t.Error("the log tells a password")
	}
}

// TestDovecotAndSMTP: the same with the logins of a real Postfix.
func TestDovecotAndSMTP(t *testing.T) {
	t.Parallel()
	dovetest.Require(t)
	p := mailtest.New(t, "logins")
	mailtest.ListenAuth(t, filepath.Join(p.Private, "auth"), map[string]string{"new@mail.test": "secret", "odd@mail.test": "pass wörd=+,\t"})
	p.Start(mailtest.Config{World: "[127.0.0.1]:1", Maps: mailtest.Maps{Maintain: "static:DUNNO", RelayRecipientVerification: "static:DUNNO", Transport: []string{}}})
	h := outsideHost(t, fmt.Sprintf("backends = [\"smtp\"]\nsmtp_server = %q\nremember = \"0s\"\ntimeout = \"3s\"\n", p.Address(mailtest.Submission)))
	h.wantLogin(t, "new@mail.test", "secret", "OK")
	h.wantLogin(t, "New@mail.test", "secret", "OK")
	h.wantLogin(t, "new@mail.test", "wrong", imapNo)
	h.wantLogin(t, "nobody@mail.test", "secret", imapNo)
	h.wantLogin(t, "ann@home.test", "secret", "OK")
	if got := h.SubmissionLogin(t, "odd@mail.test", "pass wörd=+,\t"); !strings.HasPrefix(got, "235 ") {
		t.Errorf("an odd password: %s", got)
	}
	if got := h.LMTP(t, dovetest.Message("welcome", 100), "new@mail.test"); !strings.HasPrefix(got["new@mail.test"], "250 ") {
		t.Errorf("mail for an account that was just made: %v", got)
	}
	out, status := h.v.Run(t, "account", "list", "--json")
	if status != 0 || !strings.Contains(out, "new@mail.test") || !strings.Contains(out, "odd@mail.test") {
		t.Errorf("accounts: %s", out)
	}
}
