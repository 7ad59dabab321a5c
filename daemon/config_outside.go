package daemon

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmapd/vmapd/lookup/outside"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// Outside is the section [outside].
type Outside struct {
	Backends []string `toml:"backends" comment:"Who is asked about passwords that are not in the database: ldap, smtp, or both (then whoever has no account yet is asked for in LDAP first). What AUTHENTICATION_BACKENDS in Modoboa's settings.py names besides Django's own. How LDAP is asked is in Modoboa's parameters (core.ldap_..., see [modoboa]), and it is only if core.authentication_type is ldap, as in Modoboa. Empty: nobody."`
	Create   bool     `toml:"create" comment:"Make an account for whoever has none and whose password is right, as Modoboa does. Modoboa's parameter admin.auto_create_domain_and_mailbox says whether that has a mailbox."`
	Remember Duration `toml:"remember" comment:"A password that was right is not asked about again for so long: one that was changed elsewhere works until then. 0s: ask every time."`
	CAFile   string   `toml:"ca_file" comment:"PEM file with the authorities of the servers' certificates, which are always verified. Empty: those that the system trusts."`

	SMTPServer   string `toml:"smtp_server" comment:"host:port of the mail server that takes logins: AUTH_SMTP_SERVER_ADDRESS and _PORT in settings.py. Not one that asks vmapd itself."`
	SMTPSecurity string `toml:"smtp_security" comment:"none, starttls or ssl: AUTH_SMTP_SECURED_MODE. With none passwords can be read on the way."`

	ConnectTimeout Duration `toml:"connect_timeout" comment:"Time to connect to a server."`
	Timeout        Duration `toml:"timeout" comment:"Time for each answer of an LDAP server, and for a whole login at a mail server. Postfix waits 10s for everything."`
	Connections    int      `toml:"connections" comment:"Questions to a server at the same time."`
	Waiting        int      `toml:"waiting" comment:"Questions that may wait for a connection. The next ones are answered \"try again\" at once."`
}

func defaultOutside() Outside {
	return Outside{
		Backends: []string{}, Create: true, Remember: Duration(time.Minute), SMTPServer: "localhost:25", SMTPSecurity: "none",
		ConnectTimeout: Duration(3 * time.Second), Timeout: Duration(5 * time.Second), Connections: 8, Waiting: 100,
	}
}

func (k *checker) outside() {
	o := &k.c.Outside
	for i, b := range o.Backends {
		k.oneOf("outside.backends["+strconv.Itoa(i)+"]", b, outside.SourceLDAP, outside.SourceSMTP)
	}
	if o.CAFile != "" {
		k.absolute("outside.ca_file", o.CAFile)
	}
	if host, port, err := net.SplitHostPort(o.SMTPServer); err != nil || host == "" || port == "" {
		k.fail("outside.smtp_server", "%q is not host:port, such as \"mail.example.org:587\"", o.SMTPServer)
	}
	k.oneOf("outside.smtp_security", o.SMTPSecurity, string(outside.Plain), string(outside.StartTLS), string(outside.SSL))
	k.positive("outside.connect_timeout", o.ConnectTimeout)
	k.positive("outside.timeout", o.Timeout)
	if o.ConnectTimeout+o.Timeout > Duration(30*time.Second) {
		k.fail("outside.timeout", "with connect_timeout it is %s: at most 30s, logins do not wait for so long", o.ConnectTimeout+o.Timeout)
	}
	for key, n := range map[string]int{"outside.connections": o.Connections, "outside.waiting": o.Waiting} {
		if n < 1 {
			k.fail(key, "%d is too few: at least 1", n)
		}
	}
}

// needsParameters reports whether Modoboa's parameters say who is asked.
func (c *Config) needsParameters() bool {
	return slices.Contains(c.Outside.Backends, outside.SourceLDAP)
}

// OutsideSettings gives the section [outside] and Modoboa's parameters as package
// outside wants them.
func (c *Config) OutsideSettings(p *parameters.Set) outside.Settings {
	o := c.Outside
	s := outside.Settings{Create: o.Create, Connect: o.ConnectTimeout.D(), Operation: o.Timeout.D(), Connections: o.Connections, Waiting: o.Waiting}
	if slices.Contains(o.Backends, outside.SourceSMTP) {
		s.SMTP = &outside.SMTP{Server: o.SMTPServer, Security: outside.Security(o.SMTPSecurity), CAFile: o.CAFile}
	}
	if c.needsParameters() && p.Text(parameters.AuthenticationType) == "ldap" {
		s.LDAP = directory(p)
		s.LDAP.CAFile = o.CAFile
	}
	return s
}

// directory is the LDAP directory of Modoboa's parameters.
func directory(p *parameters.Set) *outside.LDAP {
	at := func(host parameters.Text, port parameters.Number) string {
		return net.JoinHostPort(strings.Trim(strings.TrimSpace(p.Text(host)), "[]"), strconv.FormatInt(p.Number(port), 10))
	}
	l := &outside.LDAP{
		Servers: []string{at(parameters.LDAPServerAddress, parameters.LDAPServerPort)}, Security: outside.Security(p.Text(parameters.LDAPSecured)),
		DirectBind: p.Text(parameters.LDAPAuthMethod) == "directbind", BindDN: p.Text(parameters.LDAPBindDN), BindPassword: p.Text(parameters.LDAPBindPassword),
		SearchBase: p.Text(parameters.LDAPSearchBase), SearchFilter: p.Text(parameters.LDAPSearchFilter), UserDN: p.Text(parameters.LDAPUserDNTemplate),
		PasswordAttribute: p.Text(parameters.LDAPPasswordAttribute), ActiveDirectory: p.Flag(parameters.LDAPIsActiveDirectory),
		AdminGroups: outside.Admins(p.Text(parameters.LDAPAdminGroups)), GroupType: p.Text(parameters.LDAPGroupType), GroupsBase: p.Text(parameters.LDAPGroupsSearchBase),
	}
	if p.Flag(parameters.LDAPEnableSecondary) && p.Text(parameters.LDAPSecondaryAddress) != "" {
		l.Servers = append(l.Servers, at(parameters.LDAPSecondaryAddress, parameters.LDAPSecondaryPort))
	}
	return l
}

// hashOutside makes the hashes of new passwords in a directory: in the scheme of
// those that are kept here.
func (c *Config) hashOutside(login, clear string) (string, error) {
	scheme, params := c.Dovecot.rehash, c.Dovecot.rehashParams
	if scheme == "" {
		scheme = newPasswords
	}
	return password.New(scheme, login, clear, params)
}
