package modoboa_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// fill stores the rows that TestLoad expects to find.
func fill(t *testing.T, d *db.DB, g generation) {
	t.Helper()
	domain := "id, name, type, enabled, quota, default_mailbox_quota"
	insert(t, d, g, "admin_domain", domain, 1, "One.Test", "domain", true, 0, 1024)
	insert(t, d, g, "admin_domain", domain, 2, "relay.test", "relaydomain", true, 2147483647, 0)
	insert(t, d, g, "admin_domain", domain, 3, "odd.test", "something", false, 5, 6)
	for _, key := range []string{
		"enable_dkim = (1 = 1), dkim_private_key_path = '/keys/one.test.pem', dkim_public_key = 'MIIB', dkim_key_length = 4096 where id = 1",
		"enable_dkim = (1 = 1), dkim_key_selector = 'S2' where id = 2",
		"dkim_private_key_path = '/keys/odd.test.pem' where id = 3", // off: nothing of it is kept
	} {
		dbtest.Exec(t, d, "update admin_domain set "+key)
	}
	insert(t, d, g, "admin_domainalias", "id, name, enabled, target_id", 9, "alias.test", true, 1)
	user := "id, username, email, password, is_active, is_local, is_superuser, master_user"
	insert(t, d, g, "core_user", user, 11, "Ann@one.test", "Ann@one.test", "{SHA512-CRYPT}$6$x$y", true, true, false, false)
	insert(t, d, g, "core_user", user, 12, "root", "", "", false, false, true, true)
	insert(t, d, g, "core_user", user, 13, "bo@relay.test", "bo@relay.test", "{PLAIN}é", true, true, false, false)
	mailbox, values := "id, address, quota, domain_id, user_id", []any{}
	if strings.Contains(g.extra["admin_mailbox"], "is_send_only") {
		mailbox, values = mailbox+", is_send_only", append(values, true)
	}
	insert(t, d, g, "admin_mailbox", mailbox, append([]any{21, "ann", 1024, 1, 11}, values...)...)
	if len(values) > 0 {
		values[0] = false
	}
	if g.limits() {
		dbtest.Exec(t, d, "update admin_domain set message_limit = 1000 where id = 1")
		dbtest.Exec(t, d, "update admin_mailbox set message_limit = 0 where id = 21")
	}
	insert(t, d, g, "admin_mailbox", mailbox, append([]any{22, "Bö", 0, 2, 13}, values...)...)
	insert(t, d, g, "admin_quota", "username, bytes, messages", "ann@one.test", int64(1)<<40, -3)
	insert(t, d, g, "admin_quota", "username, bytes, messages", "gone@one.test", 1, 1)
	alias := "id, address, domain_id, enabled, internal, expire_at"
	insert(t, d, g, "admin_alias", alias, 31, "ann@one.test", 1, true, true, nil)
	insert(t, d, g, "admin_alias", alias, 32, "@alias.test", nil, true, true, nil)
	insert(t, d, g, "admin_alias", alias, 33, "Info@one.test", 1, true, false, d.Time(time.Date(2099, 7, 1, 12, 0, 0, 123456000, time.FixedZone("", 3600))))
	insert(t, d, g, "admin_alias", alias, 34, "old@one.test", 1, false, false, d.Time(time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)))
	recipient := "id, address, alias_id, r_mailbox_id, r_alias_id"
	insert(t, d, g, "modoboa_admin_aliasrecipient", recipient, 41, "ann@one.test", 31, 21, nil)
	insert(t, d, g, "modoboa_admin_aliasrecipient", recipient, 42, "@one.test", 32, nil, nil)
	insert(t, d, g, "modoboa_admin_aliasrecipient", recipient, 43, "Who@Remote.Example", 33, nil, nil)
	insert(t, d, g, "modoboa_admin_aliasrecipient", recipient, 44, "old@one.test", 33, nil, 34)
	insert(t, d, g, "admin_senderaddress", "id, address, mailbox_id", 51, "Boss@Remote.Example", 21)
	insert(t, d, g, "admin_mailboxoperation", "id, type, argument, mailbox_id", 61, "rename", "/x", 22)
	insert(t, d, g, "admin_mailboxoperation", "id, type, argument, mailbox_id", 62, "delete", "/y", nil)
	insert(t, d, g, "transport_transport", "id, pattern, service, next_hop", 71, "relay.test", "relay", "[192.0.2.1]:25")
	insert(t, d, g, "transport_transport", "id, pattern, service, next_hop", 72, "*", "smtp", "")
	insert(t, d, g, "relaydomains_recipientaccess", "id, pattern, action", 81, "relay.test", "reject_unverified_recipient")
	if g.plugin {
		insert(t, d, g, "postfix_autoreply_transport", "id, domain, method", 91, "autoreply.one.test", "autoreply:")
	}
}

