package daemon

import "testing"

// TestManageHome is where Modoboa is told that mail lies.
func TestManageHome(t *testing.T) {
	c := Default()
	home := c.ManageOptions(nil).Home
	for address, want := range map[string]string{"ann@one.test": "/srv/vmail/one.test/ann", "../ann@one.test": "", "a/b@one.test": ""} {
		if got := home(address); got != want {
			t.Errorf("home of %s: %q, want %q", address, got, want)
		}
	}
}
