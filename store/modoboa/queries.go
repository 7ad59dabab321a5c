package modoboa

import (
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// table is one SELECT and what becomes of its rows.
type table struct {
	name     string
	kind     store.Kind // of its rows; admin_quota's have none
	columns  []column
	optional bool // not in every database
	// add hands the row to the builder unless a column could not be read.
	add func(b *store.Builder, r *row)
}

// column is a column's name. "?" before it: absent in old generations, then
// read as NULL. "@" before it: a timestamp, read as text.
type column string

// numbered reports whether the primary key is a number; admin_quota's is a user
// name.
func (t *table) numbered() bool { return t.key() == "id" }

// key returns the name of the primary key.
func (t *table) key() string { return t.columns[0].name() }

func (c column) optional() bool { return strings.HasPrefix(string(c), "?") }
func (c column) name() string   { return strings.TrimLeft(string(c), "?@") }

func (c column) expression(d *db.DB, present map[string]bool) string {
	switch {
	case c.optional() && !present[c.name()]:
		return "null"
	case strings.HasPrefix(string(c), "@"):
		return d.Text(c.name())
	}
	return c.name()
}

// query returns the SELECT of t over the columns that are present.
func (t *table) query(d *db.DB, present map[string]bool) string {
	expressions := make([]string, len(t.columns))
	for i, c := range t.columns {
		expressions[i] = c.expression(d, present)
	}
	return "select " + strings.Join(expressions, ", ") + " from " + t.name
}

// tables returns all that is read, in the order that a Builder asks for. The
// first column is the primary key.
func tables() []table {
	return []table{
		{name: "admin_domain", kind: store.Domains, columns: []column{
			"id", "name", "type", "enabled", "quota", "default_mailbox_quota",
			"?enable_dkim", "?dkim_key_selector", "?dkim_private_key_path", "?dkim_public_key", "?dkim_key_length", "?message_limit",
		}, add: addDomain},
		{name: "admin_domainalias", kind: store.DomainAliases, columns: []column{"id", "name", "target_id", "enabled"}, add: addDomainAlias},
		{name: "core_user", kind: store.Accounts, columns: []column{"id", "username", "email", "password", "is_active", "is_local", "is_superuser", "master_user"}, add: addAccount},
		{name: "admin_mailbox", kind: store.Mailboxes, columns: []column{"id", "address", "domain_id", "user_id", "quota", "?is_send_only", "?message_limit"}, add: addMailbox},
		{name: "admin_quota", columns: []column{"username", "bytes", "messages"}, add: addQuotaUsage},
		{name: "admin_alias", kind: store.Aliases, columns: []column{"id", "address", "domain_id", "enabled", "internal", "@expire_at"}, add: addAlias},
		{name: "modoboa_admin_aliasrecipient", kind: store.Recipients, columns: []column{"id", "address", "alias_id", "r_mailbox_id", "r_alias_id"}, add: addRecipient},
		{name: "admin_senderaddress", kind: store.SenderAddresses, columns: []column{"id", "address", "mailbox_id"}, add: addSenderAddress},
		{name: "admin_mailboxoperation", kind: store.MailboxOperations, columns: []column{"id", "mailbox_id"}, add: addMailboxOperation},
		{name: "transport_transport", kind: store.Transports, columns: []column{"id", "pattern", "service", "next_hop"}, add: addTransport},
		{name: "relaydomains_recipientaccess", kind: store.RecipientAccesses, columns: []column{"id", "pattern", "action"}, add: addRecipientAccess},
		{name: "postfix_autoreply_transport", kind: store.AutoreplyTransports, columns: []column{"id", "domain", "method"}, add: addAutoreplyTransport, optional: true},
		{name: keyTable, kind: store.SigningKeys, columns: []column{"id", "domain", "selector", "algorithm", "bits", "private_key_path", "public_key", "state", "@created", "@changed"}, add: addSigningKey, optional: true},
	}
}

func addDomain(b *store.Builder, r *row) {
	d := store.Domain{ID: r.id(0), Name: r.text(1), Type: domainType(r.text(2)), Enabled: r.flag(3), Quota: r.quota(4), DefaultMailboxQuota: r.quota(5), MessageLimit: r.limit(11)}
	d.DKIM = store.DKIM{Enabled: r.flag(6), Selector: r.text(7), Path: r.text(8), PublicKey: r.text(9), Bits: r.quota(10)}
	if r.ok(b) {
		b.AddDomain(d)
	}
}

func domainType(s string) store.DomainType {
	switch s {
	case "domain":
		return store.LocalDomain
	case "relaydomain":
		return store.RelayDomain
	default:
		return store.OtherDomain
	}
}

func addDomainAlias(b *store.Builder, r *row) {
	a := store.DomainAlias{ID: r.id(0), Name: r.text(1), TargetID: r.ref(2), Enabled: r.flag(3)}
	if r.ok(b) {
		b.AddDomainAlias(a)
	}
}

func addAccount(b *store.Builder, r *row) {
	a := store.Account{
		ID: r.id(0), Username: r.text(1), Email: r.text(2), Password: r.text(3),
		Active: r.flag(4), Local: r.flag(5), Superuser: r.flag(6), Master: r.flag(7),
	}
	if r.ok(b) {
		b.AddAccount(a)
	}
}

func addMailbox(b *store.Builder, r *row) {
	m := store.Mailbox{ID: r.id(0), Local: r.text(1), DomainID: r.ref(2), AccountID: r.ref(3), Quota: r.quota(4), SendOnly: r.flag(5), MessageLimit: r.limit(6)}
	if r.ok(b) {
		b.AddMailbox(m)
	}
}

func addQuotaUsage(b *store.Builder, r *row) {
	q := store.QuotaUsage{Username: r.text(0), Bytes: r.number(1), Messages: r.number(2)}
	if r.ok(b) {
		b.AddQuotaUsage(q)
	}
}

func addAlias(b *store.Builder, r *row) {
	a := store.Alias{ID: r.id(0), Address: r.text(1), DomainID: r.ref(2), Enabled: r.flag(3), Internal: r.flag(4), ExpireAt: r.expiry(5)}
	if r.ok(b) {
		b.AddAlias(a)
	}
}

func addRecipient(b *store.Builder, r *row) {
	a := store.Recipient{ID: r.id(0), Address: r.text(1), AliasID: r.ref(2), MailboxID: r.ref(3), TargetID: r.ref(4)}
	if r.ok(b) {
		b.AddRecipient(a)
	}
}

func addSenderAddress(b *store.Builder, r *row) {
	a := store.SenderAddress{ID: r.id(0), Address: r.text(1), MailboxID: r.ref(2)}
	if r.ok(b) {
		b.AddSenderAddress(a)
	}
}

func addMailboxOperation(b *store.Builder, r *row) {
	o := store.MailboxOperation{ID: r.id(0), MailboxID: r.ref(1)}
	if r.ok(b) {
		b.AddMailboxOperation(o)
	}
}

func addTransport(b *store.Builder, r *row) {
	t := store.Transport{ID: r.id(0), Pattern: r.text(1), Service: r.text(2), NextHop: r.text(3)}
	if r.ok(b) {
		b.AddTransport(t)
	}
}

func addRecipientAccess(b *store.Builder, r *row) {
	a := store.RecipientAccess{ID: r.id(0), Pattern: r.text(1), Action: r.text(2)}
	if r.ok(b) {
		b.AddRecipientAccess(a)
	}
}

func addAutoreplyTransport(b *store.Builder, r *row) {
	t := store.AutoreplyTransport{ID: r.id(0), Domain: r.text(1), Method: r.text(2)}
	if r.ok(b) {
		b.AddAutoreplyTransport(t)
	}
}

func addSigningKey(b *store.Builder, r *row) {
	k := store.SigningKey{
		ID: r.id(0), Domain: r.text(1), Selector: r.text(2), Algorithm: r.text(3), Bits: r.quota(4),
		Path: r.text(5), PublicKey: r.text(6), Stage: r.text(7), Created: r.expiry(8), Changed: r.expiry(9),
	}
	if r.ok(b) {
		b.AddSigningKey(k)
	}
}
