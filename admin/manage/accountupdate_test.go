package manage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// renamed is the input that gives an account another login.
func renamed(to string) manage.AccountInput { return manage.AccountInput{Username: manage.Some(to)} }

func active(yes bool) manage.AccountInput { return manage.AccountInput{Active: manage.Some(yes)} }

func given(role manage.Role) manage.AccountInput {
	return manage.AccountInput{Role: manage.Some(role)}
}

func TestUpdateAccountErrors(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.must("chief", func(tx *manage.Tx) error { return tx.DeleteAccount(o.account("sue"), true) })
		o.create("dot@one.test", person("old@one.test")) // whom dot owns
		if told := o.change("chief", "old@one.test", given(manage.Resellers)); told != "" {
			t.Fatal(told)
		}
		o.exec("UPDATE core_user SET is_local = ? WHERE username = 'kim@two.test'", false)
		more := manage.AccountInput{Domains: manage.Some([]string{})}
		o.create("chief", boxed(with(person("dan"), manage.DomainAdmins, "one.test", "two.test"), manage.MailboxInput{Address: manage.Some("dan@one.test")}))
		o.create("chief", boxed(with(person("dee"), manage.DomainAdmins, "one.test"), manage.MailboxInput{Address: manage.Some("dee@one.test")}))
		big := manage.AccountInput{Mailbox: manage.Some(&manage.MailboxInput{Quota: manage.Some(int64(901))})}
		for _, c := range []struct {
			login, who string
			in         manage.AccountInput
			want       string
		}{
			{"amy@one.test", "amy@one.test", active(true), "403 You do not have permission to perform this action."},
			{"amy@one.test", "ben@one.test", active(true), "404 There is no such account."},
			{"dot@one.test", "kim@two.test", active(true), "404 There is no such account."},
			{"dot@one.test", "old@one.test", active(false), "403 You do not have permission to perform this action."},
			{"dot@one.test", "dan", manage.AccountInput{Password: manage.Some("Taken123")}, "403 You do not have permission to perform this action."},
			{"dot@one.test", "dee", manage.AccountInput{Password: manage.Some("Given123")}, ""},
			{"dot@one.test", "amy@one.test", renamed("amy@two.test"), "400 domain: Permission denied."},
			{"dot@one.test", "amy@one.test", renamed("ben@one.test"), "400 username: user with this username already exists."},
			{"dot@one.test", "amy@one.test", renamed("amy@none.test"), "404 There is no domain none.test: make it first."},
			{"dot@one.test", "amy@one.test", renamed("amy"), "400 username: Enter a valid email address."},
			{"dot@one.test", "amy@one.test", given(manage.DomainAdmins), `400 role: "DomainAdmins" is not a valid choice.`},
			{"dot@one.test", "dot@one.test", given(manage.SimpleUsers), `400 role: "SimpleUsers" is not a valid choice.`},
			{"dot@one.test", "dot@one.test", active(false), "403 You can't disable your own account"},
			{"dot@one.test", "dot@one.test", more, "403 You do not have permission to perform this action."},
			{"chief", "chief", given(manage.Resellers), "403 You can't change your own role"},
			{"", "chief", given(manage.Resellers), "409 chief is the last active super administrator: make another one first."},
			{"", "chief", active(false), "409 chief is the last active super administrator: make another one first."},
			{"chief", "ron", given(manage.SimpleUsers), "400 username: Enter a valid email address."},
			{"chief", "kim@two.test", manage.AccountInput{Password: manage.Some("Fresh123")}, "400 password: The password of this account is not kept here but where it came from (LDAP)."},
			{"chief", "kim@two.test", manage.AccountInput{Hash: manage.Some("{PLAIN}x")}, "400 password: The password of this account is not kept here but where it came from (LDAP)."},
			{"dot@one.test", "ben@one.test", manage.AccountInput{Hash: manage.Some("{PLAIN}x")}, "400 hash: Only super administrators may give a hash."},
			{"dot@one.test", "ben@one.test", big, "400 one.test: domain quota exceeded"},
		} {
			if told := o.change(c.login, c.who, c.in); told != c.want {
				t.Errorf("%s changes %s %+v: %q, want %q", c.login, c.who, c.in, told, c.want)
			}
		}
	})
}

