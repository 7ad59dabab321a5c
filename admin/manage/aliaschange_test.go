package manage_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

func TestUpdateAlias(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		h.alias("two@one.test", "info+a@one.test", "info+b@one.test", "ann+x@one.test", "ann@one.test")
		for _, c := range []struct {
			login, address string
			in             manage.AliasInput
			want           string
		}{
			{"adm@one.test", "info@one.test", aliasTo("team@one.test", "bob@one.test", "far@far.test"), ""},
			{"", "two@one.test", manage.AliasInput{Recipients: manage.Some([]string{"team+a@one.test", "team+b@one.test", "ann+x@one.test"})}, ""},
			{"", "only@one.test", manage.AliasInput{Address: manage.Some("sales@one.test")}, "400 address: This alias already exists"},
			{"", "only@one.test", manage.AliasInput{Address: manage.Some("@none.test")}, "400 address: Domain not found."},
			{"adm@one.test", "only@one.test", manage.AliasInput{Address: manage.Some("only@other.test")}, "400 address: Permission denied."},
			{"", "only@one.test", aliasTo("only@one.test"), "400 recipients: This list may not be empty."},
			{"", "only@one.test", aliasTo("only@one.test", "only@one.test"), "409 only@one.test cannot be a recipient of itself."},
			{"", "only@one.test", aliasTo("new@one.test", "only@one.test"), "404 Local recipient only@one.test not found"},
			{"eve@other.test", "only@one.test", manage.AliasInput{}, "404 There is no such alias."},
			{"ann@one.test", "only@one.test", manage.AliasInput{}, "404 There is no such alias."},
		} {
			id := h.aliasID(c.address)
			if got := h.act(c.login, func(t *manage.Tx) error { _, err := t.UpdateAlias(id, c.in); return err }); got != c.want {
				t.Errorf("%s as %q: %q, want %q", c.address, c.login, got, c.want)
			}
		}
		want := []string{
			"only@one.test > team@one.test team@one.test",
			"sales@one.test > far@far.test -", "sales@one.test > team@one.test team@one.test",
			"team@one.test > bob@one.test bob", "team@one.test > far@far.test -",
			"theirs@other.test > cat@other.test cat",
			"two@one.test > ann+x@one.test ann", "two@one.test > team+a@one.test team@one.test", "two@one.test > team+b@one.test -",
		}
		if diff := cmp.Diff(want, h.routes()); diff != "" {
			t.Errorf("recipients (-want +got):\n%s", diff)
		}
		self := h.id("SELECT id FROM admin_alias WHERE address = ? AND internal = ?", "ann@one.test", true)
		if got := h.act("", func(t *manage.Tx) error { return t.DeleteAlias(self) }); got != "409 ann@one.test is kept by its mailbox or domain alias and changes with that." {
			t.Errorf("internal alias: %q", got)
		}
		h.sound()
	})
}

// TestRenamedOntoAMailbox: what led to the alias leads to the mailbox, once.
func TestRenamedOntoAMailbox(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		h.alias("both@one.test", "only@one.test", "bob@one.test")
		h.must("", func(t *manage.Tx) error {
			_, err := t.UpdateAlias(h.aliasID("only@one.test"), aliasTo("bob@one.test", "bob@one.test", "x@far.test"))
			return err
		})
		want := []string{"both@one.test > bob@one.test bob"}
		got := h.rows(`SELECT a.address, '>', r.address, m.address FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id
			JOIN admin_mailbox m ON m.id = r.r_mailbox_id WHERE a.address = 'both@one.test'`)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		h.sound()
	})
}

// TestMovedAlias: who has access to an alias follows its domain.
func TestMovedAlias(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		h.must("adm@one.test", func(t *manage.Tx) error {
			_, err := t.CreateAlias(aliasTo("mine@one.test", "ann@one.test"))
			return err
		})
		id := h.aliasID("mine@one.test")
		h.must("", func(t *manage.Tx) error {
			_, err := t.UpdateAlias(id, manage.AliasInput{Address: manage.Some("yours@other.test")})
			return err
		})
		got := h.rows(`SELECT u.username, oa.is_owner FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
			JOIN core_user u ON u.id = oa.user_id WHERE ct.model = 'alias' AND oa.object_id = ?`, id)
		if diff := cmp.Diff([]string{"admin 1", "eve@other.test 0"}, got); diff != "" {
			t.Errorf("access (-want +got):\n%s", diff)
		}
		if got := h.rows("SELECT d.name FROM admin_alias a JOIN admin_domain d ON d.id = a.domain_id WHERE a.id = ?", id); !cmp.Equal(got, []string{"other.test"}) {
			t.Errorf("domain %q", got)
		}
		h.sound()
	})
}

