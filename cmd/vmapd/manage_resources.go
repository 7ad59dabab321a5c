package main

// resource is a kind of object that the command line lists, makes, changes and
// removes.
type resource struct {
	use, short string
	path       string // below /api/v1/
	key        string // field of the natural key
	word       string // what the key is called in the usage
	byName     bool   // the API finds it by that
	columns    []column
	fields     []field
	filters    []field // of list
	keepFiles  bool    // rm knows --keep-files
}

// column is a column of a list; its field may be in a part ("mailbox.quota").
type column struct{ title, field string }

// flagKind is what a flag takes.
type flagKind uint8

const (
	textFlag flagKind = iota
	truthFlag
	sizeFlag   // MB, or with a unit
	numberFlag // or "none"
	listFlag   // with commas, or repeated
)

// field is a flag and the field that it sets.
type field struct {
	flag, name string
	kind       flagKind
	help       string
}

// resources are the kinds of objects, in the order of their help.
var resources = []resource{
	{
		use: "domain", short: "Domains", path: "domains", key: "name", word: "NAME", byName: true, keepFiles: true,
		columns: []column{
			{"NAME", "name"},
			{"TYPE", "type"},
			{"ENABLED", "enabled"},
			{"QUOTA", "quota"},
			{"MAILBOX QUOTA", "default_mailbox_quota"},
			{"MAILBOXES", "mailbox_count"},
			{"ALIASES", "mbalias_count"},
			{"DKIM", "enable_dkim"},
		},
		fields: []field{
			{"enabled", "enabled", truthFlag, "mail for it is taken"},
			{"quota", "quota", sizeFlag, "of all mailboxes together, 0 = unlimited"},
			{"mailbox-quota", "default_mailbox_quota", sizeFlag, "of a new mailbox, 0 = unlimited"},
			{"message-limit", "message_limit", numberFlag, "messages sent a day, or none"},
			{"dkim", "enable_dkim", truthFlag, "its mail is signed"},
			{"dkim-selector", "dkim_key_selector", textFlag, "selector of its first key"},
			{"dkim-bits", "dkim_key_length", numberFlag, "length of its first key, or none for the default"},
			{"dns-checks", "enable_dns_checks", truthFlag, "Modoboa checks its DNS"},
		},
		filters: []field{{"type", "type", textFlag, "domain or relaydomain"}, {"enabled", "enabled", truthFlag, "only those that are on, or off"}},
	},
	{
		use: "relaydomain", short: "Domains whose mail is passed on to another host", path: "relaydomains", key: "name", word: "NAME", byName: true, keepFiles: true,
		columns: []column{
			{"NAME", "name"},
			{"ENABLED", "enabled"},
			{"HOST", "transport._settings.relay_target_host"},
			{"PORT", "transport._settings.relay_target_port"},
			{"VERIFY", "transport._settings.relay_verify_recipients"},
		},
		fields: []field{
			{"enabled", "enabled", truthFlag, "mail for it is taken"},
			{"host", "transport._settings.relay_target_host", textFlag, "where its mail goes"},
			{"port", "transport._settings.relay_target_port", numberFlag, "port there (25)"},
			{"verify", "transport._settings.relay_verify_recipients", truthFlag, "that host is asked whether a recipient exists"},
			{"dkim", "enable_dkim", truthFlag, "its mail is signed"},
		},
		filters: []field{{"enabled", "enabled", truthFlag, "only those that are on, or off"}},
	},
	{
		use: "domainalias", short: "Other names of domains", path: "domainaliases", key: "name", word: "NAME", byName: true,
		columns: []column{{"NAME", "name"}, {"TARGET", "target_name"}, {"ENABLED", "enabled"}},
		fields: []field{
			{"target", "target_name", textFlag, "the domain"},
			{"enabled", "enabled", truthFlag, "mail for it is taken"},
		},
		filters: []field{{"domain", "domain", textFlag, "only those of a domain"}},
	},
	{
		use: "account", short: "Accounts with their mailboxes", path: "accounts", key: "username", word: "LOGIN", byName: true, keepFiles: true,
		columns: []column{
			{"LOGIN", "username"},
			{"ROLE", "role"},
			{"ACTIVE", "is_active"},
			{"MAILBOX", "mailbox.full_address"},
			{"QUOTA", "mailbox.quota"},
			{"USED %", "mailbox.quota_usage"},
			{"SEND ONLY", "mailbox.is_send_only"},
			{"LAST LOGIN", "last_login"},
		},
		fields: []field{
			{"role", "role", textFlag, "SimpleUsers (the default), DomainAdmins, Resellers or SuperAdmins"},
			{"active", "is_active", truthFlag, "may log in, and gets mail"},
			{"first-name", "first_name", textFlag, "first name"},
			{"last-name", "last_name", textFlag, "last name"},
			{"language", "language", textFlag, "language of Modoboa's pages"},
			{"secondary-email", "secondary_email", textFlag, "another address of the person"},
			{"phone", "phone_number", textFlag, "telephone number"},
			{"master", "master_user", truthFlag, "may log in to Dovecot as anybody"},
			{"address", "mailbox.full_address", textFlag, "address of the mailbox, if it is not the login"},
			{"quota", "mailbox.quota", sizeFlag, "of the mailbox, 0 = unlimited; left out: the domain's default"},
			{"message-limit", "mailbox.message_limit", numberFlag, "messages sent a day, or none"},
			{"send-only", "mailbox.is_send_only", truthFlag, "no login but for sending, no delivery"},
			{"domains", "domains", listFlag, "that a domain administrator has"},
			{"aliases", "aliases", listFlag, "further addresses that lead to the mailbox"},
		},
		filters: []field{{"domain", "domain", textFlag, "only those of a domain"}, {"role", "role", textFlag, "only those of a role"}, {"active", "is_active", truthFlag, "only those that are on, or off"}},
	},
	{
		use: "alias", short: "Addresses that lead to others", path: "aliases", key: "address", word: "ADDRESS", byName: true,
		columns: []column{{"ADDRESS", "address"}, {"ENABLED", "enabled"}, {"RECIPIENTS", "recipients"}, {"EXPIRES", "expire_at"}, {"DESCRIPTION", "description"}},
		fields: []field{
			{"to", "recipients", listFlag, "recipients"},
			{"enabled", "enabled", truthFlag, "it works"},
			{"expires", "expire_at", textFlag, "when it stops working, as 2030-01-31T12:00:00Z; empty: never"},
			{"description", "description", textFlag, "what it is for"},
		},
		filters: []field{{"domain", "domain", textFlag, "only those of a domain"}, {"internal", "internal", truthFlag, "those that Modoboa made for itself"}, {"enabled", "enabled", truthFlag, "only those that are on, or off"}},
	},
	{
		use: "senderaddress", short: "Further addresses that mailboxes may send as", path: "senderaddresses", key: "address", word: "ADDRESS",
		columns: []column{{"ADDRESS", "address"}, {"MAILBOX", "mailbox_name"}},
		fields:  []field{{"mailbox", "mailbox_name", textFlag, "address of the mailbox"}},
		filters: []field{{"domain", "domain", textFlag, "only those of the mailboxes of a domain"}},
	},
}