func TestUpdateAccount(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		five := int64(5)
		in := boxed(manage.AccountInput{}, manage.MailboxInput{Quota: manage.Some(int64(60)), MessageLimit: manage.Some(&five), SendOnly: manage.Some(true)})
		in.FirstName, in.LastName, in.Language, in.Phone, in.Password = manage.Some("Benno"), manage.Some(""), manage.Some("de"), manage.Some("0123"), manage.Some("Fresh123")
		if told := o.change("dot@one.test", "ben@one.test", in); told != "" {
			t.Fatal(told)
		}
		a := o.read("ben@one.test")
		want := &manage.Account{
			ID: a.ID, Username: "ben@one.test", FirstName: "Benno", Email: "ben@one.test", Active: true, Local: true, Role: manage.SimpleUsers,
			Language: "de", Phone: "0123", Joined: a.Joined, Mailbox: &manage.Mailbox{
				ID: a.Mailbox.ID, Address: "ben@one.test", Domain: "one.test",
				Quota: 60, MessageLimit: &five, SendOnly: true,
			},
		}
		if diff := cmp.Diff(want, a); diff != "" {
			t.Errorf("account (-want +got):\n%s", diff)
		}
		if got := o.rows("SELECT password FROM core_user WHERE id = ?", a.ID); got[0] != "{PLAIN}Fresh123" {
			t.Errorf("password %q", got)
		}
		// The domain's rule and an own quota exclude each other.
		for _, c := range []struct {
			in    manage.MailboxInput
			quota int64
			rule  bool
		}{
			{manage.MailboxInput{UseDomainQuota: manage.Some(true), Quota: manage.Some(int64(70))}, 100, true},
			{manage.MailboxInput{MessageLimit: manage.Some[*int64](nil)}, 100, true},
			{manage.MailboxInput{Quota: manage.Some(int64(70))}, 70, false},
			{manage.MailboxInput{UseDomainQuota: manage.Some(true)}, 100, true},
			{manage.MailboxInput{UseDomainQuota: manage.Some(false)}, 100, false},
		} {
			if told := o.change("chief", "ben@one.test", boxed(manage.AccountInput{}, c.in)); told != "" {
				t.Error(told)
			}
			if m := o.read("ben@one.test").Mailbox; m.Quota != c.quota || m.UseDomainQuota != c.rule {
				t.Errorf("%+v gives %+v", c.in, m)
			}
		}
		o.sound()
	})
}

// TestRenameAccount looks at all that bears an account's address.
func TestRenameAccount(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.set(map[string]map[string]any{"admin": {"handle_mailboxes": true}})
		box := o.read("ben@one.test").Mailbox.ID
		o.exec("UPDATE admin_quota SET bytes = 77, messages = 7 WHERE username = 'ben@one.test'")
		o.exec("INSERT INTO admin_quota (username, bytes, messages) VALUES ('max@two.test', 1, 1)")
		o.forward("ben@one.test", "ben@far.test", "ben@one.test")
		if told := o.change("chief", "ben@one.test", renamed("Max@Two.test")); told != "" {
			t.Fatal(told)
		}
		a := o.read("max@two.test")
		if a.Email != "max@two.test" || a.Mailbox.Address != "max@two.test" || a.Mailbox.ID != box || a.Mailbox.Used != 77 || a.Mailbox.Messages != 7 {
			t.Errorf("account %+v %+v", a, a.Mailbox)
		}
		want := []string{
			"info@one.test 0 1 amy@one.test 1", "info@one.test 0 1 far@away.test 0", "info@one.test 0 1 max@two.test 1",
			"lists@one.test 0 1 max+lists@two.test 1", "max@two.test 0 1 ben@far.test 0", "max@two.test 0 1 max@two.test 1",
			"max@two.test 1 1 max@two.test 1", "more@one.test 0 1 max+a@two.test 1", "more@one.test 0 1 max+b@two.test 0",
		}
		got := slices.DeleteFunc(o.aliases("%"), func(s string) bool {
			return strings.HasPrefix(s, "@") || strings.HasPrefix(s, "sales") || strings.HasPrefix(s, "dot") || strings.HasPrefix(s, "kim") || strings.HasPrefix(s, "amy")
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("aliases (-want +got):\n%s", diff)
		}
		if got := o.rows("SELECT type, argument FROM admin_mailboxoperation WHERE mailbox_id = ?", box); !cmp.Equal(got, []string{"rename /srv/ben@one.test"}) {
			t.Errorf("operations %q", got)
		}
		if got := strings.Join(o.seen("dot@one.test"), " "); strings.Contains(got, "max") {
			t.Errorf("the administrator of the old domain sees %q", got)
		}
		if p := o.read("max@two.test").Mailbox; p.UseDomainQuota || p.Quota != 50 {
			t.Errorf("quota %+v", p)
		}
		o.sound()
	})
}