// snapshotFacts is what TestLoad compares: rows as Go values.
func snapshotFacts(s *store.Snapshot) map[string]any {
	facts := map[string]any{"counts": s.Counts(), "schema": s.Schema()}
	problems, _ := s.Problems()
	facts["problems"] = fmt.Sprint(problems)
	for _, name := range []string{"one.test", "relay.test", "odd.test"} {
		d, _ := s.Domain(name)
		facts["domain "+name], facts["dkim "+name] = d, s.DKIM(d.ID)
	}
	facts["domain alias"], _ = s.DomainAlias("alias.test")
	for _, login := range []string{"ann@one.test", "root", "bo@relay.test"} {
		facts["account "+login], _ = s.Account(login)
	}
	for _, address := range []string{"ann@one.test", "bö@relay.test"} {
		facts["mailbox "+address], _ = s.Mailbox(address)
	}
	for _, address := range []string{"ann@one.test", "@alias.test", "info@one.test", "old@one.test"} {
		for a := range s.Aliases(address).All() {
			facts["alias "+address] = a
			var recipients []store.Recipient
			for r := range s.Recipients(a.ID).All() {
				recipients = append(recipients, r)
			}
			facts["recipients of "+address] = recipients
		}
	}
	for a := range s.SenderAddresses("boss@remote.example").All() {
		facts["sender"] = a
	}
	facts["transport"], _ = s.Transport("relay.test")
	facts["any transport"], _ = s.Transport("*")
	facts["access"], _ = s.RecipientAccess("relay.test")
	facts["autoreply"], _ = s.AutoreplyTransport("autoreply.one.test")
	return facts
}

// limits reports whether the generation has limits on what is sent.
func (g generation) limits() bool { return strings.Contains(g.extra["admin_mailbox"], "message_limit") }

