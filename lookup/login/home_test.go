package login_test

import (
	"testing"

	"github.com/vmapd/vmapd/lookup/login"
)

func TestDomainOfHome(t *testing.T) {
	for _, c := range []struct{ pattern, home, want, address string }{
		{"/srv/vmail/%d/%n", "/srv/vmail/one.test/ann", "one.test", "ann@one.test"},
		{"/srv/vmail/%d/%n/", "/srv/vmail//one.test/ann/", "one.test", "ann@one.test"},
		{"/srv/vmail/%u", "/srv/vmail/a@b@one.test", "one.test", "a@b@one.test"},
		{"/srv/vmail/%n@%d/mail", "/srv/vmail/ann@one.test/mail", "one.test", "ann@one.test"},
		{"/srv/vmail/%d/%n", "/srv/other/one.test/ann", "one.test", ""},
		{"/srv/vmail/%u", "/srv/vmail/ann", "", ""},
		{"/srv/vmail/%n.%d", "/srv/vmail/ann.one.test", "", ""},
		{"/srv/vmail/%n", "/srv/vmail/ann", "", ""},
		{"/srv/vmail/%d/%n", "/srv/vmail/one.test", "", ""},
	} {
		o := login.Options{Home: c.pattern}
		if got := o.DomainOfHome(c.home); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.home, c.pattern, got, c.want)
		}
		if got := o.AddressOfHome(c.home); got != c.address {
			t.Errorf("%s in %s: address %q, want %q", c.home, c.pattern, got, c.address)
		}
	}
}
