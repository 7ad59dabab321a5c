package manage_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

func TestRoles(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		ron, chief := o.account("ron"), o.account("chief")
		change := func(login, who string, in manage.AccountInput) {
			t.Helper()
			if told := o.change(login, who, in); told != "" {
				t.Errorf("%s changes %s: %s", login, who, told)
			}
			o.sound()
		}
		change("chief", "amy@one.test", with(manage.AccountInput{}, manage.DomainAdmins, "one.test", "two.test"))
		want := []string{
			"mailbox amy@one.test 0", "mailbox ben@one.test 0", "mailbox dot@one.test 0", "mailbox kim@two.test 0",
			"user amy@one.test 0", "user ben@one.test 0", "user dot@one.test 0", "user kim@two.test 0",
		}
		if diff := cmp.Diff(want, o.seen("amy@one.test")); diff != "" {
			t.Errorf("what a new administrator sees (-want +got):\n%s", diff)
		}
		change("chief", "amy@one.test", manage.AccountInput{Domains: manage.Some([]string{"one.test"})})
		if got := strings.Join(o.seen("amy@one.test"), " "); strings.Contains(got, "kim") || !strings.Contains(got, "ben") {
			t.Errorf("after one domain was taken: %s", got)
		}
		change("chief", "amy@one.test", given(manage.Resellers))
		if got := strings.Join(o.seen("dot@one.test"), " "); strings.Contains(got, "amy") {
			t.Errorf("a domain administrator sees a reseller: %s", got)
		}
		change("chief", "amy@one.test", given(manage.SimpleUsers))
		if got := o.seen("amy@one.test"); len(got) > 0 {
			t.Errorf("a user sees %q", got)
		}
		if got := strings.Join(o.seen("dot@one.test"), " "); !strings.Contains(got, "user amy@one.test 0") {
			t.Errorf("a domain administrator does not see a user again: %s", got)
		}
		// What a reseller owned passes on.
		change("chief", "ron", boxed(renamed("ron@his.test"), manage.MailboxInput{}))
		change("chief", "ron@his.test", given(manage.SimpleUsers))
		owner := o.rows("SELECT oa.user_id FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id JOIN admin_domain d ON d.id = oa.object_id WHERE ct.model = 'domain' AND d.name = 'his.test' AND oa.is_owner = ?", true)
		if got := o.rows("SELECT id FROM core_user WHERE username = 'chief'"); !cmp.Equal(owner, got) {
			t.Errorf("owner of his.test %q, want chief %d, not %d", owner, chief, ron)
		}
		// And of a super administrator, who keeps nothing of what he saw.
		change("chief", "kim@two.test", given(manage.SuperAdmins))
		o.must("kim@two.test", func(tx *manage.Tx) error { _, _, err := tx.CreateAccount(person("k@two.test")); return err })
		change("chief", "kim@two.test", with(manage.AccountInput{}, manage.DomainAdmins, "two.test"))
		if diff := cmp.Diff([]string{"mailbox k@two.test 0", "mailbox kim@two.test 0", "user k@two.test 0", "user kim@two.test 0"}, o.seen("kim@two.test")); diff != "" {
			t.Errorf("what one sees who was a super administrator (-want +got):\n%s", diff)
		}
	})
}

func TestDeleteAccount(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.set(map[string]map[string]any{"admin": {"handle_mailboxes": true}})
		o.forward("ben@one.test", "ben@far.test")
		ben := o.read("ben@one.test")
		o.exec("INSERT INTO admin_senderaddress (address, mailbox_id) VALUES ('boss@far.test', ?)", ben.Mailbox.ID)
		o.exec("INSERT INTO admin_mailboxoperation (type, argument, mailbox_id) VALUES ('rename', '/srv/x', ?)", ben.Mailbox.ID)
		o.exec("INSERT INTO admin_alarm (mailbox_id, title, internal_name) VALUES (?, 't', 'n')", ben.Mailbox.ID)
		o.exec("INSERT INTO postfix_autoreply_armessage (mbox_id, subject, content) VALUES (?, 's', 'c')", ben.Mailbox.ID)
		o.exec("INSERT INTO authtoken_token ("+o.d.Quote("key")+", user_id) VALUES ('k', ?)", ben.ID)
		for _, c := range []struct{ login, who, want string }{
			{"amy@one.test", "ben@one.test", "404 There is no such account."},
			{"amy@one.test", "amy@one.test", "403 You do not have permission to perform this action."},
			{"dot@one.test", "kim@two.test", "404 There is no such account."},
			{"dot@one.test", "dot@one.test", "403 You can't delete your own account"},
			{"ron", "ben@one.test", "404 There is no such account."},
			{"chief", "chief", "403 You can't delete your own account"},
			{"dot@one.test", "ben@one.test", ""},
			{"chief", "sue", ""},
			{"", "chief", "409 chief is the last active super administrator: make another one first."},
		} {
			id := o.account(c.who)
			if told := o.act(c.login, func(tx *manage.Tx) error { return tx.DeleteAccount(id, false) }); told != c.want {
				t.Errorf("%s deletes %s: %q, want %q", c.login, c.who, told, c.want)
			}
		}
		for _, query := range []string{
			"SELECT id FROM admin_senderaddress", "SELECT id FROM postfix_autoreply_armessage", "SELECT user_id FROM authtoken_token WHERE " + o.d.Quote("key") + " = 'k'",
			"SELECT username FROM admin_quota WHERE username = 'ben@one.test'", "SELECT address FROM admin_alias WHERE address IN ('ben@one.test', 'lists@one.test', 'more@one.test')",
			"SELECT id FROM modoboa_admin_aliasrecipient WHERE address LIKE 'ben%'",
		} {
			if got := o.rows(query); len(got) > 0 {
				t.Errorf("%s: %q", query, got)
			}
		}
		if got := o.rows("SELECT title, mailbox_id FROM admin_alarm"); !cmp.Equal(got, []string{"t -"}) {
			t.Errorf("alarms %q", got)
		}
		if got := o.rows("SELECT type, argument, mailbox_id FROM admin_mailboxoperation"); !cmp.Equal(got, []string{"delete /srv/ben@one.test -"}) {
			t.Errorf("operations %q", got)
		}
		o.sound()
	})
}

