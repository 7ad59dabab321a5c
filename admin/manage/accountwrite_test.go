package manage_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// person is the input of a SimpleUser.
func person(login string) manage.AccountInput {
	return manage.AccountInput{Username: manage.Some(login), Password: manage.Some("Toto1234")}
}

// with gives an input a role, and domains.
func with(in manage.AccountInput, role manage.Role, domains ...string) manage.AccountInput {
	in.Role = manage.Some(role)
	if len(domains) > 0 {
		in.Domains = manage.Some(domains)
	}
	return in
}

// boxed gives an input a mailbox.
func boxed(in manage.AccountInput, m manage.MailboxInput) manage.AccountInput {
	in.Mailbox = manage.Some(&m)
	return in
}

// TestCreateAccountErrors has the answers that the real Modoboa gave, where
// there are some.
func TestCreateAccountErrors(t *testing.T) {
	own := func(quota int64) manage.MailboxInput {
		return manage.MailboxInput{UseDomainQuota: manage.Some(false), Quota: manage.Some(quota)}
	}
	hashed := person("h@one.test")
	hashed.Password, hashed.Hash = manage.Opt[string]{}, manage.Some("{PLAIN}x")
	bad := person("h@one.test")
	bad.Password, bad.Hash = manage.Opt[string]{}, manage.Some("secret")
	weak := func(clear string) manage.AccountInput {
		return manage.AccountInput{Username: manage.Some("w@one.test"), Password: manage.Some(clear)}
	}
	master := with(person("m"), manage.SuperAdmins)
	master.MasterUser = manage.Some(true)
	masterOfNone := person("m@one.test")
	masterOfNone.MasterUser = manage.Some(true)
	also := person("also@one.test")
	also.Aliases = manage.Some([]string{"a@none.test", "no address", "b@two.test"})
	without := with(person("without"), manage.Resellers)
	without.Aliases = manage.Some([]string{"a@one.test"})
	lost := person("x@nodomain.test")
	lost.Aliases = manage.Some([]string{"a@one.test"})
	texts := person("t@one.test")
	texts.FirstName, texts.Language, texts.Phone, texts.SecondaryEmail = manage.Some("a\nb"), manage.Some("klingon!"), manage.Some("call me"), manage.Some("me")
	eachOffice(t, func(t *testing.T, o *office) {
		o.exec("UPDATE limits_userobjectlimit SET max_value = 0 WHERE user_id = ? AND name = 'domain_admins'", o.account("ron"))
		before := o.rows("SELECT id FROM core_user")
		for _, c := range []struct {
			login string
			in    manage.AccountInput
			want  string
		}{
			{"amy@one.test", person("u@one.test"), "403 You do not have permission to perform this action."},
			{"chief", person("amy@one.test"), "400 username: user with this username already exists."},
			{"chief", person(" AMY@one.test"), "400 username: user with this username already exists."},
			{"chief", weak("weak"), "400 password: This password is too short. It must contain at least 8 characters."},
			{"chief", weak("weakweak"), "400 password: Password must contain at least 1 digit."},
			{"chief", weak("WEAKWEAK1"), "400 password: Password must contain at least 1 lowercase letter."},
			{"chief", weak("weakweak1"), "400 password: Password must contain at least 1 uppercase letter."},
			{"chief", weak("Weak\nweak1"), "400 password: This password cannot be stored: it is too long, or has a line break or a NUL byte in it."},
			{"chief", weak("Aa1" + strings.Repeat("x", 600)), "400 password: This password cannot be stored: it is too long, or has a line break or a NUL byte in it."},
			{"chief", manage.AccountInput{}, "400 password: This field is required.; username: This field is required."},
			{"chief", manage.AccountInput{Username: manage.Some("")}, "400 password: This field is required.; username: This field may not be blank."},
			{"chief", person("a b@one.test"), "400 username: There may be no blank in it."},
			{"chief", person("nobody"), "400 username: Enter a valid email address."},
			{"chief", person("x@" + strings.Repeat("a.", 130) + "test"), "400 username: \"x@" + strings.Repeat("a.", 29) + "...\" has 266 characters, 254 is the most (column core_user.username)"},
			{"chief", person("../x@one.test"), `400 username: There may be no "/" in the address of a mailbox, and no dot alone before the "@".`},
			{"chief", person(strings.Repeat("x", 65) + "@one.test"), "400 username: The left part of an email address can't be more than 64 characters."},
			{"chief", lost, "404 There is no domain nodomain.test: make it first."},
			{"chief", person("x@nodomain.test"), "404 There is no domain nodomain.test: make it first."},
			{"chief", person("x@alias.test"), "404 There is no domain alias.test: make it first."},
			{"dot@one.test", person("x@two.test"), "400 domain: Permission denied."},
			{"ron", person("x@one.test"), "400 domain: Permission denied."},
			{"dot@one.test", with(person("x@one.test"), manage.DomainAdmins), `400 role: "DomainAdmins" is not a valid choice.`},
			{"ron", with(person("x@his.test"), manage.Resellers), `400 role: "Resellers" is not a valid choice.`},
			{"ron", with(person("x"), manage.SuperAdmins), `400 role: "SuperAdmins" is not a valid choice.`},
			{"ron", with(person("x"), manage.DomainAdmins), "400 role: Domain admins: limit reached (limit)"},
			{"chief", with(person("x"), "Gods"), `400 role: "Gods" is not a valid choice.`},
			{"chief", with(person("x"), manage.DomainAdmins, "one.test", "no.test"), "400 domains: Local domain no.test does not exist"},
			{"chief", boxed(person("x@one.test"), manage.MailboxInput{Address: manage.Some("y@one.test")}), "400 username: Must be equal to mailbox full_address"},
			{"chief", boxed(with(person("x"), manage.Resellers), manage.MailboxInput{Address: manage.Some("y")}), "400 mailbox.full_address: Enter a valid email address."},
			{"chief", boxed(with(person("x"), manage.Resellers), manage.MailboxInput{Address: manage.Some("amy@one.test")}), "409 Mailbox amy@one.test already exists"},
			{"chief", boxed(person("x@one.test"), own(2000)), "400 one.test: domain quota exceeded"},
			{"chief", boxed(person("x@one.test"), own(-1)), "400 mailbox.quota: Ensure this value is greater than or equal to 0."},
			{"chief", boxed(person("x@one.test"), own(1<<40)), "400 mailbox.quota: Ensure this value is less than or equal to 2147483647."},
			{"chief", boxed(person("x@one.test"), manage.MailboxInput{UseDomainQuota: manage.Some(false)}), "400 mailbox.quota: This field is required"},
			{"dot@one.test", boxed(person("x@one.test"), own(0)), "400 A quota is required"},
			{"ron", boxed(person("x@his.test"), own(0)), "400 A quota is required"},
			{"dot@one.test", hashed, "400 hash: Only super administrators may give a hash."},
			{"chief", bad, "400 hash: This is no hash that logins can be checked with: {SCHEME}hash is wanted."},
			{"ron", master, `400 role: "SuperAdmins" is not a valid choice.`},
			{"chief", masterOfNone, "400 master_user: Not allowed for this role."},
			{"dot@one.test", also, "400 aliases: Domain not found. Enter a valid email address. You don't have access to this domain."},
			{"chief", without, "400 aliases: A mailbox is required to create aliases."},
			{"chief", texts, `400 first_name: "a\nb" contains a line break (column core_user.first_name); language: "klingon!" is not a valid choice.; ` +
				"phone_number: The phone number entered is not valid.; secondary_email: Enter a valid email address."},
		} {
			if got := o.create(c.login, c.in); got != c.want {
				t.Errorf("%s creates %q: %q, want %q", c.login, c.in.Username.Value, got, c.want)
			}
		}
		if diff := cmp.Diff(before, o.rows("SELECT id FROM core_user")); diff != "" {
			t.Errorf("accounts (-before +after):\n%s", diff)
		}
	})
}

