package outside

import (
	"fmt"
	"net"

	"github.com/go-ldap/ldap/v3"
)

// Problem is a setting that cannot work, or should not.
type Problem struct {
	Fatal   bool   // it cannot work
	Setting string // its name, as Modoboa has it
	Text    string
	Remedy  string
}

// problems collects them.
type problems []Problem

func (p *problems) fatal(setting, remedy, format string, args ...any) {
	*p = append(*p, Problem{true, setting, fmt.Sprintf(format, args...), remedy})
}

func (p *problems) unwise(setting, remedy, format string, args ...any) {
	*p = append(*p, Problem{false, setting, fmt.Sprintf(format, args...), remedy})
}

// Problems says what is wrong with the settings, short of asking a server.
func (s *Settings) Problems() []Problem {
	var p problems
	if l := s.LDAP; l != nil {
		l.problems(&p)
	}
	if m := s.SMTP; m != nil {
		p.server("smtp_server", m.Server, "smtp_security", m.Security, m.CAFile)
	}
	return p
}

func (l *LDAP) problems(p *problems) {
	if len(l.Servers) == 0 {
		p.fatal("ldap_server_address", "name the server", "there is no server")
	}
	for _, server := range l.Servers {
		p.server("ldap_server_address", server, "ldap_secured", l.Security, l.CAFile)
	}
	if l.DirectBind {
		l.directProblems(p)
	} else {
		l.searchProblems(p)
	}
	if len(l.AdminGroups) > 0 && l.GroupsBase == "" {
		p.fatal("ldap_groups_search_base", "set it to the DN below which the groups are", "groups of administrators are named, but not where groups are")
	}
	if g := l.GroupType; g != PosixGroup && g != GroupOfNames && len(l.AdminGroups) > 0 {
		p.fatal("ldap_group_type", "use posixgroup or groupofnames", "%q is no type of group", g)
	}
	if l.ActiveDirectory && l.Security == Plain {
		p.unwise("ldap_secured", "use starttls or ssl", "Active Directory takes new passwords over TLS alone")
	}
}

func (l *LDAP) directProblems(p *problems) {
	if !marked(l.UserDN) {
		p.fatal("ldap_user_dn_template", "write the user's DN with %(user)s in it, such as uid=%(user)s,ou=people,dc=example,dc=org",
			"the template has no %%(user)s: everybody would be the same entry")
		return
	}
	if !l.ActiveDirectory {
		if _, err := ldap.ParseDN(dnOf(l.UserDN, "ann@example.org")); err != nil {
			p.fatal("ldap_user_dn_template", "write the user's DN, such as uid=%(user)s,ou=people,dc=example,dc=org", "the template makes no DN: %v", err)
		}
	}
}

func (l *LDAP) searchProblems(p *problems) {
	if !marked(l.SearchFilter) {
		p.fatal("ldap_search_filter", "write %(user)s where the login is to be, such as (mail=%(user)s)",
			"the filter has no %%(user)s: everybody would be the same entry")
	} else if _, err := ldap.CompileFilter(filterOf(l.SearchFilter, "ann@example.org")); err != nil {
		p.fatal("ldap_search_filter", "write a filter (RFC 4515), such as (mail=%(user)s)", "this is no filter: %v", err)
	}
	if l.SearchBase == "" {
		p.unwise("ldap_search_base", "set it to the DN below which the users are", "the whole directory is searched, which most servers refuse")
	}
	if _, err := ldap.ParseDN(l.BindDN); err != nil && !l.ActiveDirectory {
		p.fatal("ldap_bind_dn", "write the DN of who may search", "this is no DN: %v", err)
	}
	if l.BindDN != "" && l.BindPassword == "" {
		p.fatal("ldap_bind_password", "set the password of the bind DN, or leave both empty", "the bind DN has no password: servers take that for nobody in particular")
	}
}

// server checks what the two sources have in common.
func (p *problems) server(setting, server, security string, s Security, ca string) {
	host, _, err := net.SplitHostPort(server)
	if err != nil || host == "" {
		p.fatal(setting, "write host:port", "%q is no server", server)
		return
	}
	switch s {
	case StartTLS, SSL:
		if _, err := tlsConfig(server, ca); err != nil {
			p.fatal("ca_file", "name a file with PEM certificates that vmapd can read", "%v", err)
		}
	case Plain:
		if !local(server) {
			p.unwise(security, "use starttls or ssl", "passwords go to %s in clear, where others may read them", host)
		}
	default:
		p.fatal(security, "use none, starttls or ssl", "%q is no way to secure a connection", s)
	}
}
