package store

// The row types are what a Source hands to a Builder and what a Snapshot
// hands back. Ids are the database's primary keys; 0 stands for NULL.
// Strings given to a Builder are copied; strings got from a Snapshot point
// into it and are valid as long as they are held.

// DomainType says what Postfix does with a domain (admin_domain.type).
type DomainType uint8

// The domain types. Modoboa does not validate the column: any other text is
// OtherDomain, which no map answers.
const (
	OtherDomain DomainType = iota
	LocalDomain            // "domain": mailboxes here
	RelayDomain            // "relaydomain": relayed, perhaps with some local mailboxes ("split")
)

// Domain is one row of admin_domain.
type Domain struct {
	ID      uint32
	Name    string
	Type    DomainType
	Enabled bool
	Quota   uint32 // MB shared by all mailboxes, 0 = unlimited
	// DefaultMailboxQuota is in MB per new mailbox, 0 = unlimited.
	DefaultMailboxQuota uint32
	// MessageLimit is what the mailboxes of the domain may send together in one
	// calendar day (UTC), counted by recipient; absent before Modoboa 1.16.
	MessageLimit Limit

	// Bytes is what is in the mailboxes of the domain together; set by
	// Snapshot, ignored by Builder.
	Bytes int64
	// DKIM is for a Builder; a Snapshot gives it by Snapshot.DKIM alone, since
	// few ask.
	DKIM DKIM
}

// Limit is a number that may not be exceeded, or that there is none: the zero
// Limit, which is NULL in the database. A limit of 0 lets nothing through.
type Limit uint32

// LimitOf returns the limit n; beyond 2^32-2 it is that number.
func LimitOf(n uint32) Limit { return Limit(min(n, 1<<32-2) + 1) }

// Max returns the number; ok is false if there is no limit.
func (l Limit) Max() (n int64, ok bool) { return max(int64(l)-1, 0), l != 0 }

// DKIM is what admin_domain says about signing. Of a domain whose mail is not
// signed nothing else is kept: it is the zero DKIM.
type DKIM struct {
	Enabled   bool
	Selector  string
	Path      string // file of the private key; "": Modoboa, or whoever makes keys, is asked for one
	PublicKey string // base64 without PEM lines, as Modoboa stores it
	Bits      uint32 // wanted length of the key, 0 = default
}

// SigningKey is one row of vmapd_dkim_key: a further key of a domain, or of a
// domain alias.
type SigningKey struct {
	ID        uint32
	Domain    string // name
	Selector  string
	Algorithm string // "rsa" or "ed25519"
	Bits      uint32
	Path      string // file of the private key
	PublicKey string // base64, what p= of the DNS record holds
	Stage     string // "new", "published", "active", "retiring" or "gone"
	Created   int64  // microseconds since 1970 UTC
	Changed   int64  // when it came to its stage, likewise
}

// DomainAlias is one row of admin_domainalias: another name of a domain.
type DomainAlias struct {
	ID       uint32
	Name     string
	TargetID uint32 // Domain.ID
	Enabled  bool
}

// Account is one row of core_user: somebody who may log in.
type Account struct {
	ID        uint32
	Username  string // the login
	Email     string // address of the mailbox, "" if there is none
	Password  string // {SCHEME}hash, "" for accounts that authenticate elsewhere
	Active    bool
	Local     bool
	Superuser bool
	Master    bool // may log in as anybody
}

// Mailbox is one row of admin_mailbox together with its row of admin_quota.
type Mailbox struct {
	ID        uint32
	Local     string // local part
	DomainID  uint32
	AccountID uint32
	Quota     uint32 // MB, 0 = unlimited
	SendOnly  bool   // may log in to send, receives nothing
	// MessageLimit is what the mailbox may send in one calendar day (UTC),
	// counted by recipient; absent before Modoboa 1.16.
	MessageLimit Limit

	// Address is local@domain, folded; set by Snapshot, ignored by Builder.
	Address string
	// Bytes and Messages are the usage; set by Snapshot, ignored by Builder
	// (see Builder.AddQuotaUsage).
	Bytes    int64
	Messages int64
	// Counted says that the usage is known: there is a row of admin_quota; set
	// by Snapshot, ignored by Builder.
	Counted bool
	// Moving says that an operation on the mailbox's folder is pending
	// (admin_mailboxoperation); set by Snapshot, ignored by Builder.
	Moving bool
	// Disabled says that its account is; set by Snapshot, ignored by Builder.
	Disabled bool
	// DomainDisabled says that its domain is, or does not exist; set by Snapshot,
	// ignored by Builder.
	DomainDisabled bool
}

// Receives reports whether mail may be delivered to the mailbox. It is the
// one place that knows; the state of the account does not matter, as in
// Modoboa's own user_query.
func (m *Mailbox) Receives() bool { return !m.SendOnly }

// QuotaUsage is one row of admin_quota; Username is a full mail address.
type QuotaUsage struct {
	Username string
	Bytes    int64
	Messages int64
}

// Alias is one row of admin_alias. An address may have an internal row (the
// self-alias of a mailbox, or the "@name" row of a domain alias) and an
// ordinary one.
type Alias struct {
	ID       uint32
	Address  string // "local@domain" or "@domain" (catch-all, domain alias)
	DomainID uint32 // 0 for the internal row of a domain alias
	Enabled  bool
	Internal bool
	ExpireAt int64 // microseconds since 1970 UTC, 0 = never
}

// Live reports whether the alias is enabled and not expired at now
// (microseconds since 1970 UTC).
func (a *Alias) Live(now int64) bool {
	return a.Enabled && (a.ExpireAt == 0 || a.ExpireAt > now)
}

// Recipient is one row of modoboa_admin_aliasrecipient. Address keeps its
// spelling: remote local parts may be case-sensitive.
type Recipient struct {
	ID        uint32
	Address   string
	AliasID   uint32
	MailboxID uint32 // local mailbox it resolves to, 0 = none
	TargetID  uint32 // alias it resolves to, 0 = none
}

// SenderAddress is one row of admin_senderaddress: an extra address ("a@b" or
// "@b") that the owner of a mailbox may send as.
type SenderAddress struct {
	ID        uint32
	Address   string
	MailboxID uint32
}

// Transport is one row of transport_transport.
type Transport struct {
	ID      uint32
	Pattern string // full address, domain, .domain or *
	Service string
	NextHop string // may be empty
}

// RecipientAccess is one row of relaydomains_recipientaccess.
type RecipientAccess struct {
	ID      uint32
	Pattern string // domain
	Action  string
}

// MailboxOperation is one row of admin_mailboxoperation.
type MailboxOperation struct {
	ID        uint32
	MailboxID uint32 // 0 for deletions
}

// AutoreplyTransport is one row of postfix_autoreply_transport, the table of
// the autoreply plugin of Modoboa 1.x.
type AutoreplyTransport struct {
	ID     uint32
	Domain string
	Method string
}
