package outside

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/internal/ldaptest"
	"github.com/vmapd/vmapd/lookup/password"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// searching are settings for search and bind at a test's server.
func searching(s *ldaptest.Server) Settings {
	return Settings{Create: true, LDAP: &LDAP{
		Servers: []string{s.Address}, Security: Plain, BindDN: ldaptest.Searcher, BindPassword: "searcher",
		SearchBase: ldaptest.People, SearchFilter: "(|(uid=%(user)s)(mail=%(user)s))",
		AdminGroups: Admins("mailadmins; bosses"), GroupType: PosixGroup, GroupsBase: ldaptest.Groups,
	}}
}

// direct are settings for direct bind.
func direct(s *ldaptest.Server) Settings {
	o := searching(s)
	o.LDAP.DirectBind, o.LDAP.UserDN = true, "uid=%(user)s,"+ldaptest.People
	o.LDAP.BindDN, o.LDAP.BindPassword, o.LDAP.SearchBase, o.LDAP.SearchFilter = "", "", "", ""
	return o
}

// hashes makes what Modoboa would store.
func hashes(login, clear string) (string, error) {
	return password.New("SHA512-CRYPT", login, clear, password.Params{Rounds: 1000})
}

// open runs an Outside until the test ends.
func open(t testing.TB, s Settings) *Outside {
	t.Helper()
	o := New(s, Hooks{Hash: hashes})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); o.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return o
}

// inService waits until every server answers again.
func inService(t testing.TB, o *Outside) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		down := ""
		for _, s := range o.Status() {
			down += s.Error
		}
		if down == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("a server stays out of service: %s", down)
		}
	}
}
