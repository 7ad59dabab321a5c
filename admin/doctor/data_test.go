package doctor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

// sound fills a world with one of everything, as it should be.
func sound(w *world) {
	w.domain("example.test", func(d *store.Domain) {
		d.Quota, d.DefaultMailboxQuota = 1000, 100
		d.DKIM = store.DKIM{Enabled: true, Selector: "modoboa", Path: "good"}
	})
	w.domain("off.test", off)
	w.domain("relay.test", relay)
	w.domainAlias("alias.test", "example.test")
	quota := func(b *boxRows) { b.mailbox.Quota = 100 }
	w.box("user@example.test", quota)
	w.box("other@example.test", quota)
	w.box("sender@example.test", quota, sendOnly)
	w.box("forward@example.test", quota, selfOff)
	w.box("split@relay.test", quota)
	w.box("lost@off.test", inactive)
	w.box("relayed@relay.test", inactive, small)
	w.alias("forward@example.test", "far@remote.test")
	w.alias("user@example.test", "user@example.test", "other@example.test") // both keep a copy
	w.alias("other@example.test", "other@example.test", "user@example.test")
	w.alias("info@example.test", "user+info@example.test", "other@alias.test", "far@remote.test")
	w.alias("sales@example.test", "info@example.test")
	w.alias("@relay.test", "user@example.test")
	w.AddTransport(store.Transport{ID: 1, Pattern: "relay.test", Service: "relay", NextHop: "[192.0.2.1]:25"})
	w.AddTransport(store.Transport{ID: 2, Pattern: "*", Service: "smtp", NextHop: "[192.0.2.2]"})
	w.AddTransport(store.Transport{ID: 3, Pattern: "autoreply.example.test", Service: "autoreply"})
	w.AddTransport(store.Transport{ID: 4, Pattern: "user@alias.test", Service: "lmtp", NextHop: "unix:x"})
	w.AddRecipientAccess(store.RecipientAccess{ID: 1, Pattern: "relay.test", Action: "reject_unverified_recipient"})
	w.AddQuotaUsage(store.QuotaUsage{Username: "user@example.test", Bytes: 50 << 20, Messages: 3})
	w.AddSigningKey(store.SigningKey{ID: 1, Domain: "alias.test", Selector: "v1", Algorithm: "rsa", Path: "good", PublicKey: "x", Stage: "active"})
}

// TestSoundData: nothing is found where nothing is wrong.
func TestSoundData(t *testing.T) {
	w := newWorld()
	sound(w)
	finds(t, examine(t, Input{Snapshot: w.build(), ReadKey: readKey}))
	finds(t, diagnose(t, newWorld()))
}

// readKey knows keys of some sizes, and none else.
func readKey(_, _, path string) (*dkim.Key, error) {
	bits := map[string]int{"good": 2048, "small": 1024}[path]
	if bits == 0 {
		return nil, keyError{}
	}
	return &dkim.Key{Algorithm: dkim.RSASHA256, Bits: bits}, nil
}

type keyError struct{}

func (keyError) Error() string  { return "key file x: does not exist" }
func (keyError) Remedy() string { return "restore it from a backup" }

