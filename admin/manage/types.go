package manage

import "time"

// Role is what an account may do.
type Role string

// The roles (modoboa/core/constants.py). SuperAdmins is a flag of the account,
// the others are groups.
const (
	SuperAdmins  Role = "SuperAdmins"
	Resellers    Role = "Resellers"
	DomainAdmins Role = "DomainAdmins"
	SimpleUsers  Role = "SimpleUsers"
)

// Domain is a domain or relay domain (admin_domain).
type Domain struct {
	ID                  int64
	Name                string
	Type                string // "domain" or "relaydomain"
	Enabled             bool
	Quota               int64 // MB for all mailboxes, 0 = unlimited
	DefaultMailboxQuota int64 // MB of a new mailbox, 0 = unlimited
	EnableDKIM          bool
	DKIMSelector        string
	DKIMLength          *int64 // bits, nil = the configured default
	DKIMPublicKey       string // base64, "" = there is no key yet
	MessageLimit        *int64 // sent a day, nil = no limit
	EnableDNSChecks     bool
	DNSStatus           string    // "disabled", "pending", "ok" or "critical"
	DNSChecked          time.Time // zero = never, or this release of Modoboa does not say
	Created, Modified   time.Time
	Transport           *Transport // of a relay domain

	Mailboxes, Aliases, DomainAliases int64 // how many there are; Aliases without internal ones
	Allocated                         int64 // MB, the sum of the mailboxes' quotas
	Used                              int64 // bytes
}

// Transport says where a relay domain's mail goes (transport_transport).
type Transport struct {
	ID      int64
	Pattern string
	Service string // "relay"
	NextHop string
	Host    string
	Port    int
	Verify  bool // ask the next hop whether a recipient exists
}

// DomainAlias is another name of a domain (admin_domainalias).
type DomainAlias struct {
	ID         int64
	Name       string
	TargetID   int64
	TargetName string
	Enabled    bool
}

// Account is a login, with or without a mailbox (core_user).
type Account struct {
	ID                  int64
	Username            string
	FirstName, LastName string
	Email               string
	Active              bool
	Local               bool // the password is ours
	MasterUser          bool
	Role                Role // "" if it is in no group
	Language            string
	Phone               string
	SecondaryEmail      string
	TwoFactor           bool // TOTP or a key is set up
	TOTP, WebAuthn      bool
	Joined              time.Time
	LastLogin           *time.Time
	Mailbox             *Mailbox
	Domains             []string // names, that a domain administrator or reseller has
}

// Mailbox is an account's mailbox (admin_mailbox).
type Mailbox struct {
	ID             int64
	Address        string
	Domain         string
	UseDomainQuota bool
	Quota          int64 // MB, 0 = unlimited
	Used           int64 // bytes
	Messages       int64
	MessageLimit   *int64
	SendOnly       bool
}

// Alias is an address that leads to others (admin_alias).
type Alias struct {
	ID                int64
	Address           string
	Domain            string // "" of an internal alias of a domain alias
	Enabled           bool
	Internal          bool
	Recipients        []string // sorted
	Description       string
	ExpireAt          *time.Time
	Created, Modified time.Time
}

// SenderAddress is a further address that a mailbox may send as
// (admin_senderaddress).
type SenderAddress struct {
	ID          int64
	Address     string
	MailboxID   int64
	MailboxName string // its address
}

// Token is an API token (authtoken_token). Its key is told once, by
// [Tx.CreateToken].
type Token struct {
	UserID   int64
	Username string
	Created  time.Time
}

// Limit is how many objects of a kind an account may own
// (limits_userobjectlimit), or a domain have (limits_domainobjectlimit).
type Limit struct {
	Name string // domains, domain_aliases, mailboxes, mailbox_aliases, domain_admins, quota
	Max  int64  // -1 = unlimited; of quota MB, 0 = unlimited
	Used int64
}

// LogEntry is a line of Modoboa's log (core_log).
type LogEntry struct {
	ID      int64
	At      time.Time
	Message string
	Level   string // "info", "warning", "error" ...
	Logger  string // "modoboa.admin" ...
}

// Alarm is something that administrators should know of (admin_alarm).
type Alarm struct {
	ID        int64  // negative: the database does not have it
	Kind      string // internal_name, such as "mailbox_full"
	Domain    string // "" for one about a host
	Mailbox   string // full address, "" for one about the domain
	DomainID  int64  // 0 = none
	MailboxID int64  // 0 = none
	Title     string
	Detail    string // known of alarms that the database does not have
	Open      bool
	Created   time.Time
	Closed    *time.Time // nil while it is open
}

// Forward is where a mailbox's mail goes besides or instead of into it.
type Forward struct {
	Recipients []string
	KeepCopies bool
}

// Query asks for a part of a list.
type Query struct {
	Search string // part of a name or address
	// Sort is a column: "name" (the default, whatever an object's name is),
	// "created", "modified", "quota", "enabled", "role", "last_login", "id".
	Sort string
	Desc bool
	// Limit is how many to return at most, 0 = all that MaxList allows; Offset
	// how many to leave out.
	Limit, Offset int

	Domain   string    // a name: only what is in this domain (its aliases, its accounts ...)
	Type     string    // of domains, or kind of alarms
	Role     Role      // of accounts
	Active   Opt[bool] // of alarms: open
	Internal Opt[bool] // of aliases
	Level    string    // of log entries
	Mailbox  int64     // of sender addresses: only this mailbox's
}

// MaxList is how many objects one list returns at most.
const MaxList = 10000

// Page is a part of a list.
type Page[T any] struct {
	Items []T
	Total int // how many there are without Limit and Offset
}
