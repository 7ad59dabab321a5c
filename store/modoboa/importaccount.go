package modoboa

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/vmapd/vmapd/store"
)

// passwordScheme is what a stored password begins with.
var passwordScheme = regexp.MustCompile(`^\{[A-Za-z0-9._-]+\}.`)

func (p *plan) addAccount(l *csvLine) error {
	if len(l.fields) < 7 {
		return tooFew(l, 7, "account;login;password;first name;last name;enabled;role;address;quota")
	}
	u := &user{line: l.number, login: store.Fold(l.field(1)), password: l.field(2), first: l.field(3), last: l.field(4),
		role: l.field(6), email: store.Fold(l.field(7))}
	if p.world.users[u.login] != nil {
		return p.exists(l, u.login, "account")
	}
	if err := cmp.Or(p.checkName(u), p.checkRole(u), p.checkPassword(l, u)); err != nil {
		return err
	}
	u.enabled = p.yes(l, 5)
	u.superuser = u.role == superAdmins
	u.privileged = u.superuser || u.role == "Resellers"
	detail := u.role
	if u.email != "" {
		if err := p.addMailbox(l, u); err != nil {
			return err
		}
		detail += ", mailbox"
	}
	p.users, p.world.users[u.login] = append(p.users, u), u
	if u.superuser {
		p.world.superusers = append(p.world.superusers, u)
	}
	if u.role == "DomainAdmins" {
		detail += p.giveDomains(l, u)
	}
	p.created(l, u.login, detail)
	return nil
}

func (p *plan) checkName(u *user) error {
	if u.login == "" || strings.ContainsAny(u.login, " \t") {
		return fmt.Errorf("login %q is empty or has a blank in it", shown(u.login))
	}
	return p.fits("core_user", "username", u.login, "first_name", u.first, "last_name", u.last, "email", u.email)
}

func (p *plan) checkRole(u *user) error {
	switch u.role {
	case superAdmins:
		return nil
	case "SimpleUsers":
		if u.email == "" || u.email != u.login {
			return fmt.Errorf("login %q and address %q must be the same for the role SimpleUsers", shown(u.login), shown(u.email))
		}
	case "DomainAdmins", "Resellers":
	default:
		return fmt.Errorf("role %q: must be SimpleUsers, DomainAdmins, Resellers or SuperAdmins", shown(u.role))
	}
	if p.world.groups[u.role] == 0 {
		return fmt.Errorf("role %s is missing in the database (table auth_group)", u.role)
	}
	return nil
}

// checkPassword must not quote the password.
func (p *plan) checkPassword(l *csvLine, u *user) error {
	hashed := passwordScheme.MatchString(u.password)
	switch {
	case u.password == "":
		return fmt.Errorf("the password of %q is empty", shown(u.login))
	case p.fits("core_user", "password", u.password) != nil: // hashing takes time per byte
		return fmt.Errorf("the password of %q is too long", shown(u.login))
	case p.o.CryptPasswords && hashed:
		p.warn(l, "the password of %q begins with {SCHEME} and is hashed as it is: import without --crypt-passwords if it is a hash already", shown(u.login))
	case p.o.CryptPasswords:
	case !hashed:
		return fmt.Errorf("the password of %q does not begin with {SCHEME}: give the hash, or import with --crypt-passwords to hash it", shown(u.login))
	}
	return nil
}

func (p *plan) addMailbox(l *csvLine, u *user) error {
	local, name, err := splitAddress(u.email)
	if err == nil && local == "" {
		err = errors.New("has nothing before the \"@\"")
	}
	if err != nil {
		return fmt.Errorf("address %q %w", shown(u.email), err)
	}
	if err := p.fits("admin_mailbox", "address", local); err != nil {
		return err
	}
	d, err := p.findDomain(name)
	if err != nil {
		return err
	}
	if p.world.mailboxes[u.email] != nil {
		return fmt.Errorf("mailbox %q exists, with another login", u.email)
	}
	m := &mailbox{local: local, domain: d, user: u, address: u.email, quota: d.mailboxQuota}
	if s := l.field(8); s != "" {
		own, err := megabytes(s, "quota")
		if err != nil {
			return err
		}
		if own != 0 {
			m.quota, m.quotaGiven = own, true
		}
	}
	if left := d.quota - d.allocated; d.quota != 0 && m.quota > left {
		return fmt.Errorf("quota of %d MB: domain %q has %d MB left of its %d MB", m.quota, d.name, max(left, 0), d.quota)
	}
	d.allocated += m.quota
	u.mailbox = m
	p.mailboxes, p.world.mailboxes[m.address] = append(p.mailboxes, m), m
	p.selfAlias(m)
	if !p.world.quotas[m.address] {
		p.quotas, p.world.quotas[m.address] = append(p.quotas, m.address), true
	}
	return nil
}

// selfAlias adds the internal alias of a mailbox to itself.
func (p *plan) selfAlias(m *mailbox) {
	a := p.internalAlias(m.address)
	a.domain = m.domain
	a.enabled = m.user.enabled || !p.world.selfAliasOff
	p.recipients = append(p.recipients, &recipient{alias: a, address: m.address, mailbox: m})
}

// giveDomains reads the domains of a domain administrator. As in Modoboa an
// unknown one is left out, but not without a word.
func (p *plan) giveDomains(l *csvLine, u *user) string {
	var names []string
	for _, s := range l.fields[min(9, len(l.fields)):] {
		name := store.Fold(s)
		d := p.world.domains[name]
		switch {
		case name == "":
		case d == nil:
			p.warn(l, "domain %q does not exist: %q does not administrate it", shown(name), u.login)
		default:
			d.admins = append(d.admins, u)
			p.adminOf[u] = append(p.adminOf[u], d)
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " of " + strings.Join(names, ", ")
}
