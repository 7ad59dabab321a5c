package outside

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/vmapd/vmapd/store"
)

// directory is an LDAP directory.
type directory struct {
	l       *LDAP
	s       *Settings
	hash    func(login, clear string) (string, error)
	servers []*ldapServer
}

func newDirectory(l *LDAP, s *Settings, h *Hooks) *directory {
	d := &directory{l: l, s: s, hash: h.Hash}
	for _, address := range l.Servers {
		d.servers = append(d.servers, &ldapServer{server: newServer(address, SourceLDAP, s, h), d: d})
	}
	return d
}

func (d *directory) name() string { return SourceLDAP }

func (d *directory) all() (list []*server) {
	for _, s := range d.servers {
		list = append(list, s.server)
	}
	return list
}

func (d *directory) tidy(now time.Time) {
	for _, s := range d.servers {
		s.tidy(now)
	}
}

func (d *directory) close() {
	for _, s := range d.servers {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.drop()
	}
}

// probe does what a login needs first.
func (d *directory) probe(ctx context.Context, of *server) error {
	for _, s := range d.servers {
		if s.server != of {
			continue
		}
		c, err := s.connect(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		defer stop()
		if !d.l.DirectBind {
			return d.bindService(c)
		}
		_, err = c.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, seconds(s.limit), false, "(objectClass=*)", []string{"1.1"}, nil))
		if err = failure("ask for the root entry", err); err != nil && isOutage(err) {
			return err
		}
	}
	return nil
}

// ask has the first server that is in service do f.
func (d *directory) ask(ctx context.Context, f func(*ldapConn) error) error {
	err := errors.New("no LDAP server is named")
	for _, s := range d.servers {
		err = s.with(ctx, f)
		if err == nil || ctx.Err() != nil || !isOutage(err) && !errors.Is(err, ErrBusy) {
			return err
		}
	}
	return err
}

func (d *directory) check(ctx context.Context, q *Question) (p Person, err error) {
	err = d.ask(ctx, func(c *ldapConn) error {
		p = Person{Login: q.Login}
		e, err := d.bindUser(c, q.Login, q.Password)
		if err != nil || q.Account != nil {
			return err
		}
		p, err = d.person(c, e, q.Login)
		return err
	})
	return p, err
}

// bindUser finds somebody and binds as him: whoever can has the password. The
// entry has the attributes of a person, or only a DN if it was not looked for.
func (d *directory) bindUser(c *ldapConn, login, password string) (*ldap.Entry, error) {
	e, err := d.locate(c, login)
	if err != nil {
		return nil, err
	}
	if e.DN == "" || password == "" { // both would be a bind as nobody, which succeeds
		return nil, ErrWrong
	}
	c.service = false
	if err := c.Bind(e.DN, password); err != nil {
		return nil, d.refusal(err)
	}
	return e, nil
}

// locate finds somebody's entry, or makes its DN, which then is all that is known.
func (d *directory) locate(c *ldapConn, login string) (*ldap.Entry, error) {
	template := d.l.SearchFilter
	if d.l.DirectBind {
		template = d.l.UserDN
	}
	if !marked(template) {
		return nil, fmt.Errorf("%q has no %%(user)s: everybody would be the same entry", template)
	}
	if d.l.DirectBind {
		return &ldap.Entry{DN: dnOf(template, login)}, nil
	}
	if err := d.bindService(c); err != nil {
		return nil, err
	}
	return d.find(c, login)
}

// refusal says what a failed bind of somebody means. A server that does not let
// him in - locked, expired, without a password, of a form that it does not know -
// says so in several ways.
func (d *directory) refusal(err error) error {
	for _, code := range []uint16{
		ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultInsufficientAccessRights,
		ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultConstraintViolation, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax,
	} {
		if ldap.IsErrorWithCode(err, code) {
			return fmt.Errorf("%w (LDAP: %s)", ErrWrong, ldap.LDAPResultCodeMap[code])
		}
	}
	return failure("bind as the user", err)
}