func TestPutAlias(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		put := func(login, address string, in manage.AliasInput) (a *manage.Alias, created bool, blame string) {
			blame = h.act(login, func(t *manage.Tx) (err error) { a, created, err = t.PutAlias(address, in); return err })
			return a, created, blame
		}
		to := manage.AliasInput{Recipients: manage.Some([]string{"ann@one.test", "Bob@one.test"})}
		full := to
		full.Description, full.Enabled = manage.Some("x"), manage.Some(false)
		if a, created, blame := put("adm@one.test", "New@one.test", full); !created || blame != "" || a.Enabled || a.Description != "x" {
			t.Errorf("first: %+v %v %q", a, created, blame)
		}
		for range 2 { // the second time nothing is left to do
			if a, created, blame := put("adm@one.test", "new@one.test", to); created || blame != "" || !a.Enabled || a.Description != "" {
				t.Errorf("again: %+v %v %q", a, created, blame)
			}
		}
		if log := h.rows("SELECT message FROM core_log WHERE message LIKE 'Alias new@%modified%'"); len(log) != 1 {
			t.Errorf("log %q", log)
		}
		for _, c := range []struct {
			login, address string
			in             manage.AliasInput
			want           string
		}{
			{"", "info@one.test", manage.AliasInput{}, "400 recipients: This field is required."},
			{"", "none@one.test", manage.AliasInput{}, "400 recipients: This field is required."},
			{"", "info@one.test", aliasTo("other@one.test", "ann@one.test"), "400 address: This is not the address that the request is about."},
			{"eve@other.test", "info@one.test", to, "400 address: Permission denied."},
			{"ann@one.test", "info@one.test", to, "403 You do not have permission to perform this action."},
		} {
			if _, created, got := put(c.login, c.address, c.in); got != c.want || created {
				t.Errorf("%s as %q: %q, want %q", c.address, c.login, got, c.want)
			}
		}
		h.sound()
	})
}

func TestDeleteAlias(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		h.alias("chain@one.test", "only@one.test")
		h.alias("info+x@one.test", "bob@one.test")
		h.alias("ext@one.test", "info+x@one.test", "info+y@one.test")
		h.alias("keep@one.test", "info+x@one.test", "far@far.test")
		remove := func(login, address string) string {
			return h.act(login, func(t *manage.Tx) error { return t.DeleteAlias(h.aliasID(address)) })
		}
		for login, want := range map[string]string{"eve@other.test": "404 There is no such alias.", "ann@one.test": "404 There is no such alias."} {
			if got := remove(login, "info@one.test"); got != want {
				t.Errorf("as %s: %q, want %q", login, got, want)
			}
		}
		if got := remove("adm@one.test", "info+x@one.test"); got != "" { // info is there for info+x
			t.Error(got)
		}
		want := []string{
			"chain@one.test > only@one.test only@one.test",
			"ext@one.test > info+x@one.test info@one.test", "ext@one.test > info+y@one.test -",
			"info@one.test > ann@one.test ann", "info@one.test > bob@one.test bob",
			"keep@one.test > far@far.test -", "keep@one.test > info+x@one.test info@one.test",
			"only@one.test > info@one.test info@one.test",
			"sales@one.test > far@far.test -", "sales@one.test > info@one.test info@one.test",
			"theirs@other.test > cat@other.test cat",
		}
		if diff := cmp.Diff(want, h.routes()); diff != "" {
			t.Errorf("after info+x (-want +got):\n%s", diff)
		}
		if got := remove("adm@one.test", "info@one.test"); got != "" {
			t.Error(got)
		}
		want = []string{"keep@one.test > far@far.test -", "sales@one.test > far@far.test -", "theirs@other.test > cat@other.test cat"}
		if diff := cmp.Diff(want, h.routes()); diff != "" {
			t.Errorf("after info (-want +got):\n%s", diff)
		}
		h.sound()
	})
}

// TestNamesAlike: what a collation of MySQL takes for the same name is another.
func TestNamesAlike(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		if got := h.act("", func(t *manage.Tx) error { _, err := t.AliasByAddress("ïnfo@one.test"); return err }); got != "404 There is no such alias." {
			t.Error(got)
		}
		if got := h.act("", func(t *manage.Tx) error {
			_, err := t.CreateSenderAddress(senderTo("x@far.test", "änn@one.test"))
			return err
		}); got != "400 mailbox: There is no mailbox änn@one.test." {
			t.Error(got)
		}
		if got := h.act("", func(t *manage.Tx) error {
			_, err := t.CreateAlias(aliasTo("new@one.test", "änn@one.test", "bob@one.test"))
			return err
		}); got != "404 Local recipient änn@one.test not found" {
			t.Error(got)
		}
		h.alias("änn@one.test", "bob@one.test")
		if f, blame := h.forward("ann@one.test", "ann@one.test"); blame != "" || len(f.Recipients) > 0 {
			t.Errorf("%+v %s", f, blame)
		}
		h.must("", func(t *manage.Tx) error { return t.DeleteAlias(h.aliasID("änn@one.test")) })
		if got := h.answers("ann@one.test"); got != "ann@one.test" {
			t.Error(got)
		}
		h.sound()
	})
}