func TestCreateAccount(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		in := boxed(person("New@One.Test"), manage.MailboxInput{MessageLimit: manage.Some(new(int64(9))), SendOnly: manage.Some(true)})
		in.FirstName, in.Phone, in.SecondaryEmail, in.Language = manage.Some("Nia"), manage.Some("+49 30 123"), manage.Some("n@far.test"), manage.Some("pt-br")
		in.Aliases = manage.Some([]string{"nia@one.test", "info@one.test", "new@one.test"})
		if told := o.create("dot@one.test", in); told != "" {
			t.Fatal(told)
		}
		a := o.read("new@one.test")
		nine := int64(9)
		want := &manage.Account{
			ID: a.ID, Username: "new@one.test", FirstName: "Nia", Email: "new@one.test", Active: true, Local: true, Role: manage.SimpleUsers,
			Language: "pt-br", Phone: "+49 30 123", SecondaryEmail: "n@far.test", Joined: a.Joined,
			Mailbox: &manage.Mailbox{ID: a.Mailbox.ID, Address: "new@one.test", Domain: "one.test", UseDomainQuota: true, Quota: 100, MessageLimit: &nine, SendOnly: true},
		}
		if diff := cmp.Diff(want, a); diff != "" {
			t.Errorf("account (-want +got):\n%s", diff)
		}
		if got := o.rows("SELECT password FROM core_user WHERE id = ?", a.ID); got[0] != "{PLAIN}Toto1234" {
			t.Errorf("password %q", got)
		}
		if diff := cmp.Diff([]string{"new@one.test 1 1 new@one.test 1"}, o.aliases("new@%")); diff != "" {
			t.Errorf("self-alias (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"nia@one.test 0 1 new@one.test 1"}, o.aliases("nia@%")); diff != "" {
			t.Errorf("new alias (-want +got):\n%s", diff)
		}
		if got := o.aliases("info@%"); len(got) != 4 || got[3] != "info@one.test 0 1 new@one.test 1" {
			t.Errorf("extended alias %q", got)
		}
		for login, want := range map[string]string{"dot@one.test": "1", "chief": "0", "sue": "0"} {
			if got := strings.Join(o.seen(login), "; "); !strings.Contains(got, "mailbox new@one.test "+want) || !strings.Contains(got, "user new@one.test "+want) {
				t.Errorf("%s sees %s", login, got)
			}
		}
		if got := o.rows("SELECT max_value FROM limits_userobjectlimit WHERE user_id = ?", a.ID); len(got) != 6 || got[0] != "0" {
			t.Errorf("limits %q", got)
		}
		if got := o.rows("SELECT message, level, logger FROM core_log"); len(got) != 1 || got[0] != "Account new@one.test added by user dot@one.test info modoboa.admin" {
			t.Errorf("log %q", got)
		}
		o.sound()
	})
}

