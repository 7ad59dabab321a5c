package dovecot

import (
	"context"
	"encoding/base64"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/store"
)

// plain is SASL's PLAIN (RFC 4616).
func plain(authzid, user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(authzid + "\x00" + user + "\x00" + password))
}

func dialLogin(t *testing.T, snap *store.Snapshot, told func(service, user string, remote netip.Addr, out login.Outcome)) *conn {
	t.Helper()
	a := &Auth{Logins: newLogins(&data{snap}), Told: told}
	c := serve(t, "DONE", a.Server().ServeClient)
	c.send("VERSION\t1\t2\nCPID\t4242")
	return c
}

func dialMaster(t *testing.T, snap *store.Snapshot) *conn {
	t.Helper()
	a := &Auth{Logins: newLogins(&data{snap})}
	c := serve(t, "SPID", func(ctx context.Context, nc net.Conn) error { return a.Server().ServeMaster(ctx, nc, nil) })
	c.send("VERSION\t1\t1")
	return c
}

// TestLogin: what clients are told of each outcome.
func TestLogin(t *testing.T) {
	c := dialLogin(t, world(), nil)
	for _, tc := range []struct{ service, authzid, user, password, want string }{
		{"imap", "", "Ann@A.test", "secret", "OK\t1\tuser=ann@a.test"},
		{"imap", "ann@a.test", "ann@a.test", "secret", "OK\t1\tuser=ann@a.test"},
		{"smtp", "", "sender@a.test", "secret", "OK\t1\tuser=sender@a.test"},
		{"imap", "", "ann@a.test", "wrong", "FAIL\t1\tuser=ann@a.test"},
		{"imap", "", "Nobody@a.test", "secret", "FAIL\t1\tuser=nobody@a.test"},
		{"imap", "", "external@a.test", "secret", "FAIL\t1\tuser=external@a.test"},

		// The right password of an account that may not log in.
		{"imap", "", "closed@a.test", "secret", "FAIL\t1\tuser=closed@a.test\tcode=user_disabled"},
		{"imap", "", "off@off.test", "secret", "FAIL\t1\tuser=off@off.test\tcode=user_disabled"},
		{"imap", "", "sender@a.test", "secret", "FAIL\t1\tuser=sender@a.test\tcode=user_disabled"},
		{"imap", "", "closed@a.test", "wrong", "FAIL\t1\tuser=closed@a.test"},

		// Master users.
		{"imap", "", "ann@a.test*boss@a.test", "secret", "OK\t1\tuser=ann@a.test\tauth_user=boss@a.test"},
		{"imap", "ann@a.test", "boss@a.test", "secret", "OK\t1\tuser=ann@a.test\tauth_user=boss@a.test"},
		{"imap", "", "closed@a.test*boss@a.test", "secret", "FAIL\t1\tuser=closed@a.test*boss@a.test\tcode=user_disabled"},
		{"imap", "bob@a.test", "ann@a.test*boss@a.test", "secret", "FAIL\t1\tuser=ann@a.test*boss@a.test\tcode=authz_fail"},

		// Nobody can say what the password of a hash is that nobody knows.
		{"imap", "", "broken@a.test", "secret", "FAIL\t1\tuser=broken@a.test\tcode=temp_fail"},
	} {
		if got := c.ask("AUTH\t1\tPLAIN\tservice=%s\tsecured\tnologin\tresp=%s", tc.service, plain(tc.authzid, tc.user, tc.password)); got != tc.want {
			t.Errorf("%s %s %s as %q:\n got %q\nwant %q", tc.service, tc.user, tc.password, tc.authzid, got, tc.want)
		}
	}
}

// TestNobodyLearnsPasswordsAsMaster: who asks to be somebody else and is no
// master user is answered as with a wrong password, whether his is right or not;
// so are unknown names on both sides.
func TestNobodyLearnsPasswordsAsMaster(t *testing.T) {
	c := dialLogin(t, world(), nil)
	for _, tc := range []struct{ authzid, user string }{
		{"", "ann@a.test*bob@a.test"},
		{"ann@a.test", "bob@a.test"},
		{"", "nobody@a.test*bob@a.test"},
		{"", "closed@a.test*bob@a.test"},
		{"", "ann@a.test*closed@a.test"},
		{"", "ann@a.test*external@a.test"},
		{"", "ann@a.test*nobody@a.test"},
		{"boss@a.test", "ann@a.test*bob@a.test"},
	} {
		ask := func(password string) string {
			return c.ask("AUTH\t1\tPLAIN\tservice=imap\tsecured\tnologin\tresp=%s", plain(tc.authzid, tc.user, password))
		}
		right, wrong := ask("secret"), ask("wrong")
		if right != wrong || right != "FAIL\t1\tuser="+tc.user {
			t.Errorf("%s as %q: the right password is answered %q, a wrong one %q", tc.user, tc.authzid, right, wrong)
		}
	}
}