// forward makes the ordinary alias of a mailbox's own address.
func (o *office) forward(address string, to ...string) {
	o.t.Helper()
	o.exec(`INSERT INTO admin_alias (address, domain_id, enabled, internal, description)
		SELECT a.address, a.domain_id, true, false, '' FROM admin_alias a WHERE a.address = ?`, address)
	alias := o.id("SELECT id FROM admin_alias WHERE address = ? AND internal = ?", address, false)
	for _, r := range to {
		var box any
		if r == address {
			box = o.read(address).Mailbox.ID
		}
		o.exec("INSERT INTO modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id) VALUES (?, ?, ?)", r, alias, box)
	}
	kind := o.id("SELECT id FROM django_content_type WHERE app_label = 'admin' AND model = 'alias'")
	o.exec("INSERT INTO core_objectaccess (user_id, content_type_id, object_id, is_owner) VALUES (?, ?, ?, ?)", o.account("chief"), kind, alias, true)
}

// TestRenameOthers renames administrators, whose login and address differ.
func TestRenameOthers(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.set(map[string]map[string]any{"admin": {"create_alias_on_mbox_rename": true}})
		if told := o.change("chief", "dot@one.test", renamed("Dottie")); told != "" {
			t.Fatal(told)
		}
		if a := o.read("dottie"); a.Email != "dot@one.test" {
			t.Errorf("the login changes alone: %+v", a)
		}
		moved := boxed(manage.AccountInput{}, manage.MailboxInput{Address: manage.Some("dorothy@one.test")})
		if told := o.change("chief", "dottie", moved); told != "" {
			t.Fatal(told)
		}
		if a := o.read("dottie"); a.Email != "dorothy@one.test" || !cmp.Equal(a.Domains, []string{"one.test"}) {
			t.Errorf("the address changes alone: %+v", a)
		}
		want := []string{"dorothy@one.test 1 1 dorothy@one.test 1", "dot@one.test 0 1 dorothy@one.test 1"}
		if diff := cmp.Diff(want, o.aliases("do%")); diff != "" {
			t.Errorf("an alias from the old address (-want +got):\n%s", diff)
		}
		none := manage.AccountInput{Mailbox: manage.Some[*manage.MailboxInput](nil)}
		if told := o.change("chief", "dottie", none); told != "" {
			t.Fatal(told)
		}
		if a := o.read("dottie"); a.Mailbox != nil || a.Email != "" {
			t.Errorf("the mailbox goes: %+v", a)
		}
		if told := o.change("chief", "dottie", boxed(manage.AccountInput{}, manage.MailboxInput{Address: manage.Some("dot@one.test")})); told != "" {
			t.Fatal(told)
		}
		if a := o.read("dottie"); a.Mailbox == nil || a.Email != "dot@one.test" || a.Mailbox.Quota != 100 {
			t.Errorf("a mailbox comes: %+v", a)
		}
		o.sound()
	})
}

