package manage_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// forward returns an account's forward as somebody sees it, or the error.
func (h *mailHost) forward(login, account string) (*manage.Forward, string) {
	h.t.Helper()
	var f *manage.Forward
	blame := h.act(login, func(t *manage.Tx) (err error) { f, err = t.Forward(h.userID(account)); return err })
	return f, blame
}

// answers are the recipients that Postfix is told for an address.
func (h *mailHost) answers(address string) string {
	h.t.Helper()
	return strings.Join(h.rows(`SELECT DISTINCT r.address FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id
		WHERE a.address = ? AND a.enabled = ?`, address, true), " ")
}

func TestForward(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		h.alias("@one.test", "bob@one.test")
		for _, c := range []struct {
			to      []string
			keep    bool
			blame   string
			forward manage.Forward
			answers string
		}{
			{nil, true, "", manage.Forward{Recipients: []string{}}, "ann@one.test"},
			{[]string{"Ann@One.test"}, false, "", manage.Forward{Recipients: []string{}}, "ann@one.test"},
			{[]string{"away@far.test"}, false, "", manage.Forward{Recipients: []string{"away@far.test"}}, "away@far.test"},
			{
				[]string{"away@far.test", "cat@other.test"},
				true, "",
				manage.Forward{Recipients: []string{"away@far.test", "cat@other.test"}, KeepCopies: true},
				"ann@one.test away@far.test cat@other.test",
			},
			{[]string{"away@far.test"}, false, "", manage.Forward{Recipients: []string{"away@far.test"}}, "away@far.test"},
			{[]string{"away@far.test", "ANN@one.test"}, false, "", manage.Forward{Recipients: []string{"away@far.test"}, KeepCopies: true}, "ann@one.test away@far.test"},
			{[]string{"none@one.test"}, false, "404 Local recipient none@one.test not found", manage.Forward{Recipients: []string{"away@far.test"}, KeepCopies: true}, "ann@one.test away@far.test"},
			{[]string{"x"}, false, `400 recipients: "x": Enter a valid email address.`, manage.Forward{Recipients: []string{"away@far.test"}, KeepCopies: true}, "ann@one.test away@far.test"},
			{
				[]string{"info@one.test"},
				false, "409 Mail would go in a circle: ann@one.test -> info@one.test -> ann@one.test.",
				manage.Forward{Recipients: []string{"away@far.test"}, KeepCopies: true},
				"ann@one.test away@far.test",
			},
			{
				[]string{"ann+folder@one.test"},
				true, "409 Mail would go in a circle: ann@one.test -> ann@one.test.",
				manage.Forward{Recipients: []string{"away@far.test"}, KeepCopies: true},
				"ann@one.test away@far.test",
			},
			{[]string{}, false, "", manage.Forward{Recipients: []string{}}, "ann@one.test"},
		} {
			got := h.act("ann@one.test", func(t *manage.Tx) error {
				return t.SetForward(h.userID("ann@one.test"), manage.Forward{Recipients: c.to, KeepCopies: c.keep})
			})
			if got != c.blame {
				t.Errorf("%q: %q, want %q", c.to, got, c.blame)
			}
			f, _ := h.forward("ann@one.test", "ann@one.test")
			if diff := cmp.Diff(&c.forward, f); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.to, diff)
			}
			if got := h.answers("ann@one.test"); got != c.answers {
				t.Errorf("%q: Postfix is told %q, want %q", c.to, got, c.answers)
			}
			h.sound()
		}
	})
}

func TestWhoSetsForwards(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		const not, no, box = "403 You do not have permission to perform this action.", "404 There is no such account.", "403 This account has no mailbox."
		for _, c := range [][3]string{
			{"ann@one.test", "ann@one.test", ""},
			{"ann@one.test", "bob@one.test", no},
			{"adm@one.test", "ann@one.test", ""},
			{"adm@one.test", "cat@other.test", no},
			{"rita", "ann@one.test", no},
			{"rita", "rita", box},
			{"", "cat@other.test", ""},
			{"", "admin", box},
		} {
			set := h.act(c[0], func(t *manage.Tx) error {
				return t.SetForward(h.userID(c[1]), manage.Forward{Recipients: []string{"away@far.test"}})
			})
			_, get := h.forward(c[0], c[1])
			if set != c[2] || get != c[2] {
				t.Errorf("%q, forward of %s: %q and %q, want %q", c[0], c[1], set, get, c[2])
			}
		}
		if got := h.act("", func(t *manage.Tx) error { return t.SetForward(99, manage.Forward{}) }); got != no {
			t.Errorf("nobody's: %q", got)
		}
		// Somebody who has access to an account but no right to change aliases.
		h.exec(`INSERT INTO core_objectaccess (user_id, content_type_id, object_id, is_owner) VALUES
			(?, (SELECT id FROM django_content_type WHERE model = 'user'), ?, ?)`, h.userID("bob@one.test"), h.userID("ann@one.test"), false)
		if got := h.act("bob@one.test", func(t *manage.Tx) error { return t.SetForward(h.userID("ann@one.test"), manage.Forward{}) }); got != not {
			t.Errorf("without the right: %q", got)
		}
	})
}

// TestForwardComesAndGoes: the alias may have been something else before, the
// account may be disabled, and the alias may be deleted as one.
func TestForwardComesAndGoes(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		set := func(login string, f manage.Forward) {
			h.must("", func(t *manage.Tx) error { return t.SetForward(h.userID(login), f) })
		}
		in := aliasTo("ann@one.test", "bob@one.test")
		in.Enabled = manage.Some(false)
		h.must("", func(t *manage.Tx) error { _, err := t.CreateAlias(in); return err })
		set("ann@one.test", manage.Forward{Recipients: []string{"away@far.test"}})
		if got := h.answers("ann@one.test"); got != "away@far.test" {
			t.Errorf("an alias that was disabled: %q", got)
		}
		h.must("adm@one.test", func(t *manage.Tx) error { return t.DeleteAlias(h.aliasID("ann@one.test")) })
		if got := h.answers("ann@one.test"); got != "ann@one.test" {
			t.Errorf("after the alias was deleted: %q", got)
		}
		h.exec("UPDATE core_user SET is_active = ? WHERE username = 'bob@one.test'", false)
		h.exec("UPDATE admin_alias SET enabled = ? WHERE address = 'bob@one.test'", false)
		for _, f := range []manage.Forward{{Recipients: []string{"away@far.test"}, KeepCopies: true}, {}} {
			set("bob@one.test", f)
			if got := h.answers("bob@one.test"); got != "" {
				t.Errorf("mail for a disabled account goes to %q", got)
			}
		}
		h.sound()
	})
}
