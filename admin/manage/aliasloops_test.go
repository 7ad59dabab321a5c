package manage_test

import (
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

func TestLoops(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		ago, soon := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		off, gone, later := aliasTo("off@one.test", "info@one.test"), aliasTo("gone@one.test", "info@one.test"), aliasTo("later@one.test", "info@one.test")
		off.Enabled, gone.ExpireAt, later.ExpireAt = manage.Some(false), manage.Some(&ago), manage.Some(&soon)
		for _, in := range []manage.AliasInput{off, gone, later} {
			h.must("", func(t *manage.Tx) error { _, err := t.CreateAlias(in); return err })
		}
		h.alias("ext@one.test", "info+x@one.test")
		h.alias("@other.test", "info@one.test")
		h.alias("y@relay.test", "none@relay.test")
		h.alias("plus@one.test", "bob@one.test")
		for _, c := range []struct {
			address string
			to      []string
			want    string
		}{
			{"info@one.test", []string{"only@one.test"}, "409 Mail would go in a circle: info@one.test -> only@one.test -> info@one.test."},
			{"info@one.test", []string{"ann@one.test", "ext@one.test"}, "409 Mail would go in a circle: info@one.test -> ext@one.test -> info@one.test."},
			{"info@one.test", []string{"off@one.test"}, ""},
			{"info@one.test", []string{"gone@one.test"}, ""},
			{"info@one.test", []string{"later@one.test"}, "409 Mail would go in a circle: info@one.test -> later@one.test -> info@one.test."},
			{"info@one.test", []string{"only@alias.test"}, "409 Mail would go in a circle: info@one.test -> only@alias.test -> only@one.test -> info@one.test."},
			{"info@one.test", []string{"nobody@otheralias.test"}, "409 Mail would go in a circle: info@one.test -> nobody@otheralias.test -> @other.test -> info@one.test."},
			{"info@one.test", []string{"cat@otheralias.test"}, ""},
			{"@relay.test", []string{"y@relay.test"}, "409 Mail would go in a circle: @relay.test -> y@relay.test -> @relay.test."},
			{"@relay.test", []string{"same@relay.test"}, ""},
			{"@other.test", []string{"@alias.test"}, ""},
			{"@one.test", []string{"@otheralias.test"}, "409 Mail would go in a circle: @one.test -> @otheralias.test -> @other.test -> @alias.test -> @one.test."},
			{"@one.test", []string{"@other.test"}, "409 Mail would go in a circle: @one.test -> @other.test -> @alias.test -> @one.test."},
			// Who keeps a copy for himself ends the circle.
			{"ann@one.test", []string{"ann@one.test", "bob@one.test"}, ""},
			{"bob@one.test", []string{"bob@one.test", "ann@one.test"}, ""},
			// But not if each turn adds an extension.
			{"adm@one.test", []string{"adm+copy@one.test", "adm@one.test"}, "409 Mail would go in a circle: adm@one.test -> adm@one.test."},
			{"adm@one.test", []string{"plus@one.test", "adm@one.test"}, ""},
			{"plus@one.test", []string{"adm+plus@one.test"}, "409 Mail would go in a circle: plus@one.test -> adm@one.test -> plus@one.test."},
		} {
			got := h.act("", func(t *manage.Tx) error {
				_, _, err := t.PutAlias(c.address, manage.AliasInput{Recipients: manage.Some(c.to)})
				return err
			})
			if got != c.want {
				t.Errorf("%s to %q: %q, want %q", c.address, c.to, got, c.want)
			}
		}
		h.sound()
	})
}

// TestLoopsWithExtensions: an extension goes along to the recipients, until an
// alias has it in its address.
func TestLoopsWithExtensions(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		for _, c := range []struct {
			name    string
			before  []manage.AliasInput
			address string
			to      []string
			want    string
		}{
			{
				"of the address itself",
				[]manage.AliasInput{aliasTo("p+x@one.test", "a+x@one.test"), aliasTo("p@one.test", "bob@one.test")},
				"a@one.test",
				[]string{"p@one.test"},
				"a+x@one.test -> p+x@one.test -> a+x@one.test",
			},
			{
				"that ends elsewhere",
				[]manage.AliasInput{aliasTo("p+x@one.test", "bob@one.test"), aliasTo("p@one.test", "bob@one.test")},
				"a@one.test",
				[]string{"p@one.test"},
				"",
			},
			{
				"that ends in a mailbox",
				[]manage.AliasInput{aliasTo("p+x@one.test", "ann+x@one.test"), aliasTo("p@one.test", "bob@one.test")},
				"ann@one.test",
				[]string{"p@one.test"},
				"",
			},
			{
				"that a recipient adds to",
				[]manage.AliasInput{aliasTo("p+x+y@one.test", "a+y@one.test"), aliasTo("p@one.test", "bob@one.test")},
				"a@one.test",
				[]string{"p+x@one.test"},
				"a+y@one.test -> p+x+y@one.test -> a+y@one.test",
			},
			{
				"made last",
				[]manage.AliasInput{aliasTo("p@one.test", "ann@one.test")},
				"ann+x@one.test",
				[]string{"p+x@one.test"},
				"ann+x@one.test -> p+x@one.test -> ann+x@one.test",
			},
			{
				"mailbox between",
				[]manage.AliasInput{aliasTo("bob+x@one.test", "far@far.test"), aliasTo("p@one.test", "bob@one.test")},
				"bob+x@one.test",
				[]string{"p+x@one.test"},
				"bob+x@one.test -> p+x@one.test -> bob+x@one.test",
			},
			{
				"names in another domain",
				[]manage.AliasInput{aliasTo("@relay.test", "@alias.test"), aliasTo("p@relay.test", "far@far.test")},
				"p@one.test",
				[]string{"@relay.test"},
				"",
			},
			{
				"names that come back",
				[]manage.AliasInput{aliasTo("p@one.test", "@relay.test")},
				"@relay.test",
				[]string{"@alias.test"},
				"p@relay.test -> p@alias.test -> p@one.test -> p@relay.test",
			},
		} {
			h.clear()
			h.alias("a@one.test", "bob@one.test")
			for _, in := range c.before {
				h.must("", func(t *manage.Tx) error { _, err := t.CreateAlias(in); return err })
			}
			h.checkCircle(t, c.name, c.want, func(t *manage.Tx) error {
				_, _, err := t.PutAlias(c.address, manage.AliasInput{Recipients: manage.Some(c.to)})
				return err
			})
		}
	})
}