func TestActivate(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		states := func(want ...string) {
			t.Helper()
			got := o.rows(`SELECT a.address, a.internal, a.enabled FROM admin_alias a
				WHERE a.address IN ('ben@one.test', 'lists@one.test', 'info@one.test', 'more@one.test')`)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("aliases (-want +got):\n%s", diff)
			}
		}
		for _, c := range []struct {
			on   bool
			want []string
		}{
			{false, []string{"ben@one.test 1 0", "info@one.test 0 1", "lists@one.test 0 0", "more@one.test 0 1"}},
			{true, []string{"ben@one.test 1 1", "info@one.test 0 1", "lists@one.test 0 0", "more@one.test 0 1"}},
		} {
			if told := o.change("dot@one.test", "ben@one.test", active(c.on)); told != "" {
				t.Fatal(told)
			}
			if a := o.read("ben@one.test"); a.Active != c.on {
				t.Errorf("active: %v", a.Active)
			}
			states(c.want...)
		}
		// Who forwards and keeps no copy has a disabled self-alias.
		o.forward("ben@one.test", "ben@far.test")
		o.change("dot@one.test", "ben@one.test", active(false))
		o.change("dot@one.test", "ben@one.test", active(true))
		states("ben@one.test 0 1", "ben@one.test 1 0", "info@one.test 0 1", "lists@one.test 0 0", "more@one.test 0 1")
		// One that was lost comes back.
		o.change("chief", "amy@one.test", active(false))
		o.exec("DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id IN (SELECT id FROM admin_alias WHERE address = 'amy@one.test')")
		o.exec("DELETE FROM admin_alias WHERE address = 'amy@one.test'")
		o.change("chief", "amy@one.test", active(true))
		if got := o.aliases("amy@%"); !cmp.Equal(got, []string{"amy@one.test 1 1 amy@one.test 1"}) {
			t.Errorf("self-alias %q", got)
		}
		o.sound()
	})
}

// TestFurtherAddressInACircle: an alias to which a mailbox forwards all cannot
// lead back to it.
func TestFurtherAddressInACircle(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		ben := o.account("ben@one.test")
		o.must("", func(t *manage.Tx) error {
			_, err := t.CreateAlias(manage.AliasInput{Address: manage.Some("desk@one.test"), Recipients: manage.Some([]string{"amy@one.test"})})
			return err
		})
		o.must("", func(t *manage.Tx) error {
			return t.SetForward(ben, manage.Forward{Recipients: []string{"desk@one.test"}})
		})
		told := o.change("", "ben@one.test", manage.AccountInput{Aliases: manage.Some([]string{"desk@one.test"})})
		if !strings.Contains(told, "circle") {
			t.Errorf("told %q", told)
		}
		o.sound()
	})
}

func TestFurtherAddresses(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		set := func(addresses ...string) {
			t.Helper()
			if told := o.change("dot@one.test", "ben@one.test", manage.AccountInput{Aliases: manage.Some(addresses)}); told != "" {
				t.Fatal(told)
			}
		}
		set("benno@one.test", "info@one.test", "more@one.test")
		if got := o.aliases("more@%"); !cmp.Equal(got, []string{"more@one.test 0 1 ben+a@one.test 1", "more@one.test 0 1 ben+b@one.test 0", "more@one.test 0 1 ben@one.test 0"}) {
			t.Errorf("the third recipient of a mailbox: %q", got)
		}
		set()
		if got := o.aliases("benno@%"); len(got) > 0 {
			t.Errorf("an address that is given up: %q", got)
		}
		if got := o.aliases("info@%"); !cmp.Equal(got, []string{"info@one.test 0 1 amy@one.test 1", "info@one.test 0 1 far@away.test 0"}) {
			t.Errorf("an alias of several: %q", got)
		}
		o.sound()
	})
}