// TestCreateAdministrators makes accounts of the other roles.
func TestCreateAdministrators(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		dan := boxed(with(person("dan"), manage.DomainAdmins, "ONE.test", "his.test"), manage.MailboxInput{Address: manage.Some("dan@one.test"), Quota: manage.Some(int64(7))})
		pam := with(person("pam"), manage.SuperAdmins)
		pam.MasterUser = manage.Some(true)
		hal := manage.AccountInput{Username: manage.Some("hal@two.test"), Hash: manage.Some("{MD5}7b0ed3d418fc6f2573cc1a142f0311e4")}
		for _, in := range []manage.AccountInput{dan, pam, with(person("rex"), manage.Resellers), hal} {
			if told := o.create("chief", in); told != "" {
				t.Fatal(told)
			}
		}
		if a := o.read("dan"); a.Email != "dan@one.test" || !cmp.Equal(a.Domains, []string{"his.test", "one.test"}) || a.Mailbox.UseDomainQuota || a.Mailbox.Quota != 7 {
			t.Errorf("dan: %+v, mailbox %+v", a, a.Mailbox)
		}
		if got := o.rows("SELECT password FROM core_user WHERE username = 'hal@two.test'"); got[0] != hal.Hash.Value {
			t.Errorf("hal's password %q", got)
		}
		if a := o.read("pam"); a.Role != manage.SuperAdmins || !a.MasterUser || a.Mailbox != nil || a.Email != "" {
			t.Errorf("pam: %+v", a)
		}
		want := []string{
			"mailbox amy@one.test 0", "mailbox ben@one.test 0", "mailbox dan 0", "mailbox dot@one.test 0",
			"user amy@one.test 0", "user ben@one.test 0", "user dan 0", "user dot@one.test 0",
		}
		if diff := cmp.Diff(want, o.seen("dan")); diff != "" {
			t.Errorf("what dan sees (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"mailbox hal@two.test 0", "user hal@two.test 0", "user pam 0", "user rex 0"}, o.seen("pam")); diff != "" {
			t.Errorf("what pam sees (-want +got):\n%s", diff)
		}
		if told := o.create("ron", with(person("deb"), manage.DomainAdmins, "one.test")); told != "400 domains: Local domain one.test does not exist" {
			t.Errorf("a reseller gives away what is not his: %q", told)
		}
		if told := o.create("ron", with(person("deb"), manage.DomainAdmins, "his.test")); told != "" {
			t.Error(told)
		}
		o.sound()
	})
}