// TestLoopsOfWhatFalls: mail for an address that has no alias any more goes to
// the catch-all.
func TestLoopsOfWhatFalls(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		away := func(login string, to ...string) func(t *manage.Tx) error {
			return func(t *manage.Tx) error { return t.SetForward(h.userID(login), manage.Forward{Recipients: to}) }
		}
		rename := func(old, address string, to ...string) func(t *manage.Tx) error {
			return func(t *manage.Tx) error {
				in := manage.AliasInput{Address: manage.Some(address)}
				if len(to) > 0 {
					in.Recipients = manage.Some(to)
				}
				_, err := t.UpdateAlias(h.aliasID(old), in)
				return err
			}
		}
		remove := func(address string) func(t *manage.Tx) error {
			return func(t *manage.Tx) error { return t.DeleteAlias(h.aliasID(address)) }
		}
		caught := aliasTo("@one.test", "p@alias.test")
		for _, c := range []struct {
			name   string
			before []manage.AliasInput
			first  func(t *manage.Tx) error
			then   func(t *manage.Tx) error
			want   string
		}{
			{
				"a forward becomes the catch-all", nil, away("ann@one.test", "bob@one.test"),
				rename("ann@one.test", "@one.test", "ann@one.test", "ann@alias.test", "ann+x@alias.test"),
				"@one.test -> ann+x@alias.test -> @one.test",
			},
			{"renamed", []manage.AliasInput{aliasTo("p@one.test", "bob@one.test"), caught}, nil, rename("p@one.test", "r@one.test"), "p@one.test -> @one.test -> p@alias.test -> p@one.test"},
			{"renamed to an extension that is taken", []manage.AliasInput{aliasTo("p@one.test", "bob@one.test"), aliasTo("r@one.test", "p+x@one.test"), aliasTo("q+x@one.test", "r@one.test")}, nil, rename("p@one.test", "q@one.test"), "r@one.test -> q+x@one.test -> r@one.test"},
			{"deleted", []manage.AliasInput{aliasTo("p@one.test", "bob@one.test"), caught}, nil, remove("p@one.test"), "p@one.test -> @one.test -> p@alias.test -> p@one.test"},
			{"a forward ends", []manage.AliasInput{aliasTo("@one.test", "ann@alias.test")}, away("ann@one.test", "bob@one.test"), away("ann@one.test"), ""},
		} {
			h.clear()
			for _, in := range c.before {
				h.must("", func(t *manage.Tx) error { _, err := t.CreateAlias(in); return err })
			}
			if c.first != nil {
				h.must("", c.first)
			}
			h.checkCircle(t, c.name, c.want, c.then)
		}
	})
}

// TestOldLoopsElsewhere: a circle that there is already keeps nobody from
// changing other aliases, or the description of one that is a part of it.
func TestOldLoopsElsewhere(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		h.alias("p@one.test", "only@one.test")
		h.alias("q@one.test", "p@one.test")
		h.exec("UPDATE modoboa_admin_aliasrecipient SET address = 'q@one.test' WHERE alias_id = ?", h.aliasID("p@one.test"))
		h.checkCircle(t, "beside", "", func(t *manage.Tx) error {
			_, err := t.CreateAlias(aliasTo("r@one.test", "p@one.test"))
			return err
		})
		h.checkCircle(t, "description", "", func(t *manage.Tx) error {
			_, err := t.UpdateAlias(h.aliasID("p@one.test"), manage.AliasInput{Description: manage.Some("x")})
			return err
		})
		h.checkCircle(t, "through", "q@one.test -> p@one.test -> q@one.test", func(t *manage.Tx) error {
			_, err := t.UpdateAlias(h.aliasID("q@one.test"), aliasTo("q@one.test", "p@one.test", "far@far.test"))
			return err
		})
	})
}

// checkCircle checks the circle that keeps an action from being done, "" for
// none.
func (h *mailHost) checkCircle(t *testing.T, name, want string, f func(t *manage.Tx) error) {
	t.Helper()
	if want != "" {
		want = "409 Mail would go in a circle: " + want + "."
	}
	if got := h.act("", f); got != want {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
}
