package lookup

import (
	"fmt"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
)

// ExplainLogin says whether a login works, short of the password itself, and
// which addresses it may send as.
func ExplainLogin(s *store.Snapshot, o Options, name string, now time.Time) *Explanation {
	x := &Explanation{Subject: name}
	login := store.Fold(name)
	a, ok := s.Account(login)
	if !ok {
		explainMissing(x, s, o, login)
		return x
	}
	x.step(0, "core_user", a.ID, "account %s, %s", a.Username, stateText(a.Active))
	x.step(0, "core_user", a.ID, "%s", schemeText(a.Password))
	if a.Email != login {
		x.step(0, "core_user", a.ID, "its e-mail address is %q: Dovecot's SQL finds the account under that name, not under the login", a.Email)
	}
	if m, ok := s.MailboxOf(a.ID); ok {
		d, _ := s.DomainByID(m.DomainID)
		x.step(0, "admin_mailbox", m.ID, "mailbox %s, %s", m.Address, quotaText(&m))
		x.step(0, "admin_domain", d.ID, "domain %s, %s", d.Name, stateText(d.Enabled))
		if m.SendOnly {
			x.step(0, "admin_mailbox", m.ID, "send-only: may submit mail, but not log in by IMAP or POP3")
		}
		explainSender(x, s, o, m.Address, now)
	}
	if why := s.LoginRefusal(&a, ""); why != "" {
		x.Outcome = "The login is refused: " + why + "."
		return x
	}
	if a.Password == "" {
		x.Outcome = "The login is refused: there is no password here; the account authenticates elsewhere (LDAP, SMTP)."
		return x
	}
	x.OK, x.Outcome = true, "The login works with the right password."
	return x
}

func explainMissing(x *Explanation, s *store.Snapshot, o Options, login string) {
	x.step(0, "", 0, "no account has the login %s", login)
	var k key
	k.parse(nil, []byte(login), o.RecipientDelimiter)
	if _, ok := s.Account(k.base); ok && k.base != "" {
		x.step(0, "", 0, "an address with extension is not a login: use %s", k.base)
	}
	for r := s.Aliases(login); r.Next(); {
		x.step(0, "admin_alias", r.Alias.ID, "%s is an alias: aliases cannot log in", login)
	}
	for r := s.AccountsByEmail(login); r.Next(); {
		x.step(0, "core_user", r.Account().ID, "it is the e-mail address of account %s", r.Account().Username)
	}
	if k.address {
		if _, ok := s.DomainAlias(k.domain); ok {
			x.step(0, "", 0, "%s is a domain alias: logins use the domain's real name", k.domain)
		} else if _, ok := s.Domain(k.domain); !ok {
			x.step(0, "", 0, "%s is not a domain of this host", k.domain)
		}
	}
	x.Outcome = "The login is refused: there is no such account."
}

// explainSender shows whether the account may use its own address as sender.
func explainSender(x *Explanation, s *store.Snapshot, o Options, address string, now time.Time) {
	v, _ := new(query).run(&senderLogin, s, &o, func() time.Time { return now }, nil, []byte(address))
	if len(v) == 0 {
		x.step(0, "", 0, "nobody may send as %s", address)
		return
	}
	x.step(0, "", 0, "may send as %s: %s", address, strings.ReplaceAll(string(v), ",", ", "))
}

func stateText(on bool) string {
	if on {
		return "enabled"
	}
	return "disabled"
}

// schemeText names the scheme of a stored password, never the hash.
func schemeText(password string) string {
	if password == "" {
		return "no password is stored"
	}
	if strings.HasPrefix(password, "{") {
		if end := strings.IndexByte(password, '}'); end > 0 {
			return "password stored as " + password[:end+1]
		}
	}
	return "password stored without a {SCHEME} prefix: it fits nothing"
}

func quotaText(m *store.Mailbox) string {
	used := fmt.Sprintf("%d MB in %d messages used", m.Bytes>>20, m.Messages)
	if m.Quota == 0 {
		return "no quota, " + used
	}
	return fmt.Sprintf("quota %d MB, %s", m.Quota, used)
}
