package setup

import (
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/doveconf"
	"github.com/vmapd/vmapd/daemon"
)

// listener is a [[listen]] section that the script writes.
type listener struct{ why, protocol, address, group string }

// listeners are those of a mail host. Postfix's are held by systemd, since its
// private folder is closed to the user vmapd, and smtpd remembers for as long as
// it lives that a socket was away. Dovecot's belong to the group that asks.
func listeners(auth, owner string) []listener {
	list := []listener{
		{"Postfix: lookup tables, policy service, signatures, logins. systemd holds the sockets.", "socketmap", "systemd:socketmap", ""},
		{"", "policy", "systemd:policy", ""},
		{"", "milter", "systemd:milter", ""},
		{"", "auth", "systemd:sasl", ""},
		{"Dovecot.", "dict", "unix:/run/vmapd/dict", owner},
	}
	if auth == doveconf.Server {
		list = append(list, listener{"", "auth", "unix:/run/vmapd/auth", loginGroup}, listener{"", "auth-master", "unix:/run/vmapd/auth-master", owner})
	}
	return append(list, listener{"Administrators: the web page, the API, metrics.", "http", "inet:127.0.0.1:8025", ""})
}

// loginGroup is that of Dovecot's login processes.
const loginGroup = "dovenull"

// Config is the text of a vmapd.toml for a mail host: auth is the route of
// Dovecot (doveconf.Dict or doveconf.Server), owner the group that mail has.
func Config(auth, owner string) string {
	var b strings.Builder
	b.WriteString("# vmapd on a mail host with Postfix and Dovecot. What is not here has its\n# default: 'vmapd config default' shows every setting.\n")
	for _, l := range listeners(auth, owner) {
		b.WriteByte('\n')
		if l.why != "" {
			fmt.Fprintf(&b, "# %s\n", l.why)
		}
		fmt.Fprintf(&b, "[[listen]]\nprotocol = %q\naddress = %q\n", l.protocol, l.address)
		if l.group != "" {
			fmt.Fprintf(&b, "group = %q\n", l.group)
		}
	}
	return b.String()
}

// Listen is what Config says, as the daemon has it.
func Listen(auth, owner string) (list []daemon.Listen) {
	for _, l := range listeners(auth, owner) {
		list = append(list, daemon.Listen{Protocol: l.protocol, Address: l.address, Group: l.group})
	}
	return list
}

// Reachable reports whether chrooted daemons of Postfix find the tables: whether
// the listeners are more than those that vmapd has without any configuration.
func Reachable(list []daemon.Listen, queue string) bool {
	for _, l := range list {
		switch place := l.Place(); {
		case l.Protocol != "socketmap" && l.Protocol != "tcp_table":
		case strings.HasPrefix(place, "inet:"), strings.HasPrefix(place, "unix:"+queue+"/"):
			return true
		}
	}
	return false
}
