package daemon

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// talk is a connection that is kept.
type talk struct {
	*testing.T
	nc net.Conn
	in *bufio.Reader
}

func newTalk(t *testing.T, network, address string) *talk {
	t.Helper()
	nc, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &talk{t, nc, bufio.NewReader(nc)}
}

func (k *talk) say(text string) {
	k.Helper()
	if _, err := io.WriteString(k.nc, text); err != nil {
		k.Error(err)
	}
}

// hear reads up to a line that begins with a text, and returns it.
func (k *talk) hear(begin string) string {
	k.Helper()
	k.nc.SetDeadline(time.Now().Add(time.Minute))
	for {
		line, err := k.in.ReadString('\n')
		if err != nil {
			k.Fatalf("waiting for %q: %q, %v", begin, line, err)
		}
		if strings.HasPrefix(line, begin) {
			return strings.TrimSpace(line)
		}
	}
}

// keepTalking keeps five connections of Dovecot's processes while next has another
// process take over, twice.
func keepTalking(t *testing.T, dict, auth, masterAt, database string, next func()) {
	t.Helper()
	const credentials = "\tservice=imap\tresp=AHVzZXJAZXhhbXBsZS5jb20Ac2VjcmV0\n"
	quota, lines := newTalk(t, "unix", dict), newTalk(t, "unix", dict)
	login, exchange := newTalk(t, "unix", auth), newTalk(t, "unix", auth)
	network := "unix"
	if !strings.HasPrefix(masterAt, "/") {
		network = "tcp"
	}
	master := newTalk(t, network, masterAt)
	quota.say("H3\t2\t0\t\tquota_clone\nB1\tuser@example.com\nS1\tpriv/quota/storage\t4711\n")
	lines.say("H3\t2\t0\t\tquota\nLpriv/quota/stor")
	login.say("VERSION\t1\t2\nCPID\t42\nAUTH\t1\tPLAIN" + credentials)
	cookie := strings.TrimPrefix(login.hear("COOKIE"), "COOKIE\t")
	login.hear("OK\t1")
	exchange.say("VERSION\t1\t2\nCPID\t43\nAUTH\t1\tLOGIN\tservice=smtp\n")
	exchange.hear("CONT\t1")
	master.say("VERSION\t1\t1\nUSER\t1\tuser@example.com\tservice=lmtp\n")
	master.hear("USER\t1\tuser@example.com")
	for range 2 {
		next()
	}
	importCSV(t, database, "account;late@example.com;{PLAIN}secret;Ann;Late;true;SimpleUsers;late@example.com;10\n")
	eventually(t, "the change is served", func() bool {
		master.say("USER\t2\tlate@example.com\tservice=lmtp\n")
		line, err := master.in.ReadString('\n')
		return err == nil && strings.HasPrefix(line, "USER\t2\tlate@example.com")
	})
	quota.say("S1\tpriv/quota/messages\t1\nC1\n")
	quota.hear("O1")
	lines.say("age\tuser@example.com\n")
	lines.hear("O4711")
	master.say("REQUEST\t3\t42\t1\t" + cookie + "\n")
	master.hear("USER\t3\tuser@example.com")
	login.say("AUTH\t2\tPLAIN" + credentials)
	login.hear("OK\t2")
	exchange.say("CONT\t1\tdXNlckBleGFtcGxlLmNvbQ==\n")
	exchange.hear("CONT\t1")
	exchange.say("CONT\t1\tc2VjcmV0\n")
	exchange.hear("OK\t1\tuser=user@example.com")
}

// Dovecot's processes keep connections. These go on in the new process: in the
// middle of a line, of a transaction and of an exchange, and between the steps of
// a login. What they are told is what the new process knows.
func TestHandoverKeepsConnections(t *testing.T) {
	d := found(t, `
[[listen]]
protocol = "dict"
address = "unix:%DIR%/dict"
[[listen]]
protocol = "auth"
address = "unix:%DIR%/auth"
[[listen]]
protocol = "auth-master"
address = "inet:127.0.0.1:0"
`)
	master := strings.TrimPrefix(d.state().Listeners[2].Address, "inet:")
	keepTalking(t, d.path("dict"), d.path("auth"), master, d.database(), func() { d.succeed(t) })
	if d.process.log.count("WARN") > 0 {
		t.Errorf("there is trouble in the log:\n%s", d.process.log)
	}
	if l := d.state().Listeners; l[0].Connections != 2 || l[1].Connections != 2 || l[2].Connections != 1 {
		t.Errorf("connections: %+v", l)
	}
	d.finish(t)
}
