package modoboa

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// passwordScheme is what a stored password begins with.
var passwordScheme = regexp.MustCompile(`^\{[A-Za-z0-9._-]+\}.`)

func (p *plan) addAccount(l *csvLine) error {
	if len(l.fields) < 7 {
		return tooFew(l, 7, "account;login;password;first name;last name;enabled;role;address;quota")
	}
	u := &rows.User{
		Login: store.Fold(l.field(1)), Password: l.field(2), First: l.field(3), Last: l.field(4),
		Role: l.field(6), Email: store.Fold(l.field(7)),
	}
	if p.world.users[u.Login] != nil {
		return p.exists(l, u.Login, "account")
	}
	if err := cmp.Or(p.checkName(u), p.checkRole(u), p.checkPassword(l, u)); err != nil {
		return err
	}
	u.Enabled = p.yes(l, 5)
	u.Superuser = u.Role == rows.SuperAdmins
	u.Privileged = u.Superuser || u.Role == "Resellers"
	detail := u.Role
	if u.Email != "" {
		if err := p.addMailbox(l, u); err != nil {
			return err
		}
		detail += ", mailbox"
	}
	p.world.users[u.Login] = u
	if p.depends {
		return nil
	}
	p.set.Users, p.userLines = append(p.set.Users, u), append(p.userLines, l.number)
	if u.Superuser {
		p.world.base.Superusers = append(p.world.base.Superusers, u)
	}
	if u.Role == "DomainAdmins" {
		detail += p.giveDomains(l, u)
	}
	p.created(l, u.Login, detail)
	return nil
}

func (p *plan) checkName(u *rows.User) error {
	if u.Login == "" || strings.ContainsAny(u.Login, " \t") {
		return fmt.Errorf("login %q is empty or has a blank in it", rows.Shown(u.Login))
	}
	return p.fits("core_user", "username", u.Login, "first_name", u.First, "last_name", u.Last, "email", u.Email)
}

func (p *plan) checkRole(u *rows.User) error {
	switch u.Role {
	case rows.SuperAdmins:
		return nil
	case "SimpleUsers":
		if u.Email == "" || u.Email != u.Login {
			return fmt.Errorf("login %q and address %q must be the same for the role SimpleUsers", rows.Shown(u.Login), rows.Shown(u.Email))
		}
	case "DomainAdmins", "Resellers":
	default:
		return fmt.Errorf("role %q: must be SimpleUsers, DomainAdmins, Resellers or SuperAdmins", rows.Shown(u.Role))
	}
	if p.world.base.Groups[u.Role] == 0 {
		return fmt.Errorf("role %s is missing in the database (table auth_group)", u.Role)
	}
	return nil
}

// checkPassword must not quote the password.
func (p *plan) checkPassword(l *csvLine, u *rows.User) error {
	hashed := passwordScheme.MatchString(u.Password)
	switch {
	case u.Password == "":
		return fmt.Errorf("the password of %q is empty", rows.Shown(u.Login))
	case p.fits("core_user", "password", u.Password) != nil: // hashing takes time per byte
		return fmt.Errorf("the password of %q is too long", rows.Shown(u.Login))
	case p.o.CryptPasswords && hashed:
		p.warn(l, "the password of %q begins with {SCHEME} and is hashed as it is: import without --crypt-passwords if it is a hash already", rows.Shown(u.Login))
	case p.o.CryptPasswords:
	case !hashed:
		return fmt.Errorf("the password of %q does not begin with {SCHEME}: give the hash, or import with --crypt-passwords to hash it", rows.Shown(u.Login))
	}
	return nil
}

func (p *plan) addMailbox(l *csvLine, u *rows.User) error {
	local, name, err := rows.SplitAddress(u.Email)
	if err == nil && local == "" {
		err = errors.New("has nothing before the \"@\"")
	}
	if err != nil {
		return fmt.Errorf("address %q %w", rows.Shown(u.Email), err)
	}
	if err := p.fits("admin_mailbox", "address", local); err != nil {
		return err
	}
	d, err := p.findDomain(name)
	if err != nil {
		return err
	}
	if p.world.mailboxes[u.Email] != nil {
		return fmt.Errorf("mailbox %q exists, with another login", u.Email)
	}
	m := &rows.Mailbox{Local: local, Domain: d, User: u, Address: u.Email, Quota: d.MailboxQuota}
	if s := l.field(8); s != "" {
		own, err := megabytes(s, "quota")
		if err != nil {
			return err
		}
		if own != 0 {
			m.Quota, m.QuotaGiven = own, true
		}
	}
	if left := d.Quota - d.Allocated; d.Quota != 0 && m.Quota > left {
		return fmt.Errorf("quota of %d MB: domain %q has %d MB left of its %d MB", m.Quota, d.Name, max(left, 0), d.Quota)
	}
	d.Allocated += m.Quota
	p.world.mailboxes[m.Address] = m
	if p.depends {
		return nil
	}
	p.world.internal[m.Address] = p.set.AddMailbox(p.world.base, m, p.world.internal[m.Address], p.world.quotas[m.Address])
	p.world.quotas[m.Address] = true
	return nil
}

// giveDomains reads the domains of a domain administrator. As in Modoboa an
// unknown one is left out, but not without a word.
func (p *plan) giveDomains(l *csvLine, u *rows.User) string {
	var names []string
	for _, s := range l.fields[min(9, len(l.fields)):] {
		name := store.Fold(s)
		d := p.world.domains[name]
		switch {
		case name == "":
		case p.assumed[name]:
		case d == nil:
			p.warn(l, "domain %q does not exist: %q does not administrate it", rows.Shown(name), u.Login)
		default:
			d.Admins = append(d.Admins, u)
			p.set.AdminOf[u] = append(p.set.AdminOf[u], d)
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " of " + strings.Join(names, ", ")
}