// TestCreateAccountLimits is about limits of accounts and domains.
func TestCreateAccountLimits(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.exec("UPDATE limits_userobjectlimit SET max_value = 1 WHERE user_id = ? AND name = 'mailboxes'", o.account("dot@one.test"))
		aliased := func(login string) manage.AccountInput {
			in := person(login)
			in.Aliases = manage.Some([]string{"x" + login, "y" + login})
			return in
		}
		for _, c := range []struct{ login, name, want string }{
			{"dot@one.test", "a1@one.test", ""},
			{"dot@one.test", "a2@one.test", "400 domain: Mailboxes: limit reached (limit)"},
			{"chief", "a2@one.test", ""},
		} {
			if told := o.create(c.login, person(c.name)); told != c.want {
				t.Errorf("%s creates %s: %q, want %q", c.login, c.name, told, c.want)
			}
		}
		o.exec("UPDATE limits_userobjectlimit SET max_value = 9 WHERE user_id = ? AND name = 'mailboxes'", o.account("dot@one.test"))
		o.exec("UPDATE limits_userobjectlimit SET max_value = 1 WHERE user_id = ? AND name = 'mailbox_aliases'", o.account("dot@one.test"))
		if told := o.create("dot@one.test", aliased("a3@one.test")); told != "400 aliases: Mailbox aliases: limit reached (limit)" {
			t.Errorf("two aliases of one: %q", told)
		}
		o.set(map[string]map[string]any{"limits": {"enable_admin_limits": false, "enable_domain_limits": true}, "admin": {"default_mailbox_message_limit": 44}})
		o.exec("UPDATE limits_domainobjectlimit SET max_value = 6 WHERE name = 'mailboxes'")
		if told := o.create("dot@one.test", person("a4@one.test")); told != "" {
			t.Errorf("limits that are off: %q", told)
		}
		if got := o.read("a4@one.test").Mailbox.MessageLimit; got == nil || *got != 44 {
			t.Errorf("default message limit: %v", got)
		}
		if told := o.create("chief", person("a5@one.test")); told != "400 domain: Mailboxes: limit reached (limit)" {
			t.Errorf("the domain's limit: %q", told)
		}
		o.sound()
	})
}

// TestRandomPasswords has passwords made, before and in the transaction.
func TestRandomPasswords(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.set(map[string]map[string]any{"core": {"random_password_length": 16}})
		for _, before := range []bool{true, false} {
			in := manage.AccountInput{Username: manage.Some("rnd@one.test"), RandomPassword: true}
			if before {
				if err := o.m.HashPassword(t.Context(), &in); err != nil {
					t.Fatal(err)
				}
			}
			var clear string
			o.must("chief", func(tx *manage.Tx) (err error) { _, clear, err = tx.CreateAccount(in); return err })
			if got := o.rows("SELECT password FROM core_user WHERE username = 'rnd@one.test'")[0]; len(clear) != 16 || got != "{PLAIN}"+clear {
				t.Errorf("password %q, stored %q", clear, got)
			}
			o.must("chief", func(tx *manage.Tx) error { return tx.DeleteAccount(o.account("rnd@one.test"), true) })
		}
		in := person("x")
		in.Password = manage.Some("weak")
		if err := o.m.HashPassword(t.Context(), &in); err == nil || err.Error() != "password: This password is too short. It must contain at least 8 characters." {
			t.Errorf("a weak password: %v", err)
		}
	})
}