// TestDeleteOwners deletes accounts that own something.
func TestDeleteOwners(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.must("dot@one.test", func(tx *manage.Tx) error {
			in := person("dots@one.test")
			in.Aliases = manage.Some([]string{"hers@one.test"})
			_, _, err := tx.CreateAccount(in)
			return err
		})
		o.must("", func(tx *manage.Tx) error { return tx.DeleteAccount(o.account("chief"), true) })
		for _, who := range []string{"ron", "dot@one.test"} {
			id := o.account(who)
			o.must("sue", func(tx *manage.Tx) error { return tx.DeleteAccount(id, true) })
		}
		if got := strings.Join(o.seen("sue"), " "); !strings.Contains(got, "user dots@one.test 1") || !strings.Contains(got, "mailbox dots@one.test 1") {
			t.Errorf("sue sees %s", got)
		}
		o.sound()
	})
}

func TestPasswords(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.exec("UPDATE core_user SET is_local = ? WHERE username = 'kim@two.test'", false)
		old := manage.Some("Secret11")
		for _, c := range []struct {
			login, who string
			old        manage.Opt[string]
			clear      string
			want       string
		}{
			{"amy@one.test", "amy@one.test", manage.Some("wrong"), "Fresh123", "400 password: Password not correct"},
			{"amy@one.test", "amy@one.test", manage.Some("wrong"), "short", "400 new_password: This password is too short. It must contain at least 8 characters.; password: Password not correct"},
			{"amy@one.test", "amy@one.test", manage.Opt[string]{}, "Fresh123", "400 password: This field is required."},
			{"amy@one.test", "ben@one.test", old, "Fresh123", "404 There is no such account."},
			{"dot@one.test", "ben@one.test", manage.Opt[string]{}, "Fresh123", "400 password: This field is required."},
			{"dot@one.test", "kim@two.test", old, "Fresh123", "404 There is no such account."},
			{"chief", "chief", manage.Opt[string]{}, "Fresh123", "400 password: This field is required."},
			{"chief", "kim@two.test", manage.Opt[string]{}, "Fresh123", "400 password: The password of this account is not kept here but where it came from (LDAP)."},
			{"amy@one.test", "amy@one.test", old, "Fresh123", ""},
			{"dot@one.test", "ben@one.test", old, "Fresh123", ""},
			{"chief", "dot@one.test", manage.Opt[string]{}, "Fresh123", ""},
			{"", "chief", manage.Opt[string]{}, "Fresh123", ""},
		} {
			id := o.account(c.who)
			if told := o.act(c.login, func(tx *manage.Tx) error { return tx.ChangePassword(id, c.old, c.clear) }); told != c.want {
				t.Errorf("%s changes the password of %s: %q, want %q", c.login, c.who, told, c.want)
			}
			if got := o.rows("SELECT password FROM core_user WHERE id = ?", id)[0]; (got == "{PLAIN}Fresh123") != (c.want == "") {
				t.Errorf("%s: stored %q", c.who, got)
			}
		}
	})
}

func TestTokens(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		token := func(who string) func(tx *manage.Tx) error {
			return func(tx *manage.Tx) error {
				key, err := tx.CreateToken(o.account(who))
				if err == nil && len(key) != 40 {
					t.Errorf("token of %d digits", len(key))
				}
				return err
			}
		}
		for _, c := range []struct{ login, who, want string }{
			{"amy@one.test", "amy@one.test", "403 You do not have permission to perform this action."},
			{"dot@one.test", "dot@one.test", ""},
			{"dot@one.test", "ben@one.test", "403 You do not have permission to perform this action."},
			{"ron", "amy@one.test", "404 There is no such account."},
			{"chief", "ben@one.test", ""},
			{"chief", "ben@one.test", ""}, // a new one in its place
		} {
			if told := o.act(c.login, token(c.who)); told != c.want {
				t.Errorf("%s makes a token of %s: %q, want %q", c.login, c.who, told, c.want)
			}
		}
		list := func(login string) string {
			var names []string
			if told := o.act(login, func(tx *manage.Tx) error {
				p, err := tx.Tokens(manage.Query{})
				for _, k := range p.Items {
					if names = append(names, k.Username); k.Created.IsZero() || p.Total != len(p.Items) {
						t.Errorf("token %+v of %d", k, p.Total)
					}
				}
				return err
			}); told != "" {
				return told
			}
			return strings.Join(names, " ")
		}
		for login, want := range map[string]string{
			"chief": "ben@one.test chief dot@one.test", "dot@one.test": "dot@one.test", "ron": "",
			"amy@one.test": "403 You do not have permission to perform this action.",
		} {
			if got := list(login); got != want {
				t.Errorf("tokens that %s sees: %q, want %q", login, got, want)
			}
		}
		revoke := func(tx *manage.Tx) error { return tx.RevokeToken(o.account("ben@one.test")) }
		if told := o.act("chief", revoke); told != "" {
			t.Error(told)
		}
		if told := o.act("chief", revoke); told != "404 ben@one.test has no API token." {
			t.Errorf("revoked twice: %q", told)
		}
		for _, line := range o.rows("SELECT message FROM core_log") {
			if !strings.HasPrefix(line, "API token of account ") || len(line) > 70 {
				t.Errorf("log %q", line)
			}
		}
	})
}
