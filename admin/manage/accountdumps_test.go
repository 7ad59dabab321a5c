package manage_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// TestModoboasAccounts does to databases that Modoboa itself made what was
// recorded of Modoboa, and compares the rows.
func TestModoboasAccounts(t *testing.T) {
	eachOldOffice(t, func(t *testing.T, o *office, release string) {
		if told := o.change("admin", "user4@example.test", boxed(renamed("renamed4@example.test"), manage.MailboxInput{UseDomainQuota: manage.Some(true)})); told != "" {
			t.Fatal(told)
		}
		a := o.read("renamed4@example.test")
		if a.Email != "renamed4@example.test" || a.Mailbox.Address != "renamed4@example.test" {
			t.Errorf("renamed: %+v", a)
		}
		leads := func(box int64) []string {
			return o.rows(`SELECT a.address, a.internal, a.enabled, r.address FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id
				WHERE r.r_mailbox_id = ?`, box)
		}
		if diff := cmp.Diff([]string{"renamed4@example.test 1 1 renamed4@example.test", "sales@example.test 0 1 renamed4@example.test"}, leads(a.Mailbox.ID)); diff != "" {
			t.Errorf("aliases of the renamed (-want +got):\n%s", diff)
		}
		if got := o.rows("SELECT username FROM admin_quota WHERE username LIKE '%4@example.test'"); !cmp.Equal(got, []string{"renamed4@example.test"}) {
			t.Errorf("usage %q", got)
		}

		user2 := o.read("user2@example.test").Mailbox.ID
		on := leads(user2)
		off := []string{}
		for _, line := range on {
			if release == "2.9.3" && !strings.HasPrefix(line, "info") {
				line = strings.Replace(line, " 1 user2", " 0 user2", 1)
			}
			off = append(off, line)
		}
		o.change("admin", "user2@example.test", active(false))
		if diff := cmp.Diff(off, leads(user2)); diff != "" {
			t.Errorf("aliases of a disabled account (-want +got):\n%s", diff)
		}
		o.change("admin", "user2@example.test", active(true))
		if got := o.rows("SELECT enabled FROM admin_alias WHERE address = 'user2@example.test' AND internal = ?", true); !cmp.Equal(got, []string{"1"}) {
			t.Errorf("self-alias of an account that is enabled again: %q", got)
		}

		before := o.id("SELECT count(*) FROM admin_alias")
		user5 := o.account("user5@example.test")
		o.must("admin", func(tx *manage.Tx) error { return tx.DeleteAccount(user5, false) })
		for _, query := range []string{
			"SELECT address FROM admin_alias WHERE address = 'user5@example.test'", "SELECT username FROM admin_quota WHERE username = 'user5@example.test'",
			"SELECT id FROM core_objectaccess WHERE user_id = " + strconv.FormatInt(user5, 10),
		} {
			if got := o.rows(query); len(got) > 0 {
				t.Errorf("%s: %q", query, got)
			}
		}
		if after := o.id("SELECT count(*) FROM admin_alias"); after >= before {
			t.Errorf("%d aliases before, %d after", before, after)
		}
	})
}

// TestOldGenerations makes, changes and deletes accounts where columns differ.
func TestOldGenerations(t *testing.T) {
	eachOldOffice(t, func(t *testing.T, o *office, release string) {
		counted := func() []string {
			return o.rows(`SELECT 'users', count(*) FROM core_user UNION ALL SELECT 'groups', count(*) FROM core_user_groups
				UNION ALL SELECT 'mailboxes', count(*) FROM admin_mailbox UNION ALL SELECT 'usage', count(*) FROM admin_quota
				UNION ALL SELECT 'aliases', count(*) FROM admin_alias UNION ALL SELECT 'recipients', count(*) FROM modoboa_admin_aliasrecipient
				UNION ALL SELECT 'access', count(*) FROM core_objectaccess UNION ALL SELECT 'limits', count(*) FROM limits_userobjectlimit`)
		}
		before := counted()
		five := int64(5)
		in := boxed(person("fresh@example.org"), manage.MailboxInput{MessageLimit: manage.Some(&five), SendOnly: manage.Some(true)})
		in.Aliases = manage.Some([]string{"fresher@example.org"})
		in.Active = manage.Some(false)
		o.must("admin", func(tx *manage.Tx) error { _, _, err := tx.CreateAccount(in); return err })
		a := o.read("fresh@example.org")
		if newer := release != "1.10.0"; a.Mailbox.SendOnly != newer || (a.Mailbox.MessageLimit != nil) != newer {
			t.Errorf("mailbox %+v", a.Mailbox)
		}
		for _, in := range []manage.AccountInput{
			active(true), given(manage.DomainAdmins), given(manage.SuperAdmins), given(manage.Resellers), given(manage.SimpleUsers),
			renamed("frosh@example.test"), boxed(manage.AccountInput{}, manage.MailboxInput{Quota: manage.Some(int64(1))}),
		} {
			if told := o.act("admin", func(tx *manage.Tx) error { _, _, err := tx.UpdateAccount(a.ID, in); return err }); told != "" {
				t.Fatalf("%+v: %s", in, told)
			}
		}
		if a = o.read("frosh@example.test"); a.Mailbox.Quota != 1 || a.Email != "frosh@example.test" {
			t.Errorf("account %+v %+v", a, a.Mailbox)
		}
		o.addStrangers(release, a)
		o.must("admin", func(tx *manage.Tx) error { return tx.DeleteAccount(a.ID, false) })
		if diff := cmp.Diff(before, counted()); diff != "" {
			t.Errorf("rows (-before +after):\n%s", diff)
		}
		if got := o.rows("SELECT comment FROM reversion_revision WHERE comment = 'kept' AND user_id IS NULL"); len(got) != 1 {
			t.Errorf("the record of a change: %q", got)
		}
	})
}

