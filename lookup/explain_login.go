package lookup

import (
	"fmt"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
)

// Login is a login to explain.
type Login struct {
	Name      string // as typed
	Service   string // imap, pop3, smtp, sieve ...; "" for all that do not differ
	Separator string // between user and master user; "" = none
	// Elsewhere says in one clause who is asked about the password of an account,
	// or of a login that has none (nil), "" if nobody is; nil: nobody ever is.
	Elsewhere func(a *store.Account) string
}

// elsewhere is Elsewhere, if it is set.
func (l *Login) elsewhere(a *store.Account) string {
	if l.Elsewhere == nil {
		return ""
	}
	return l.Elsewhere(a)
}

// ExplainLogin says whether a login works, short of the password itself, where
// its mail is, and which addresses it may send as.
func ExplainLogin(s *store.Snapshot, o Options, l Login, now time.Time) *Explanation {
	x := &Explanation{Subject: l.Name}
	user, master := store.Fold(l.Name), ""
	if l.Separator != "" {
		if u, m, ok := strings.Cut(user, l.Separator); ok && u != "" && m != "" {
			user, master = u, m
		}
	}
	why := ""
	if master != "" {
		x.step(0, "", 0, "%s logs in as %s, with a password of its own: master users may", master, user)
		if why = explainMaster(x, s, &l, master); why != "" {
			why = "the password is " + master + "'s, and " + why
		}
	}
	if refused := explainUser(x, s, o, &l, user, now); why == "" {
		why = refused
	}
	switch {
	case why != "":
		x.Outcome = "The login is refused: " + why + "."
	case master != "":
		x.OK, x.Outcome = true, "The login works with the right password of "+master+"."
	default:
		x.OK, x.Outcome = true, "The login works with the right password."
	}
	return x
}

// explainMaster says why a master user's password is of no use, "" if it is.
func explainMaster(x *Explanation, s *store.Snapshot, l *Login, name string) (why string) {
	why = "there is no such account"
	for r := s.AccountsByEmail(name); r.Next(); {
		a := r.Account()
		x.step(1, "core_user", a.ID, "account %s, %s; %s", a.Username, stateText(a.Active), schemeText(a.Password))
		outside := l.elsewhere(&a)
		if outside != "" {
			x.step(1, "core_user", a.ID, "its password is kept elsewhere: %s", outside)
		}
		if why = a.MasterRefusal(); why == "" && a.Password == "" && outside == "" {
			why = "it has no password here"
		}
		if why == "" {
			return ""
		}
	}
	return why
}

// explainUser says why nobody can log in as a user, "" if it works.
func explainUser(x *Explanation, s *store.Snapshot, o Options, l *Login, user string, now time.Time) (why string) {
	rows := s.AccountsByEmail(user)
	if !rows.Next() {
		explainMissing(x, s, o, user)
		if outside := l.elsewhere(nil); outside != "" {
			x.step(0, "", 0, "whoever has no account is asked for elsewhere, and gets one if his password is right: %s", outside)
		}
		return "there is no such account"
	}
	for more := true; more; more = rows.Next() {
		a := rows.Account()
		x.step(0, "core_user", a.ID, "account %s, %s", a.Username, stateText(a.Active))
		x.step(0, "core_user", a.ID, "%s", schemeText(a.Password))
		outside := l.elsewhere(&a)
		if outside != "" {
			x.step(0, "core_user", a.ID, "its password is kept elsewhere: %s", outside)
		}
		if m, ok := s.MailboxOf(a.ID); ok {
			explainMailbox(x, s, &m, l.Service)
			explainSender(x, s, o, m.Address, now)
		}
		why = s.LoginRefusal(&a, l.Service)
		if why == "" && a.Password == "" && outside == "" {
			why = "there is no password here; the account authenticates elsewhere (LDAP, SMTP)"
		}
		if why == "" {
			return ""
		}
	}
	return why
}

func explainMailbox(x *Explanation, s *store.Snapshot, m *store.Mailbox, service string) {
	d, _ := s.DomainByID(m.DomainID)
	x.step(0, "admin_mailbox", m.ID, "mailbox %s, %s", m.Address, quotaText(m))
	x.step(0, "admin_domain", d.ID, "domain %s, %s", d.Name, stateText(d.Enabled))
	if m.SendOnly {
		x.step(0, "admin_mailbox", m.ID, "send-only: may submit mail, but not log in by IMAP or POP3")
	}
	if service != "" && !m.Has(service) {
		x.step(0, "admin_mailbox", m.ID, "service %s does not find the mailbox", service)
	}
}

func explainMissing(x *Explanation, s *store.Snapshot, o Options, login string) {
	x.step(0, "", 0, "no account has the e-mail address %s", login)
	var k key
	k.parse(nil, []byte(login), o.RecipientDelimiter)
	if r := s.AccountsByEmail(k.base); k.base != "" && r.Next() {
		x.step(0, "", 0, "an address with extension is not a login: use %s", k.base)
	}
	for r := s.Aliases(login); r.Next(); {
		x.step(0, "admin_alias", r.Alias.ID, "%s is an alias: aliases cannot log in", login)
	}
	if a, ok := s.Account(login); ok {
		x.step(0, "core_user", a.ID, "it is the name of an account, and Dovecot's logins are e-mail addresses: %s", orNone(a.Email))
	}
	if k.address {
		if _, ok := s.DomainAlias(k.domain); ok {
			x.step(0, "", 0, "%s is a domain alias: logins use the domain's real name", k.domain)
		} else if _, ok := s.Domain(k.domain); !ok {
			x.step(0, "", 0, "%s is not a domain of this host", k.domain)
		}
	}
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

func orNone(address string) string {
	if address == "" {
		return "this account has none"
	}
	return "use " + address
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
	return "password stored without a {SCHEME} prefix: taken for a hash of dovecot.default_pass_scheme"
}

func quotaText(m *store.Mailbox) string {
	used := fmt.Sprintf("%d MB in %d messages used", m.Bytes>>20, m.Messages)
	if m.Quota == 0 {
		return "no quota, " + used
	}
	return fmt.Sprintf("quota %d MB, %s", m.Quota, used)
}