// bindService binds as who may search. If that fails nobody can log in, so the
// server is as good as down, and the account is not locked by trying it again
// and again.
func (d *directory) bindService(c *ldapConn) error {
	if c.service {
		return nil
	}
	var err error
	switch {
	case d.l.BindDN == "":
		err = c.UnauthenticatedBind("")
	case d.l.BindPassword == "":
		return &outage{errors.New("the bind DN has no password")}
	default:
		err = c.Bind(d.l.BindDN, d.l.BindPassword)
	}
	if err != nil {
		return &outage{fmt.Errorf("bind as the bind DN: %w", err)}
	}
	c.service = true
	return nil
}

// personAttributes are what an account is made of, and what groups name.
var personAttributes = []string{"mail", "userPrincipalName", "givenName", "sn", "uid", "gidNumber"}

// find looks for the one entry of a login.
func (d *directory) find(c *ldapConn, login string) (*ldap.Entry, error) {
	r, err := c.Search(ldap.NewSearchRequest(d.l.SearchBase, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, seconds(d.s.Operation), false,
		filterOf(d.l.SearchFilter, login), personAttributes, nil))
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded):
		return nil, fmt.Errorf("%w (LDAP: several entries fit)", ErrWrong)
	case err != nil:
		return nil, failure("search the user", err)
	case len(r.Entries) == 0:
		return nil, fmt.Errorf("%w (LDAP: no entry fits)", ErrWrong)
	case len(r.Entries) > 1:
		return nil, fmt.Errorf("%w (LDAP: several entries fit)", ErrWrong)
	}
	return r.Entries[0], nil
}

// person says what an account is made of. Who logs in by something else than an
// address is called by the address that the directory has for him; without one
// he can only be an administrator (modoboa/lib/authbackends.py).
func (d *directory) person(c *ldapConn, e *ldap.Entry, login string) (Person, error) {
	if d.l.DirectBind {
		var err error
		if e, err = d.self(c, e.DN, login); err != nil {
			return Person{}, err
		}
	}
	p := Person{First: e.GetEqualFoldAttributeValue("givenName"), Last: e.GetEqualFoldAttributeValue("sn")}
	var err error
	if p.Admin, err = d.isAdmin(c, e); err != nil {
		return Person{}, err
	}
	if p.Login = d.nameOf(e, login, p.Admin); p.Login == "" {
		return Person{}, fmt.Errorf("%w (LDAP: the entry has no mail address)", ErrWrong)
	}
	return p, nil
}

// nameOf is what somebody's account is called, "" if that cannot be said. An
// address that he typed is, letter for letter, one of his entry's values: a
// directory finds an entry by much that merely looks like one - with blanks, wide
// letters, other forms of an accent - and nobody is to have many accounts.
func (d *directory) nameOf(e *ldap.Entry, login string, admin bool) string {
	known := slices.ContainsFunc(e.Attributes, func(a *ldap.EntryAttribute) bool {
		return slices.ContainsFunc(a.Values, func(v string) bool { return store.Fold(v) == login })
	})
	if known && strings.Contains(login, "@") {
		return login
	}
	for _, attribute := range []string{"mail", "userPrincipalName"} {
		if address := store.Fold(e.GetEqualFoldAttributeValue(attribute)); address != "" {
			return address
		}
	}
	if known && admin {
		return login
	}
	return ""
}

// self reads the entry of who is bound. A template of Active Directory may make
// a name that is no DN; then he looks for himself.
func (d *directory) self(c *ldapConn, dn, login string) (*ldap.Entry, error) {
	if _, err := ldap.ParseDN(dn); err != nil && d.l.SearchBase != "" {
		return d.find(c, login)
	}
	r, err := c.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, seconds(d.s.Operation), false, "(objectClass=*)", personAttributes, nil))
	switch {
	case err != nil:
		return nil, failure("read the user's entry", err)
	case len(r.Entries) != 1:
		return nil, errors.New("read the user's entry: he may not see it himself")
	}
	return r.Entries[0], nil
}

// seconds is a limit for the server, which counts in whole ones.
func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }
