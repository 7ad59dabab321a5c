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