// TestDataChecks spoils sound data, and wants just what is wrong to be found, by
// all checks together.
func TestDataChecks(t *testing.T) {
	past := now().Add(-time.Hour).UnixMicro()
	for _, tc := range []struct {
		name  string
		spoil func(*world)
		want  []string
	}{
		{"loop of two", func(w *world) {
			w.alias("a@example.test", "b@example.test")
			w.alias("B@example.test", "A@example.test", "user@example.test")
		}, []string{"alias-loop error: a@example.test -> b@example.test -> a@example.test"}},
		{"nobody takes it", func(w *world) {
			w.alias("a@example.test", "nobody@example.test", "sender@example.test", "nobody@alias.test", "lost@off.test", "any@relay.test")
			w.aliasRow(store.Alias{Address: "b@example.test"}, "nobody@example.test")
		}, []string{
			"alias-dangling error: a@example.test -> lost@off.test", "alias-dangling error: a@example.test -> nobody@alias.test",
			"alias-dangling error: a@example.test -> nobody@example.test", "alias-dangling error: a@example.test -> sender@example.test",
		}},
		{"a catch-all takes it", func(w *world) {
			w.alias("a@example.test", "nobody@example.test")
			w.alias("@example.test", "other@example.test")
		}, nil},
		{"renamed domain", func(w *world) {
			w.domain("new.test")
			w.box("plus@new.test", noSelf)
			w.ids["box plus@old.test"] = w.ids["box plus@new.test"]
			w.aliasRow(store.Alias{Address: "plus@new.test", Enabled: true, Internal: true}, "plus@old.test")
		}, []string{"alias-old-recipient error: plus@new.test -> plus@old.test"}},
		{"no recipients", func(w *world) {
			w.alias("a@example.test")
			w.aliasRow(store.Alias{Address: "b@example.test"})
		}, []string{"alias-empty warning: a@example.test"}},
		{"expired", func(w *world) {
			w.aliasRow(store.Alias{Address: "a@example.test", Enabled: true, ExpireAt: past}, "user@example.test")
			w.aliasRow(store.Alias{Address: "b@example.test", ExpireAt: past}, "user@example.test")
		}, []string{"alias-expired info: a@example.test"}},
		{"swallowed", func(w *world) {
			w.domain("catch.test")
			w.alias("@catch.test", "real@catch.test")
			w.box("real@catch.test", noSelf) // the catch-all leads to itself
			w.box("gone@catch.test", noSelf)
			w.box("off@catch.test", selfOff)
			w.box("closed@catch.test", selfOff, inactive)
			w.box("sender@catch.test", selfOff, sendOnly)
		}, []string{"catchall-swallows error: gone@catch.test", "catchall-swallows error: off@catch.test", "self-alias warning: real@catch.test"}},
		{"shadowed catch-alls", func(w *world) {
			w.alias("@off.test", "user@example.test")
			w.alias("@alias.test", "user@example.test")
		}, []string{"catchall-shadowed warning: @alias.test", "catchall-shadowed warning: @off.test"}},
		{"self-alias", func(w *world) {
			w.box("a@example.test", noSelf, small)
			w.box("b@example.test", selfOff, small)
			w.box("c@example.test", selfOff, inactive, small)
		}, []string{"self-alias warning: a@example.test", "self-alias warning: b@example.test"}},
		{"disabled account", func(w *world) { w.box("a@example.test", inactive, small) }, []string{"disabled-account warning: a@example.test"}},
		{"too large", func(w *world) {
			var all, more []string
			for i := range 600 {
				all, more = append(all, fmt.Sprintf("a%d@remote.test", i)), append(more, fmt.Sprintf("b%d@remote.test", i))
			}
			w.alias("all@example.test", all...)
			w.alias("more@example.test", more...)
			w.alias("both@example.test", "all@example.test", "more@example.test")
		}, []string{"alias-large error: both@example.test"}},
		{"e-mail", func(w *world) {
			w.box("a@example.test", small, func(b *boxRows) { b.account.Email = "was@example.test" })
			w.box("b@example.test", small, func(b *boxRows) { b.account.Email = "" })
			w.AddAccount(store.Account{ID: 99, Username: "admin", Password: dear, Active: true, Local: true})
		}, []string{"account-email error: a@example.test", "account-email error: b@example.test"}},
		{"passwords", func(w *world) {
			for name, stored := range map[string]string{
				"plain": "{PLAIN}secret", "md5": "{MD5}7b0ed3d418fc6f2573cc1a142f0311e4", "des": "{CRYPT}9ZcQ2eGyPXrVg", "ssha": "{SSHA}38L3rSNmLwTkNw3knGONWDvi35+L0ZqT",
				"odd": "{NOSUCH}secret", "bare": "secret", "none": "", "brace": "{s3cret}", "dear": "{SHA512-CRYPT}$6$rounds=999999999$abc$def",
			} {
				w.box(name+"@example.test", small, hash(stored))
			}
			w.box("closed@example.test", small, selfOff, inactive, hash("{NOSUCH}"))
			w.box("ldap@example.test", small, hash(""), func(b *boxRows) { b.account.Local = false })
		}, []string{
			"password-unknown error: bare@example.test", "password-unknown error: brace@example.test", "password-unknown error: dear@example.test", "password-unknown error: odd@example.test",
			"password-missing warning: none@example.test",
			"password-weak warning: des@example.test", "password-weak warning: md5@example.test", "password-weak warning: plain@example.test", "password-weak warning: ssha@example.test",
		}},
		{"mailboxes of nobody and nowhere", func(w *world) {
			w.AddMailbox(store.Mailbox{ID: 90, Local: "a", DomainID: w.ids["domain example.test"], AccountID: 91, Quota: 1})
			w.aliasRow(store.Alias{Address: "a@example.test", Enabled: true, Internal: true}, "a@example.test")
			w.AddMailbox(store.Mailbox{ID: 92, Local: "b", DomainID: 93, AccountID: 1})
		}, []string{"mailbox-orphan warning: a@example.test", "mailbox-orphan warning: b@"}},
		{"operations", func(w *world) {
			w.AddMailboxOperation(store.MailboxOperation{ID: 7, MailboxID: w.ids["box user@example.test"]})
			w.AddMailboxOperation(store.MailboxOperation{ID: 8})
			w.AddMailboxOperation(store.MailboxOperation{ID: 9, MailboxID: w.ids["box user@example.test"]})
		}, []string{"mailbox-operation warning: user@example.test", "mailbox-operation info: row 8 of admin_mailboxoperation"}},
		{"domain and alias", func(w *world) { w.domain("alias.test") }, []string{"domain-is-alias error: alias.test"}},
		{"alias of a disabled domain", func(w *world) {
			w.domainAlias("aliasoff.test", "off.test")
			w.AddDomainAlias(store.DomainAlias{ID: 90, Name: "nowhere.test", TargetID: 91, Enabled: true})
			w.AddDomainAlias(store.DomainAlias{ID: 92, Name: "disabled.test", TargetID: w.ids["domain off.test"]})
		}, []string{"domainalias-target warning: aliasoff.test", "domainalias-target warning: nowhere.test"}},
		{"@ rows", func(w *world) {
			add := func(name string) {
				w.AddDomainAlias(store.DomainAlias{ID: w.id("domainalias", name), Name: name, TargetID: w.ids["domain example.test"], Enabled: true})
			}
			add("none.test")
			add("moved.test")
			w.aliasRow(store.Alias{Address: "@moved.test", Enabled: true, Internal: true}, "@relay.test")
			add("disabled.test")
			w.aliasRow(store.Alias{Address: "@disabled.test", Internal: true}, "@example.test")
		}, []string{"domainalias-row error: disabled.test", "domainalias-row error: moved.test", "domainalias-row error: none.test"}},
		{"type of a domain", func(w *world) { w.domain("strange.test", func(d *store.Domain) { d.Type = store.OtherDomain }) }, []string{"domain-type warning: strange.test"}},
		{"relay domain without transport", func(w *world) {
			w.domain("nowhere.test", relay)
			w.domain("sub.wild.test", relay)
			w.AddTransport(store.Transport{ID: 9, Pattern: ".wild.test", Service: "smtp"})
		}, []string{"relay-transport warning: nowhere.test", "orphan-transport info: .wild.test"}},
		{"orphans", func(w *world) {
			w.aliasRow(store.Alias{Address: "@was.test", Enabled: true, Internal: true}, "@example.test")
			w.alias("a@gone.test", "user@example.test")
			w.domain("again.test")
			w.aliasRow(store.Alias{Address: "@again.test", Enabled: true, Internal: true}, "@example.test")
			w.AddRecipientAccess(store.RecipientAccess{ID: 9, Pattern: "old.test", Action: "reject_unverified_recipient"})
			w.AddRecipientAccess(store.RecipientAccess{ID: 10, Pattern: "example.test", Action: "reject_unverified_recipient"})
			w.AddTransport(store.Transport{ID: 9, Pattern: "gone.test", Service: "relay", NextHop: "[192.0.2.1]:25"})
			w.AddTransport(store.Transport{ID: 10, Pattern: "sub.relay.test", Service: "relay", NextHop: "[192.0.2.1]:25"})
			w.AddQuotaUsage(store.QuotaUsage{Username: "o'gone@gone.test"})
			w.AddQuotaUsage(store.QuotaUsage{Username: "Other@example.test", Messages: -2})
		}, []string{
			"orphan-alias error: @again.test", "orphan-alias warning: @was.test", "orphan-alias warning: a@gone.test",
			"orphan-access warning: example.test", "orphan-access warning: old.test",
			"orphan-transport info: gone.test", "orphan-quota info: o'gone@gone.test", "quota-negative info: Other@example.test",
		}},
		{"quotas", func(w *world) {
			w.AddQuotaUsage(store.QuotaUsage{Username: "user@example.test", Bytes: 100 << 20})
			w.AddQuotaUsage(store.QuotaUsage{Username: "other@example.test", Bytes: 90 << 20})
			w.AddQuotaUsage(store.QuotaUsage{Username: "sender@example.test", Bytes: 90<<20 - 1})
			for _, name := range []string{"sum.test", "none.test", "full.test", "default.test"} {
				w.domain(name, func(d *store.Domain) {
					d.Quota, d.DefaultMailboxQuota = 10, map[string]uint32{"default.test": 11}[name]
				})
			}
			w.box("a@sum.test", func(b *boxRows) { b.mailbox.Quota = 6 })
			w.box("b@sum.test", func(b *boxRows) { b.mailbox.Quota = 5 })
			w.box("a@none.test")
			w.box("a@full.test", func(b *boxRows) { b.mailbox.Quota = 100 })
			w.AddQuotaUsage(store.QuotaUsage{Username: "a@full.test", Bytes: 11 << 20})
		}, []string{
			"mailbox-full warning: user@example.test", "domain-quota warning: full.test", "domain-quota warning: none.test", "domain-quota warning: sum.test",
			"domain-default-quota warning: default.test", "mailbox-full info: other@example.test",
		}},
		{"keys", func(w *world) {
			key := func(name, selector, path string) {
				w.domain(name, func(d *store.Domain) { d.DKIM = store.DKIM{Enabled: true, Selector: selector, Path: path} })
			}
			key("unmade.test", "modoboa", "")
			key("gone.test", "modoboa", "gone")
			key("small.test", "modoboa", "small")
			key("selector.test", "two words", "good")
			w.AddSigningKey(store.SigningKey{ID: 2, Domain: "alias.test", Selector: "v2", Algorithm: "rsa", Path: "gone", PublicKey: "x", Stage: "published"})
			w.AddSigningKey(store.SigningKey{ID: 3, Domain: "alias.test", Selector: "v0", Algorithm: "rsa", Path: "gone", PublicKey: "x", Stage: "gone"})
		}, []string{
			"dkim-key error: modoboa._domainkey.gone.test", "dkim-key error: v2._domainkey.alias.test", "dkim-selector error: selector.test",
			"dkim-key warning: modoboa._domainkey.small.test", "dkim-key warning: unmade.test",
		}},
		{"rows", func(w *world) {
			w.domain("Example.TEST")
			w.domain("line\nfeed.test")
			w.AddSenderAddress(store.SenderAddress{ID: 3, Address: "x@remote.test", MailboxID: 99})
		}, []string{"row-value error: row 5 of admin_domain", "row-collision warning: row 4 of admin_domain", "row-reference warning: row 3 of admin_senderaddress"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld()
			sound(w)
			tc.spoil(w)
			list := examine(t, Input{Snapshot: w.build(), ReadKey: readKey})
			finds(t, list, tc.want...)
			for _, f := range list {
				for _, secret := range []string{"s3cret", "secret", "9ZcQ2eGyPXrVg", "7b0ed3d4"} {
					if strings.Contains(f.Problem+f.Remedy, secret) {
						t.Errorf("a password is shown: %+v", f)
					}
				}
			}
		})
	}
}

// small keeps a mailbox within the quota of its domain.
func small(b *boxRows) { b.mailbox.Quota = 1 }