// TestPluginsTable: a table that we know nothing of refers to an alias.
func TestPluginsTable(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		h.exec("CREATE TABLE plugin_note (id integer NOT NULL PRIMARY KEY, alias_id integer NOT NULL, FOREIGN KEY (alias_id) REFERENCES admin_alias (id))")
		h.exec("INSERT INTO plugin_note (id, alias_id) VALUES (1, ?)", h.aliasID("info@one.test"))
		h.must("adm@one.test", func(t *manage.Tx) error { return t.DeleteAlias(h.aliasID("info@one.test")) })
		if rows := h.rows("SELECT id FROM plugin_note"); len(rows) > 0 {
			t.Errorf("left: %q", rows)
		}
	})
}

func TestAliasLimits(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		create := func(login, address string) string {
			return h.act(login, func(t *manage.Tx) error { _, err := t.CreateAlias(aliasTo(address, "ann@one.test")); return err })
		}
		const reached = "400 address: Mailbox aliases: limit reached"
		h.exec("UPDATE limits_userobjectlimit SET max_value = 1 WHERE name = 'mailbox_aliases'")
		for _, c := range [][3]string{
			{"adm@one.test", "a1@one.test", ""}, {"adm@one.test", "a2@one.test", reached}, {"", "a2@one.test", ""}, {"admin", "a3@one.test", ""},
		} {
			if got := create(c[0], c[1]); got != c[2] {
				t.Errorf("%s as %q: %q, want %q", c[1], c[0], got, c[2])
			}
		}
		// A domain has its own, if that is switched on.
		h.exec("UPDATE limits_domainobjectlimit SET max_value = 6 WHERE name = 'mailbox_aliases'")
		if got := create("", "b1@one.test"); got != "" {
			t.Error(got)
		}
		h.exec("UPDATE core_localconfig SET _parameters = ?", `{"limits": {"enable_admin_limits": false, "enable_domain_limits": true}}`)
		for _, c := range [][3]string{{"adm@one.test", "b2@one.test", reached}, {"", "b2@one.test", reached}, {"", "b2@other.test", ""}} {
			if got := create(c[0], c[1]); got != c[2] {
				t.Errorf("%s as %q: %q, want %q", c[1], c[0], got, c[2])
			}
		}
		if got := h.act("", func(t *manage.Tx) error {
			_, err := t.UpdateAlias(h.aliasID("b2@other.test"), manage.AliasInput{Address: manage.Some("b2@one.test")})
			return err
		}); got != reached {
			t.Errorf("moved there: %q", got)
		}
	})
}

func TestAliasTargets(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		for _, c := range []struct{ parameters, login, to, want string }{
			{`{}`, "adm@one.test", "x@bad.test", ""},
			{`{"alias_target_block_list": "worse.test, Bad.test"}`, "adm@one.test", "x@bad.test", "400 Target domain not allowed: bad.test"},
			{`{"alias_target_block_list": "worse.test, Bad.test"}`, "admin", "x@bad.test", ""},
			{`{"alias_target_block_list": "bad.test"}`, "adm@one.test", "x@good.test", ""},
			{`{"alias_can_target_any_domain": false}`, "adm@one.test", "x@good.test", "400 Target domain not allowed: good.test"},
			{`{"alias_can_target_any_domain": false, "alias_target_allow_list": "good.test"}`, "adm@one.test", "x@good.test", ""},
			{`{"alias_can_target_any_domain": false, "alias_target_allow_list": null}`, "adm@one.test", "ann@one.test", ""},
			{`{"alias_can_target_any_domain": false, "alias_target_allow_list": ""}`, "adm@one.test", "ann@alias.test", ""},
			{`{"alias_can_target_any_domain": false}`, "adm@one.test", "any@relay.test", ""},
		} {
			h.exec("UPDATE core_localconfig SET _parameters = ?", `{"admin": `+c.parameters+`}`)
			var blame string
			err := h.m.Try(t.Context(), h.as(c.login), func(t *manage.Tx) error {
				_, err := t.CreateAlias(aliasTo("to@one.test", c.to))
				if err != nil {
					blame = "400 " + err.Error()
				}
				return nil
			})
			if err != nil || blame != c.want {
				t.Errorf("%s, %s as %s: %q, want %q (%v)", c.parameters, c.to, c.login, blame, c.want, err)
			}
		}
	})
}