func wantFacts(g generation) map[string]any {
	var domainLimit, mailboxLimit store.Limit
	if g.limits() {
		domainLimit, mailboxLimit = store.LimitOf(1000), store.LimitOf(0)
	}
	plugin := 0
	autoreply := store.AutoreplyTransport{}
	if g.plugin {
		plugin, autoreply = 1, store.AutoreplyTransport{ID: 91, Domain: "autoreply.one.test", Method: "autoreply:"}
	}
	return map[string]any{
		"schema": g.name, "problems": "[]",
		"counts": store.Counts{
			Domains: 3, DomainAliases: 1, Accounts: 3, Mailboxes: 2, Aliases: 4, Recipients: 4, SenderAddresses: 1, Transports: 2,
			RecipientAccess: 1, MailboxOperations: 2, AutoreplyTransports: plugin,
		},
		"domain one.test":            store.Domain{ID: 1, Name: "one.test", Type: store.LocalDomain, Enabled: true, DefaultMailboxQuota: 1024, Bytes: 1 << 40, MessageLimit: domainLimit},
		"domain relay.test":          store.Domain{ID: 2, Name: "relay.test", Type: store.RelayDomain, Enabled: true, Quota: 2147483647},
		"domain odd.test":            store.Domain{ID: 3, Name: "odd.test", Type: store.OtherDomain, Quota: 5, DefaultMailboxQuota: 6},
		"dkim one.test":              store.DKIM{Enabled: true, Selector: "modoboa", Path: "/keys/one.test.pem", PublicKey: "MIIB", Bits: 4096},
		"dkim relay.test":            store.DKIM{Enabled: true, Selector: "S2"},
		"dkim odd.test":              store.DKIM{},
		"domain alias":               store.DomainAlias{ID: 9, Name: "alias.test", TargetID: 1, Enabled: true},
		"account ann@one.test":       store.Account{ID: 11, Username: "ann@one.test", Email: "ann@one.test", Password: "{SHA512-CRYPT}$6$x$y", Active: true, Local: true},
		"account root":               store.Account{ID: 12, Username: "root", Superuser: true, Master: true},
		"account bo@relay.test":      store.Account{ID: 13, Username: "bo@relay.test", Email: "bo@relay.test", Password: "{PLAIN}é", Active: true, Local: true},
		"mailbox ann@one.test":       store.Mailbox{ID: 21, Local: "ann", DomainID: 1, AccountID: 11, Quota: 1024, SendOnly: strings.Contains(g.extra["admin_mailbox"], "is_send_only"), MessageLimit: mailboxLimit, Address: "ann@one.test", Bytes: 1 << 40, Messages: -3, Counted: true},
		"mailbox bö@relay.test":      store.Mailbox{ID: 22, Local: "bö", DomainID: 2, AccountID: 13, Address: "bö@relay.test", Moving: true},
		"alias ann@one.test":         store.Alias{ID: 31, Address: "ann@one.test", DomainID: 1, Enabled: true, Internal: true},
		"alias @alias.test":          store.Alias{ID: 32, Address: "@alias.test", Enabled: true, Internal: true},
		"alias info@one.test":        store.Alias{ID: 33, Address: "info@one.test", DomainID: 1, Enabled: true, ExpireAt: time.Date(2099, 7, 1, 11, 0, 0, 123456000, time.UTC).UnixMicro()},
		"alias old@one.test":         store.Alias{ID: 34, Address: "old@one.test", DomainID: 1, ExpireAt: time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()},
		"recipients of ann@one.test": []store.Recipient{{ID: 41, Address: "ann@one.test", AliasID: 31, MailboxID: 21}},
		"recipients of @alias.test":  []store.Recipient{{ID: 42, Address: "@one.test", AliasID: 32}},
		"recipients of info@one.test": []store.Recipient{
			{ID: 43, Address: "Who@Remote.Example", AliasID: 33},
			{ID: 44, Address: "old@one.test", AliasID: 33, TargetID: 34},
		},
		"recipients of old@one.test": []store.Recipient(nil),
		"sender":                     store.SenderAddress{ID: 51, Address: "boss@remote.example", MailboxID: 21},
		"transport":                  store.Transport{ID: 71, Pattern: "relay.test", Service: "relay", NextHop: "[192.0.2.1]:25"},
		"any transport":              store.Transport{ID: 72, Pattern: "*", Service: "smtp"},
		"access":                     store.RecipientAccess{ID: 81, Pattern: "relay.test", Action: "reject_unverified_recipient"},
		"autoreply":                  autoreply,
	}
}

// load reads d into a snapshot.
func load(t *testing.T, d *db.DB) *store.Snapshot {
	t.Helper()
	b := store.NewBuilder()
	if err := (&modoboa.Source{DB: d}).Load(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return b.Build(time.Now())
}

// TestLoad is the conformance suite: the same rows give the same facts on
// every engine and in every generation of the tables.
func TestLoad(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		for _, g := range generations() {
			t.Run(g.release, func(t *testing.T) {
				d := dbtest.Open(t, url, db.Options{})
				emptied(t, d)
				makeTables(t, d, g)
				fill(t, d, g)
				reader := dbtest.Open(t, url, db.Options{ReadOnly: true})
				if diff := cmp.Diff(wantFacts(g), snapshotFacts(load(t, reader))); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	})
}

// emptied drops all tables.
func emptied(t *testing.T, d *db.DB) {
	t.Helper()
	tables, err := d.Tables(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tables {
		dbtest.Exec(t, d, "drop table "+d.Quote(name))
	}
}

// fresh returns a database with the newest tables, on each engine.
func fresh(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		makeTables(t, d, newest())
		f(t, d)
	})
}

func addTestDomain(t *testing.T, d *db.DB, id int, name string) {
	t.Helper()
	insert(t, d, newest(), "admin_domain", "id, name, type, enabled, quota, default_mailbox_quota", id, name, "domain", true, 0, 0)
}
