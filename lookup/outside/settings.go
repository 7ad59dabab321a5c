package outside

import (
	"net"
	"strings"
	"time"
)

// Settings say which sources there are. They come from Modoboa's own parameters
// (ldap_...) and from the configuration file.
type Settings struct {
	LDAP *LDAP // nil: it is not asked
	SMTP *SMTP // nil: it is not asked

	// Create says that somebody who has no account yet is asked for too: he gets
	// one if his password is right.
	Create bool

	Connect     time.Duration // to have a connection; 3s
	Operation   time.Duration // for each answer; 5s
	Connections int           // to a server at once; 8
	Waiting     int           // questions that may wait for one of them; 100
}

// Security is how a connection is protected.
type Security string

// The securities, in Modoboa's words.
const (
	Plain    Security = "none"
	StartTLS Security = "starttls"
	SSL      Security = "ssl" // TLS from the first byte
)

// LDAP is a directory, as Modoboa's parameters describe it. %(user)s in
// SearchFilter and UserDN is the login.
type LDAP struct {
	Servers  []string // host:port; the second one stands in for the first
	Security Security
	CAFile   string // PEM; "" = the authorities that the system trusts

	DirectBind   bool   // with UserDN; else SearchFilter below SearchBase is looked for
	BindDN       string // who looks; "" = nobody in particular
	BindPassword string
	SearchBase   string
	SearchFilter string // such as (mail=%(user)s)
	UserDN       string // such as uid=%(user)s,ou=people,dc=example,dc=org

	PasswordAttribute string // userPassword, if it is ""
	ActiveDirectory   bool

	AdminGroups []string // whose members administrate domains: values of cn
	GroupType   string   // PosixGroup or GroupOfNames
	GroupsBase  string
}

// The types of groups: members by uid, and by DN (RFC 2307, RFC 4519).
const (
	PosixGroup   = "posixgroup"
	GroupOfNames = "groupofnames"
)

// SMTP is a mail server that takes logins.
type SMTP struct {
	Server   string // host:port
	Security Security
	CAFile   string // as in LDAP
}

// withDefaults fills in what is 0.
func (s Settings) withDefaults() Settings {
	if s.Connect <= 0 {
		s.Connect = 3 * time.Second
	}
	if s.Operation <= 0 {
		s.Operation = 5 * time.Second
	}
	if s.Connections <= 0 {
		s.Connections = 8
	}
	if s.Waiting <= 0 {
		s.Waiting = 100
	}
	return s
}

// Admins reads Modoboa's list of groups: names, with ";" between them.
func Admins(list string) (groups []string) {
	for name := range strings.SplitSeq(list, ";") {
		if name = strings.TrimSpace(name); name != "" {
			groups = append(groups, name)
		}
	}
	return groups
}

// local reports whether host:port is on this machine, where nobody listens on
// the way.
func local(server string) bool {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
