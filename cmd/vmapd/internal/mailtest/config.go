package mailtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Maps names the lookup tables of a mail host as Postfix writes them,
// "type:name". The parameters are those of Modoboa's manual.
type Maps struct {
	Domains                    string   // virtual_mailbox_domains
	DomainAliases              string   // virtual_alias_domains
	Aliases                    string   // virtual_alias_maps
	RelayDomains               string   // relay_domains
	Transport                  []string // transport_maps, in this order
	Maintain                   string   // check_recipient_access
	RelayRecipientVerification string   // check_recipient_access
	SenderLogin                string   // smtpd_sender_login_maps

	// OldSenderLogin is the sender login map of a second submission service, on
	// which the rules of Modoboa 1.10 are tried; "" leaves the service out.
	OldSenderLogin string
	// Mailboxes is virtual_mailbox_maps. Where it is set, Postfix refuses unknown
	// recipients by itself and probes those of relay domains alone.
	Mailboxes string
}

// Config is what differs between two instances of Postfix.
type Config struct {
	Maps   Maps
	Chroot bool   // run the daemons in the queue directory, as Debian does
	World  string // next hop of mail for other hosts, "[ip]:port"
	// Milters are asked about all mail, as smtpd_milters has them. Where one is
	// not as it should be, mail is put off. On submission the daemon's name for
	// them is ORIGINATING.
	Milters string
	// Policy is asked before all else about each recipient, and when a message is
	// complete: "check_policy_service { ... }".
	Policy string
}

// configure writes main.cf and master.cf.
func (p *Postfix) configure(c Config) error {
	main := p.hostConfig(c) + mapsConfig(c.Maps, c.Policy) + quietConfig
	if c.Policy != "" {
		main += "smtpd_end_of_data_restrictions = " + c.Policy + "\n"
	}
	if c.Milters != "" {
		main += "smtpd_milters = " + c.Milters + "\nnon_smtpd_milters = $smtpd_milters\nmilter_default_action = tempfail\n"
	}
	if err := os.WriteFile(filepath.Join(p.conf, "main.cf"), []byte(main), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.conf, "master.cf"), []byte(p.masterConfig(c)), 0o644)
}

// hostConfig is the part of main.cf that keeps an instance to itself and
// sends its mail to the sinks.
func (p *Postfix) hostConfig(c Config) string {
	return fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s
data_directory = %[2]s
maillog_file = %[3]s
maillog_file_prefixes = %[4]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.host.test
mydomain = host.test
myorigin = $myhostname
mydestination = $myhostname
mynetworks = 192.0.2.1/32
alias_maps =
alias_database =
local_recipient_maps =
local_transport = lmtp:unix:private/dovecot-lmtp
virtual_transport = lmtp:unix:private/dovecot-lmtp
default_transport = smtp:%[5]s
relay_transport = relay:%[5]s
recipient_delimiter = +
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_auth_enable = yes
unverified_recipient_reject_code = 550
`, p.queue, p.data, p.LogFile, p.Dir, c.World)
}

// mapsConfig is the part of main.cf that Modoboa's manual describes.
func mapsConfig(m Maps, policy string) string {
	verify := "reject_unverified_recipient"
	if m.Mailboxes != "" {
		verify = ""
	}
	return fmt.Sprintf(`virtual_mailbox_domains = %s
virtual_mailbox_maps = %s
virtual_alias_domains = %s
virtual_alias_maps = %s
relay_domains = %s
transport_maps = %s
smtpd_sender_login_maps = %s
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions =
    %s
    check_recipient_access %s %s
    permit_mynetworks
    reject_unauth_destination
    %s
submission_recipient_restrictions =
    %s
    permit_sasl_authenticated
    reject
proxy_read_maps = %s
`, m.Domains, m.Mailboxes, m.DomainAliases, m.Aliases, m.RelayDomains, strings.Join(m.Transport, " "), m.SenderLogin,
		policy, m.Maintain, m.RelayRecipientVerification, verify, policy, m.proxied())
}

// proxied lists the tables that are asked through proxymap(8), which serves
// none that main.cf does not allow.
func (m *Maps) proxied() string {
	all := append([]string{
		m.Domains, m.DomainAliases, m.Aliases, m.RelayDomains, m.Maintain, m.RelayRecipientVerification,
		m.SenderLogin, m.OldSenderLogin, m.Mailboxes,
	}, m.Transport...)
	return strings.Join(slices.DeleteFunc(all, func(table string) bool { return !strings.HasPrefix(table, "proxy:") }), " ")
}

// quietConfig makes an instance independent of the machine: no DNS, no
// database file of its own, no waiting, no limit that many sessions from one
// address could reach. A probe may take half a minute before the client is told
// to come back, because a busy machine is no reason for another outcome.
const quietConfig = `smtp_host_lookup = native
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
address_verify_map =
address_verify_poll_delay = 1s
address_verify_poll_count = 30
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtp_tls_security_level = none
smtpd_tls_security_level = none
in_flow_delay = 0
`

// masterConfig is master.cf: the mail exchanger, one or two submission
// services and the processes behind them.
func (p *Postfix) masterConfig(c Config) string {
	chroot := "n"
	if c.Chroot {
		chroot = "y"
	}
	var b strings.Builder
	inet := func(port int, options ...string) {
		fmt.Fprintf(&b, "%s:%d inet n - %s - - smtpd\n", p.ip, port, chroot)
		for _, o := range options {
			fmt.Fprintf(&b, "  -o %s\n", o)
		}
	}
	const submission = "smtpd_recipient_restrictions=$submission_recipient_restrictions"
	inet(portMX)
	inet(portSubmission, submission, "milter_macro_daemon_name=ORIGINATING")
	if c.Maps.OldSenderLogin != "" {
		inet(portSubmissionOld, submission, "smtpd_sender_login_maps="+c.Maps.OldSenderLogin)
	}
	b.WriteString(strings.ReplaceAll(masterServices, "CHROOT", chroot))
	return b.String()
}

// masterServices are the processes behind smtpd. Those that Debian never runs
// in a chroot say "n". Two processes of proxymap(8) have one connection for each
// map and process: a test's database need not let in more.
const masterServices = `cleanup unix n - CHROOT - 0 cleanup
pickup unix n - CHROOT 60 1 pickup
qmgr unix n - n 300 1 qmgr
rewrite unix - - CHROOT - - trivial-rewrite
bounce unix - - CHROOT - 0 bounce
defer unix - - CHROOT - 0 bounce
trace unix - - CHROOT - 0 bounce
verify unix - - CHROOT - 1 verify
flush unix n - CHROOT 1000? 0 flush
proxymap unix - - n - 2 proxymap
smtp unix - - CHROOT - - smtp
relay unix - - CHROOT - - smtp
lmtp unix - - CHROOT - - lmtp
showq unix n - CHROOT - - showq
error unix - - CHROOT - - error
retry unix - - CHROOT - - error
anvil unix - - CHROOT - 1 anvil
scache unix - - CHROOT - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