// TestTold: the log and the metrics hear what the client does not.
func TestTold(t *testing.T) {
	var heard []string
	c := dialLogin(t, world(), func(service, user string, remote netip.Addr, out login.Outcome) {
		heard = append(heard, strings.Join([]string{service, user, remote.String(), string(out.Cause)}, " "))
	})
	for _, login := range []string{"ann@a.test", "closed@a.test", "ann@a.test*bob@a.test", "NOBODY@a.test"} {
		c.ask("AUTH\t1\tPLAIN\tservice=pop3\trip=192.0.2.7\tnologin\tresp=%s", plain("", login, "secret"))
	}
	want := []string{
		"pop3 ann@a.test 192.0.2.7 ", "pop3 closed@a.test 192.0.2.7 refused",
		"pop3 ann@a.test*bob@a.test 192.0.2.7 not_master", "pop3 nobody@a.test 192.0.2.7 unknown",
	}
	if !slices.Equal(heard, want) {
		t.Errorf("\n got %q\nwant %q", heard, want)
	}
}

// TestNothingLoaded: before there is data everything is temporary.
func TestNothingLoaded(t *testing.T) {
	c := dialLogin(t, nil, nil)
	for _, password := range []string{"secret", "wrong"} {
		want := "FAIL\t1\tuser=ann@a.test\tcode=temp_fail"
		if got := c.ask("AUTH\t1\tPLAIN\tservice=imap\tsecured\tnologin\tresp=%s", plain("", "ann@a.test", password)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	m := dialMaster(t, nil)
	for request, want := range map[string]string{
		"USER\t7\tann@a.test\tservice=lmtp": "FAIL\t7\treason=no data", "PASS\t7\tann@a.test\tservice=imap": "FAIL\t7\treason=no data",
		"LIST\t7\tuser=*\tservice=doveadm": "DONE\t7\tfail",
	} {
		if got := m.ask("%s", request); got != want {
			t.Errorf("%q is answered %q, want %q", request, got, want)
		}
	}
	for name, keys := range map[string][]string{
		"auth": {"shared/passdb/imap/ann@a.test", "shared/master/boss@a.test", "shared/userdb/lmtp/ann@a.test"}, "quota": {"priv/quota/storage"},
	} {
		d, _ := newDicts(&data{}, ownUID())
		c := openDict(t, d, name)
		for _, key := range keys {
			if got := c.ask("L%s\tann@a.test", key); !strings.HasPrefix(got, "Fno data") {
				t.Errorf("%s %s: %q, want a failure", name, key, got)
			}
		}
	}
}

// TestMailProcesses: what lmtp, imap, doveadm are told of a user.
func TestMailProcesses(t *testing.T) {
	m := dialMaster(t, world())
	user := func(address, home, size string) string {
		return "USER\t7\t" + address + "\tuid=5000\tgid=5001\thome=" + home + "\tquota_rule=*:bytes=" + size + "\tquota_storage_size=" + size
	}
	for request, want := range map[string]string{
		"USER\t7\tAnn@A.test\tservice=lmtp":       user("ann@a.test", "/srv/a.test/ann", "1M"),
		"USER\t7\tclosed@a.test\tservice=lmtp":    user("closed@a.test", "/srv/a.test/closed", "3M"), // mail is kept
		"USER\t7\toff@off.test\tprotocol=lmtp":    user("off@off.test", "/srv/off.test/off", "4M"),
		"USER\t7\tsender@a.test\tservice=lmtp":    "NOTFOUND\t7",
		"USER\t7\tsender@a.test\tservice=imap":    "NOTFOUND\t7",
		"USER\t7\tsender@a.test\tservice=doveadm": user("sender@a.test", "/srv/a.test/sender", "5M"),
		"USER\t7\tnobody@a.test\tservice=lmtp":    "NOTFOUND\t7",
		"PASS\t7\tAnn@a.test\tservice=imap":       "PASS\t7\tuser=ann@a.test",
		"PASS\t7\tclosed@a.test\tservice=imap":    "NOTFOUND\t7",
		"PASS\t7\tnobody@a.test\tservice=imap":    "NOTFOUND\t7",
		"CACHE-FLUSH\t7":                          "OK\t7\t0",
	} {
		if got := m.ask("%s", request); got != want {
			t.Errorf("%q:\n got %q\nwant %q", request, got, want)
		}
	}
	m.send("LIST\t7\tuser=*\tservice=doveadm")
	var names []string
	for line := m.line(); !strings.HasPrefix(line, "DONE"); line = m.line() {
		names = append(names, strings.TrimPrefix(line, "LIST\t7\t"))
	}
	slices.Sort(names)
	if got, want := strings.Join(names, " "), `ann@a.test bob@a.test boss@a.test broken@a.test closed@a.test external@a.test o'"b\rien@a.test off@off.test sender@a.test`; got != want {
		t.Errorf("LIST gives %s, want %s", got, want)
	}
}