// addStrangers adds rows of apps that we know nothing of, which refer to an
// account.
func (o *office) addStrangers(release string, a *manage.Account) {
	o.t.Helper()
	const at = "'2026-01-02 03:04:05'"
	o.exec("INSERT INTO reversion_revision (date_created, user_id, comment) VALUES ("+at+", ?, 'kept')", a.ID)
	o.exec("INSERT INTO postfix_autoreply_armessage (mbox_id, subject, content, enabled, fromdate) VALUES (?, 's', 'c', ?, "+at+")", a.Mailbox.ID, true)
	if release == "1.10.0" {
		message := o.id("SELECT id FROM postfix_autoreply_armessage WHERE mbox_id = ?", a.Mailbox.ID)
		o.exec("INSERT INTO postfix_autoreply_arhistoric (armessage_id, last_sent, sender) VALUES (?, "+at+", 's')", message)
		return
	}
	o.exec("INSERT INTO core_userfidokey (name, added_on, use_count, credential_data, user_id) VALUES ('k', "+at+", 0, 'x', ?)", a.ID)
	o.exec("INSERT INTO oauth2_provider_idtoken (jti, expires, scope, created, updated, user_id) VALUES ('01234567-89ab-4def-8123-456789abcdef', "+at+", '', "+at+", "+at+", ?)", a.ID)
	id := o.id("SELECT id FROM oauth2_provider_idtoken WHERE user_id = ?", a.ID)
	o.exec("INSERT INTO oauth2_provider_accesstoken (token, token_checksum, resource, expires, scope, created, updated, user_id, id_token_id) VALUES ('t', 'c', '[]', "+
		at+", '', "+at+", "+at+", ?, ?)", a.ID, id)
}

// TestMixedCase works on names that Modoboa stored with capitals, before
// 1.10.7.
func TestMixedCase(t *testing.T) {
	eachOldOffice(t, func(t *testing.T, o *office, release string) {
		if release != "1.10.0" {
			return
		}
		for _, in := range []manage.AccountInput{
			{FirstName: manage.Some("Bob")},
			renamed("bob@mixedcase.test"), active(false), active(true),
			boxed(manage.AccountInput{}, manage.MailboxInput{Quota: manage.Some(int64(5))}),
		} {
			if told := o.change("admin", "Bob@MixedCase.TEST", in); told != "" {
				t.Fatalf("%+v: %s", in, told)
			}
		}
		if a := o.read("Bob@MixedCase.TEST"); a.FirstName != "Bob" || a.Mailbox.Address != "Bob@MixedCase.TEST" || a.Mailbox.Quota != 5 {
			t.Errorf("account %+v %+v", a, a.Mailbox)
		}
		if told := o.create("admin", person("Rob@MixedCase.TEST")); told != "" {
			t.Fatal(told)
		}
		if a := o.read("rob@mixedcase.test"); a.Mailbox.Domain != "MixedCase.TEST" {
			t.Errorf("account %+v %+v", a, a.Mailbox)
		}
		if told := o.change("admin", "Bob@MixedCase.TEST", renamed("bobby@mixedcase.test")); told != "" {
			t.Fatal(told)
		}
		if a := o.read("bobby@mixedcase.test"); !strings.EqualFold(a.Email, "bobby@mixedcase.test") || !strings.EqualFold(a.Mailbox.Address, "bobby@mixedcase.test") {
			t.Errorf("account %+v %+v", a, a.Mailbox)
		}
		if got := o.rows("SELECT username FROM admin_quota WHERE username LIKE '%ixed%'"); len(got) != 2 {
			t.Errorf("usage %q", got)
		}
		for _, who := range []string{"bobby@mixedcase.test", "rob@mixedcase.test"} {
			id := o.account(who)
			o.must("admin", func(tx *manage.Tx) error { return tx.DeleteAccount(id, false) })
		}
		for _, query := range []string{"SELECT address FROM admin_alias WHERE lower(address) LIKE '%b%@mixedcase.test'", "SELECT username FROM admin_quota WHERE lower(username) LIKE '%b%@mixedcase.test'"} {
			if got := o.rows(query); len(got) > 0 {
				t.Errorf("%s: %q", query, got)
			}
		}
	})
}
