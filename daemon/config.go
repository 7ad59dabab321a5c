package daemon

import (
	"net/netip"
	"time"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/mapdiff"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/lookup/rules"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// DefaultConfigFile is read when no other file is named; it may be missing.
const DefaultConfigFile = "/etc/vmapd/vmapd.toml"

// Config is the configuration of the daemon. The comment tags are the
// documentation of the settings: the commented default file and the manual
// page are made from them. Load and Default are the ways to make one.
type Config struct {
	StateDir  string    `toml:"state_dir" comment:"Folder for what vmapd keeps: the embedded database, the control socket, keys. $STATE_DIRECTORY, if systemd sets it, is the default." restart:"yes"`
	Database  Database  `toml:"database" comment:"The database that holds domains, mailboxes and aliases." about:"where the accounts are"`
	Listen    []Listen  `toml:"listen" comment:"One [[listen]] section for each socket. If there is none at all, vmapd serves socketmap, policy, milter, dict, auth and auth-master on unix sockets in its run folder ($RUNTIME_DIRECTORY or /run/vmapd) and http on inet:127.0.0.1:8025." about:"which protocols are served, and on which sockets"`
	Lookup    Lookup    `toml:"lookup" comment:"How the lookup tables answer." about:"answers of Postfix's lookup tables"`
	Dovecot   Dovecot   `toml:"dovecot" comment:"Logins, and answers for Dovecot (protocols dict, auth, auth-master)." about:"logins, and where mail lies"`
	Guard     Guard     `toml:"guard" comment:"Protection of logins against guessing. With policy.counters in Redis several nodes count together." about:"protection of logins against guessing"`
	Outside   Outside   `toml:"outside" comment:"Accounts whose passwords are kept elsewhere: in an LDAP directory, or by another mail server. See docs/outside-accounts.md." about:"passwords that LDAP or another mail server knows"`
	DKIM      DKIM      `toml:"dkim" comment:"Signing of mail (protocol milter): what authenticated clients send, and others that are named here." about:"signatures and keys"`
	DNS       DNS       `toml:"dns" comment:"Checks of what DNS says of the mail of each domain. docs/dns-checks.md explains them." about:"checks of what DNS says of each domain"`
	Policy    Policy    `toml:"policy" comment:"What Postfix is told by the policy service (protocol policy): which recipients are refused, and how much those who have logged in may send. Accounts and domains may have a limit of their own, message_limit, which counts recipients in a day." about:"what the policy service refuses, and sending limits"`
	Alarms    Alarms    `toml:"alarms" comment:"What administrators are told of: mailboxes that are nearly full, keys that are not in DNS, a database that is down. The web page, the API and vmapd alarm list show them." about:"what administrators are told of, and how"`
	Jobs      Jobs      `toml:"jobs" comment:"What is done again and again, on one node at a time: 'vmapd job list' shows it. docs/jobs.md explains each job." about:"what is done by the clock"`
	Mailboxes Mailboxes `toml:"mailboxes" comment:"Folders of mailboxes, which are renamed and removed as Modoboa orders it." about:"folders of mailboxes that are renamed or deleted"`
	Modoboa   Modoboa   `toml:"modoboa" comment:"Modoboa's own parameters, which its administrators set in its pages (core_localconfig). 'vmapd config show' lists them." about:"values in place of Modoboa's own parameters"`
	Admin     Admin     `toml:"admin" comment:"What administrators use, on the listeners of protocol http." about:"the web page"`
	Shadow    Shadow    `toml:"shadow" comment:"Before vmapd takes the place of SQL maps: ask them too what Postfix asks vmapd, and tell what differs (vmapd status, vmapd_shadow_total). See docs/diff.md." about:"comparison with the SQL maps of before"`
	Log       Log       `toml:"log" comment:"Messages go to standard error." about:"messages"`

	// Path is the file the configuration came from, "" if there was none.
	Path string `toml:"-"`
	// Warnings are things that are allowed but unwise, one sentence each.
	Warnings []string `toml:"-"`

	password string // from database.password_file
	places   places // where each key was set
}

// Database is the section [database].
type Database struct {
	URL          string   `toml:"url" comment:"sqlite:/path, postgres://user@host/db, mysql://user@host/db or mysql://user@unix(/run/mysqld/mysqld.sock)/db. Default: an embedded database, vmapd.db in state_dir."`
	PasswordFile string   `toml:"password_file" comment:"File with the password alone; keeps it out of this file and out of the process list."`
	Poll         Duration `toml:"poll" comment:"How often to ask for changes where the database cannot notify."`
	Reload       Duration `toml:"reload" comment:"Without change capture (vmapd db install-triggers): how often to read the whole database again. A read that takes long is repeated less often: reading never takes more than 5 % of the time. 0s: as often as that allows, but not more often than poll."`
	Audit        Duration `toml:"audit" comment:"With change capture: how often to read the whole database again and compare, to make sure that no change was missed. 0s: never."`
	MaxStale     Duration `toml:"max_stale" comment:"0s: serve the last good data for ever while the database is down. Else answer \"try again\" when the data is older than this."`
}

// Listen is one section [[listen]].
type Listen struct {
	Protocol       string   `toml:"protocol" comment:"socketmap, tcp_table, http; dict, auth (logins: Dovecot's login processes, SASL of Postfix and Exim) and auth-master (users: Dovecot) on unix sockets. milter: signing, for smtpd_milters and non_smtpd_milters. policy: check_policy_service of smtpd."`
	Address        string   `toml:"address" comment:"unix:/path, inet:host:port (IPv6 in brackets) or systemd:NAME for a socket that systemd hands over. For chrooted Postfix daemons the path must be below the queue directory, such as unix:/var/spool/postfix/private/vmapd."`
	Mode           Mode     `toml:"mode" comment:"Permissions of a unix socket. Who may write to it may ask it."`
	Owner          string   `toml:"owner" comment:"Owner of a unix socket, name or number. Empty: the user vmapd runs as."`
	Group          string   `toml:"group" comment:"Group of a unix socket, name or number; for Postfix's tables usually postfix. Empty: vmapd's own group."`
	Table          string   `toml:"table" comment:"tcp_table: the one table this port serves."`
	Allow          []string `toml:"allow" comment:"TCP: networks that may connect, such as [\"10.1.0.0/16\"]. Without it only loopback addresses can be listened on."`
	MaxConnections int      `toml:"max_connections" comment:"Connections at the same time. When so many are open, one that idles is closed to let a new one in; when none idles, the new one is closed. Postfix holds one for each smtpd, cleanup and trivial-rewrite process."`
	IdleTimeout    Duration `toml:"idle_timeout" comment:"A connection without a request for so long is closed. Postfix connects again by itself. milter: without a message; longer than smtpd_timeout, or the next message of the SMTP client is not signed."`
	RequestTimeout Duration `toml:"request_timeout" comment:"Time for a peer to finish a request that it began, and to take the answer."`
	Backlog        int      `toml:"backlog" comment:"Connections that may wait to be accepted. 0: as many as the system allows (net.core.somaxconn, which is also the upper limit)."`
	TLSCertificate string   `toml:"tls_certificate" comment:"http: PEM file with the certificate chain; serves https."`
	TLSKey         string   `toml:"tls_key" comment:"http: PEM file with the key of tls_certificate."`

	endpoint Endpoint       // Address, parsed
	allow    []netip.Prefix // Allow, parsed
}

// Lookup is the section [lookup].
type Lookup struct {
	RecipientDelimiter string   `toml:"recipient_delimiter" comment:"As recipient_delimiter in main.cf: the characters of which the first begins an address extension. Empty: there are no extensions."`
	SenderLogin        string   `toml:"sender_login" comment:"Who may send as whom: 1.10 or 2.x as the maps of those versions of Modoboa decide it; strict is 2.x less what disabled accounts, disabled domains and domain aliases, and expired aliases still lend there."`
	ParentDomains      bool     `toml:"parent_domains" comment:"Let a relay domain stand for its subdomains too, as Postfix's default parent_domain_matches_subdomains does with SQL maps."`
	Hold               Duration `toml:"hold" comment:"How long a request waits for the first data after a start before it is answered \"try again\". Postfix itself waits 100s."`
	LocalTransport     string   `toml:"local_transport" comment:"transport:nexthop for the mailboxes of a split domain."`
}

// Dovecot is the section [dovecot].
type Dovecot struct {
	Home         string   `toml:"home" comment:"Home folder of a mailbox; %u, %n, %d are the address, its local part, its domain."`
	UID          int      `toml:"uid" comment:"User id of the mail folders."`
	GID          int      `toml:"gid" comment:"Group id of the mail folders."`
	Mechanisms   []string `toml:"mechanisms" comment:"SASL mechanisms to offer." restart:"yes"`
	FailureDelay Duration `toml:"failure_delay" comment:"Wait before saying that a login failed."`

	MasterSeparator   string   `toml:"master_separator" comment:"Between user and master user, as in user@example.com*master@example.com. Empty: master users cannot log in as others."`
	DefaultScheme     string   `toml:"default_pass_scheme" comment:"Scheme of stored hashes that do not name one."`
	WeakSchemes       bool     `toml:"weak_schemes" comment:"Take passwords that are stored in a scheme that is weak, such as MD5 or plain SHA. The log names the accounts."`
	RememberPasswords Duration `toml:"remember_passwords" comment:"A password that was right need not be hashed again for so long. It is forgotten when anything changes. 0s: hash every time."`
	Rehash            string   `toml:"rehash" comment:"Store passwords in this scheme when their owners log in, with its cost if that is not Modoboa's: SHA512-CRYPT:rounds=70000, BLF-CRYPT:cost=12, ARGON2ID:m=65536,t=3,p=4 (KiB, passes, lanes). Hashes of another cost are made anew as well. Empty: leave them. Never done where Modoboa's own setting update_scheme is off."`
	PasswdFile        string   `toml:"passwd_file" comment:"Keep a passwd-file for Dovecot here, so that it can go on alone. Empty: none. It is written again ten seconds after a change at the latest."`
	PasswdFileGroup   string   `toml:"passwd_file_group" comment:"Group that may read passwd_file, usually dovecot. Empty: vmapd's own."`
	PasswordReaders   []string `toml:"password_readers" comment:"Users besides root that get password hashes from the dict auth (unix sockets alone): whoever runs Dovecot's auth-worker."`

	readers      []int // PasswordReaders, as user ids
	rehash       string
	rehashParams password.Params // both are Rehash, parsed
}

// Guard is the section [guard].
type Guard struct {
	Exempt    []string `toml:"exempt" comment:"Networks of programs that log in for others, such as webmail: they are never refused." restart:"yes"`
	PolicyKey string   `toml:"policy_key" comment:"Key with which Dovecot's own auth service may ask /policy on the http listener (auth_policy_server_url). Empty: nobody may."`

	exempt []netip.Prefix // Exempt, parsed
}

// DKIM is the section [dkim].
type DKIM struct {
	KeyDir      string   `toml:"key_dir" comment:"Keys are read and made only below this folder. Default: dkim in state_dir." restart:"yes"`
	Networks    []string `toml:"networks" comment:"Clients whose mail is signed besides that of authenticated ones. Mail of sendmail(1) comes from 127.0.0.1, but so does all that a content filter gives back."`
	DaemonNames []string `toml:"daemon_names" comment:"Values of the milter macro {daemon_name} whose mail is signed: what a service of master.cf has as -o milter_macro_daemon_name."`
	Headers     string   `toml:"headers" comment:"Which headers are signed: compat, balanced or strict."`
	Canon       string   `toml:"canonicalization" comment:"Canonical forms of header and body, as in OpenDKIM: relaxed/relaxed, relaxed/simple, simple/relaxed or simple/simple. What relays do to white space on the way breaks simple."`
	Subdomains  string   `toml:"subdomains" comment:"exact, or parent: sign for a subdomain with its parent's key."`
	Resolvers   []string `toml:"resolvers" comment:"DNS servers, address or address:port. Empty: those of /etc/resolv.conf." restart:"yes"`

	AliasKeys    string   `toml:"alias_keys" comment:"own: mail from a domain alias is signed only if the alias has a key of its own (vmapd dkim generate). target: else with the key of its target, in the target's name, which DMARC takes for another domain."`
	Generate     string   `toml:"generate" comment:"Make keys for domains that are to be signed and have none. auto: in databases that vmapd init made, never where Modoboa's own job (modo manage_dkim_keys, or its worker) may make one at the same time. always: that job is switched off. never: only vmapd dkim generate makes keys."`
	ReplacedKeep Duration `toml:"replaced_keep" comment:"How long an old key is used on when its file is gone or cannot be read, or while DNS does not show the key that took its place in the file." restart:"yes"`
	Settle       Duration `toml:"settle" comment:"How long the record of a further key must have been seen in DNS before it signs: longer than a resolver remembers that there was none."`
	Retire       Duration `toml:"retire" comment:"How long the record of a replaced key must stay in DNS: longer than mail waits in queues. At least 168h."`
	RotateAfter  Duration `toml:"rotate_after" comment:"Age of an RSA key at which another one is made to take its place, once somebody has published its record. 0s: keys are rotated by vmapd dkim rotate alone."`

	networks []netip.Prefix // Networks, parsed
}

// DNS is the section [dns].
type DNS struct {
	Schedule  string   `toml:"schedule" comment:"Check all domains again and again. auto: in databases that vmapd init made, never where Modoboa's own jobs do it (modo check_mx, or its worker). always: those are switched off. never: only by order."`
	Every     Duration `toml:"every" comment:"Time between two checks of a domain. What is wrong is looked at again after a quarter of it, what could not be said after a twelfth."`
	Checks    []string `toml:"checks" comment:"Which checks are made, unless Modoboa's parameters (enable_mx_checks, enable_spf_checks ...) switch them off: mx, dnsbl, spf, dkim, dmarc, autoconfig, autodiscover, mta-sts, tls-rpt."`
	Resolvers []string `toml:"resolvers" comment:"DNS servers, address or address:port. Empty: those of dkim.resolvers, else of /etc/resolv.conf. Block lists do not answer public ones. Modoboa's parameter custom_dns_server goes first."`
	DNSBL     []string `toml:"dnsbl" comment:"Block lists to ask about the addresses of MX hosts. Mind their terms of use."`
	Networks  []string `toml:"networks" comment:"Networks of our own, besides those of Modoboa's parameter valid_mxs: an MX record of each domain must lead to one of them. Empty, and valid_mxs too: anywhere."`
	Senders   []string `toml:"senders" comment:"Addresses from which mail leaves: SPF records must let them pass. Empty: the MX addresses in our own networks are looked at, and there is a warning."`
	Host      string   `toml:"host" comment:"Name of this mail host, for records to publish. Empty: the name of the machine, if it has a dot."`

	networks []netip.Prefix   // Networks, parsed
	senders  []netip.Addr     // Senders, parsed
	checks   []dnschecks.Kind // Checks, parsed
}

// Policy is the section [policy].
type Policy struct {
	Counters string `toml:"counters" comment:"Where several nodes count together what is sent, and wrong passwords ([guard]): local, for one node alone, or redis://host:6379/0." restart:"yes"`
	Count    string `toml:"count" comment:"message: count a message when it is complete (DATA or END-OF-MESSAGE). recipient: count each recipient at RCPT, as Modoboa's own policy daemon does it, those that are refused afterwards too."`

	AccountLimits  []string `toml:"account_limits" comment:"Limits of every account, such as [\"500 recipients/day\", \"60 messages/1h\", \"200 new-recipients/day\", \"500M bytes/day\"]. day is the calendar day in UTC, a duration slides. A message_limit of the account takes the place of recipients/day."`
	DomainLimits   []string `toml:"domain_limits" comment:"The same for all accounts of a domain together."`
	LimitsExempt   []string `toml:"limits_exempt" comment:"Who may send without limits: accounts, domains, networks of clients, and policy contexts, as in [\"news@example.com\", \"example.org\", \"10.1.0.0/16\", \"context:webmail\"]."`
	OverLimit      string   `toml:"over_limit" comment:"What is over a limit is put off (defer) or refused for good (reject)."`
	WarnAt         int      `toml:"warn_at" comment:"Percent of a limit at which there is a warning. 0: none." restart:"yes"`
	SuspendAfter   int      `toml:"suspend_after" comment:"An account with so many messages over its limits within suspend_within may not send at all. 0: nobody is suspended without an order (vmapd limit suspend)." restart:"yes"`
	SuspendWithin  Duration `toml:"suspend_within" comment:"See suspend_after." restart:"yes"`
	SuspendFor     Duration `toml:"suspend_for" comment:"How long such an account may not send. 0s: until somebody releases it (vmapd limit release)." restart:"yes"`
	SuspendDomains bool     `toml:"suspend_domains" comment:"Suspend whole domains too, for messages over their limits." restart:"yes"`

	Recipients       bool     `toml:"recipients" comment:"Refuse recipients at RCPT that are a mailbox here which takes no mail: its domain is disabled, or it is for sending only. Postfix would take mail for the latter, and Dovecot refuse it."`
	DisabledAccounts bool     `toml:"disabled_accounts" comment:"Refuse mailboxes of disabled accounts as well. false: their mail is delivered, as Modoboa does it."`
	RecipientsExempt []string `toml:"recipients_exempt" comment:"For which recipients, their domains, networks of clients or policy contexts that does not hold."`
	DisabledReply    string   `toml:"disabled_reply" comment:"What such a recipient is answered: a code from 400 to 599, REJECT, DEFER or DEFER_IF_PERMIT, and a text."`
	Quota            bool     `toml:"quota" comment:"Refuse at RCPT what does not fit into the recipient's mailbox, as Dovecot's quota-status does."`
	QuotaExempt      []string `toml:"quota_exempt" comment:"For which recipients, their domains, networks of clients or policy contexts that does not hold."`
	QuotaGrace       int      `toml:"quota_grace" comment:"Percent of the quota by which the last message may exceed it; as quota_grace in dovecot.conf."`
	FullReply        string   `toml:"full_reply" comment:"What a full mailbox is answered."`
	TooLargeReply    string   `toml:"too_large_reply" comment:"What is answered if the announced size is more than the mailbox could ever hold."`

	rules rules.Settings // all of it that the rules need, parsed
}

// Modoboa is the section [modoboa].
type Modoboa struct {
	Parameters []string `toml:"parameters" comment:"Values that vmapd uses instead of those of Modoboa's, as app.name=value: [\"core.log_maximum_age=90\", \"core.enable_inactive_accounts=false\"]. Modoboa itself does not see them. In a database that vmapd init made this is the way to set them."`

	overrides parameters.Overrides // Parameters, parsed
}

// Jobs is the section [jobs].
type Jobs struct {
	Enabled               string   `toml:"enabled" comment:"Run jobs by the clock. auto: in databases that vmapd init made, not where Modoboa's own cron and workers do the same. always: those are switched off. never: by vmapd job run alone."`
	CleanLogs             Duration `toml:"clean_logs" comment:"How often old entries of core_log and maillog_maillog are deleted (core.log_maximum_age, core.message_history_maximum_age). This and the following: 0s for by order alone."`
	CleanInactiveAccounts Duration `toml:"clean_inactive_accounts" comment:"How often accounts are sought whose users have not logged in for long (core.inactive_account_threshold). Only if Dovecot tells vmapd of logins, or else everybody seems to be inactive."`
	InactiveAccounts      string   `toml:"inactive_accounts" comment:"What becomes of them: disable or delete."`
	KeepDir               bool     `toml:"keepdir" comment:"Leave the mail of accounts deleted so where it is."`
	DomainUsage           Duration `toml:"domain_usage" comment:"How often the usage of domains is reported."`
	Repair                Duration `toml:"repair" comment:"How often objects without an owner and mailboxes without the alias to themselves are mended."`
}

// Admin is the section [admin].
type Admin struct {
	Page bool `toml:"page" comment:"Serve the web page. Who signs in there is an account of the database."`
}

// Shadow is the section [shadow].
type Shadow struct {
	Maps  string `toml:"maps" comment:"Folder with sql-domains.cf and the others, which the user that runs vmapd must be able to read. Empty: nothing is compared."`
	Type  string `toml:"type" comment:"pgsql, mysql or sqlite: the type of maps that do not show it. Empty: that of the database."`
	Every int    `toml:"every" comment:"Compare one lookup in so many."`
}

// every is how many lookups there are for one that is compared, 0 = none is.
func (s *Shadow) every() int {
	if s.Maps == "" {
		return 0
	}
	return s.Every
}

// kind is the type of maps that do not show it.
func (s *Shadow) kind(d *db.DB) string {
	if s.Type != "" {
		return s.Type
	}
	return mapdiff.Type(d)
}

// Log is the section [log].
type Log struct {
	Level  string `toml:"level" comment:"debug, info, warn or error."`
	Format string `toml:"format" comment:"console for people, json for machines." restart:"yes"`
}

// defaultListen gives the values a [[listen]] section starts from.
func defaultListen() Listen {
	return Listen{
		Mode:           0o660,
		MaxConnections: 1000,
		IdleTimeout:    Duration(10 * time.Minute),
		RequestTimeout: Duration(10 * time.Second),
	}
}

// builtin gives the values before any file: without those that follow from
// others (see Config.derive).
func builtin() *Config {
	return &Config{
		StateDir: stateDir(),
		Database: Database{Poll: Duration(time.Second), Audit: Duration(time.Hour)},
		Lookup: Lookup{
			RecipientDelimiter: "+", SenderLogin: "2.x", ParentDomains: true,
			Hold: Duration(20 * time.Second), LocalTransport: "lmtp:unix:private/dovecot-lmtp",
		},
		Dovecot: Dovecot{
			Home: "/srv/vmail/%d/%n", UID: 5000, GID: 5000,
			Mechanisms: []string{"PLAIN", "LOGIN"}, FailureDelay: Duration(2 * time.Second),
			MasterSeparator: "*", DefaultScheme: "CRYPT", WeakSchemes: true, RememberPasswords: Duration(10 * time.Minute), PasswordReaders: []string{},
		},
		Guard: Guard{Exempt: []string{"127.0.0.0/8", "::1/128"}},
		DKIM: DKIM{
			Networks: []string{"127.0.0.0/8", "::1/128"}, DaemonNames: []string{"ORIGINATING"},
			Headers: "balanced", Canon: "relaxed/relaxed", Subdomains: "exact", Resolvers: []string{},
			AliasKeys: "own", Generate: "auto", ReplacedKeep: Duration(7 * 24 * time.Hour), Settle: Duration(time.Hour), Retire: Duration(8 * 24 * time.Hour),
		},
		Policy: Policy{
			Counters: "local", Count: "message", AccountLimits: []string{}, DomainLimits: []string{}, LimitsExempt: []string{},
			OverLimit: "defer", WarnAt: 80, SuspendWithin: Duration(time.Hour), Recipients: true, RecipientsExempt: []string{},
			DisabledReply: "550 5.2.1 Mailbox is disabled", Quota: true, QuotaExempt: []string{}, QuotaGrace: 10,
			FullReply: "554 5.2.2 Mailbox is full", TooLargeReply: "552 5.2.3 Message is too large for the mailbox",
		},
		Alarms:    builtinAlarms(),
		Admin:     Admin{Page: true},
		Shadow:    Shadow{Every: 100},
		Log:       Log{Level: "info", Format: "console"},
		Outside:   defaultOutside(),
		Modoboa:   Modoboa{Parameters: []string{}},
		Jobs:      Jobs{Enabled: "auto", CleanLogs: Duration(24 * time.Hour), InactiveAccounts: "disable"},
		Mailboxes: defaultMailboxes(),
		DNS: DNS{
			Schedule: "auto", Every: Duration(time.Hour), Checks: allChecks(), Resolvers: []string{}, Networks: []string{}, Senders: []string{},
			DNSBL: []string{"zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com"},
		},
	}
}
