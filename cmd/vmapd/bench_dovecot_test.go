//go:build bench

package main_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// benchDovecot measures all that Dovecot and SASL ask. Each part can be run
// alone.
func benchDovecot(t *testing.T, h *benchHost, r *report) {
	dovetest.Require(t)
	h.setPasswords(t)
	t.Run("dict", func(t *testing.T) { benchDict(t, h, r) })
	t.Run("auth", func(t *testing.T) { benchAuth(t, h, r) })
	t.Run("sql", func(t *testing.T) { benchSQL(t, h, r) })
	t.Run("imap", func(t *testing.T) { benchIMAP(t, h, r) })
	t.Run("quota", func(t *testing.T) { benchQuota(t, h, r) })
	t.Run("hash", func(t *testing.T) { benchHash(t, h, r) })
}

// Domains of the host whose mailboxes have their passwords hashed. All others
// store theirs in plain text: what hashing costs is the same everywhere, and
// would hide the rest.
const (
	cachedDomains = 10 // cheaply: once verified, it does not matter
	hashedDomain  = 11 // as Modoboa does
)

// setPasswords gives everybody the password "secret".
func (h *benchHost) setPasswords(t *testing.T) {
	t.Helper()
	d := dbtest.Open(t, h.url, db.Options{})
	set := func(stored string, from, to int) string { // domains; the account of a mailbox has its id plus one
		return fmt.Sprintf("UPDATE core_user SET password = '%s' WHERE id BETWEEN %d AND %d", stored, (from-1)*h.size.mailboxes+2, to*h.size.mailboxes+1)
	}
	dbtest.Exec(t, d, set("{PLAIN}secret", 1, h.size.domains),
		set(sha512(t, password.Params{Rounds: 1000}), 1, cachedDomains),
		set(sha512(t, password.Params{}), hashedDomain, hashedDomain),
		"VACUUM ANALYZE core_user")
}

func sha512(t *testing.T, p password.Params) string {
	t.Helper()
	stored, err := password.New("SHA512-CRYPT", "", "secret", p)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// mailboxesOf names the mailboxes of some domains.
func (z benchSize) mailboxesOf(from, to int) (names []string) {
	for d := from; d <= to; d++ {
		for m := 1; m <= z.mailboxes; m++ {
			names = append(names, fmt.Sprintf("user%d@d%d.bench.test", m, d))
		}
	}
	return names
}

// plainKeys names 10,000 mailboxes with plain passwords.
func (z benchSize) plainKeys() []string {
	all := z.mailboxKeys(10_000)
	for i, name := range all {
		if _, domain, _ := strings.Cut(name, "@d"); len(domain) < len("100.bench.test") {
			all[i] = fmt.Sprintf("user%d@d%d.bench.test", 1+i%z.mailboxes, 100+i%(z.domains-100))
		}
	}
	return all
}

// startDovecotVmapd runs a vmapd for Dovecot, without a Dovecot. more goes on with
// the section [dovecot].
func (h *benchHost) startDovecotVmapd(t *testing.T, more string) *dovecotHost {
	t.Helper()
	v := newDovecotHost(t, h.binary, "dict", h.url, more+quiet)
	v.v.Start(t)
	v.v.AwaitReady(t)
	return v
}

// lines are clients of a protocol of lines. ask makes a request of a number and
// a key.
func (h *dovecotHost) lines(t *testing.T, protocol string, greet func(net.Conn) error, keys []string, want string, ask func(id int, key string) string) *clients {
	c := &clients{socket: h.socket(protocol), pid: h.v.Status(t).PID, want: want, greet: greet, read: readLine}
	for i, key := range keys {
		c.requests = append(c.requests, []byte(ask(i+1, key)))
	}
	return c
}

// with returns the same clients on another number of connections.
func (c *clients) with(conns int) *clients {
	other := *c
	other.conns = conns
	return &other
}

// answer is that to the first request, for the do-nothing server to give.
func (c *clients) answer(t *testing.T) string {
	t.Helper()
	nc, err := net.Dial("unix", c.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	buf := make([]byte, 4096)
	err = c.greet(nc)
	if err == nil {
		_, err = nc.Write(c.requests[0])
	}
	if err == nil {
		buf, err = c.read(nc, buf)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(buf)
}

// The greetings of clients. greetAuth reads what an auth service says first, the
// last line of which begins with last.
func greetDict(name string) func(net.Conn) error {
	return func(nc net.Conn) error {
		_, err := fmt.Fprintf(nc, "H3\t2\t0\t\t%s\n", name)
		return err
	}
}

func greetAuth(last, hello string) func(net.Conn) error {
	return func(nc net.Conn) error {
		buf := make([]byte, 4096)
		for n := 0; ; {
			m, err := nc.Read(buf[n:])
			if err != nil {
				return err
			}
			n += m
			if at := bytes.Index(buf[:n], []byte(last)); at >= 0 && buf[n-1] == '\n' {
				break
			}
		}
		_, err := nc.Write([]byte(hello))
		return err
	}
}

func greetLogin(nc net.Conn) error {
	return greetAuth("DONE\n", fmt.Sprintf("VERSION\t1\t2\nCPID\t%d\n", os.Getpid()))(nc)
}

func greetMaster(nc net.Conn) error { return greetAuth("SPID\t", "VERSION\t1\t1\n")(nc) }

// The greetings of servers.
const (
	loginGreeting  = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t10118\nCUID\t2\nCOOKIE\t829095f269c58ad2f50b6dc98b2b222c\nDONE\n"
	masterGreeting = "VERSION\t1\t1\nSPID\t10118\n"
)

// The questions. A login process has few logins that wait for their mail process
// to ask for them: the numbers come round.

func askPassdb(_ int, user string) string {
	return "Lshared/passdb/" + user + "\t" + user + "\n"
}

func askUserdb(_ int, user string) string {
	return "Lshared/userdb/lmtp/" + user + "\t" + user + "\n"
}

func askPostfix(id int, user string) string {
	return fmt.Sprintf("AUTH\t%d\tPLAIN\tservice=smtp\tnologin\tlip=127.0.0.1\trip=127.0.0.1\tsecured\tresp=%s\n", id, plainResponse(user))
}

func askLogin(id int, user string) string {
	return fmt.Sprintf("AUTH\t%d\tPLAIN\tservice=imap\tsecured\tsession=S/l349xgIpR/AAAB\tlip=127.0.0.1\trip=127.0.0.1\tlport=143\trport=37922\tresp=%s\n", id%16, plainResponse(user))
}

func askMailbox(id int, user string) string {
	return fmt.Sprintf("USER\t%d\t%s\tservice=lmtp\n", id, user)
}

func plainResponse(user string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00secret"))
}

// benchDict compares lookups of Dovecot's auth-worker with a server that has one
// answer to all.
func benchDict(t *testing.T, h *benchHost, r *report) {
	v, keys := h.startDovecotVmapd(t, ""), h.size.plainKeys()
	for _, q := range []struct {
		name string
		ask  func(int, string) string
	}{{"passdb", askPassdb}, {"userdb", askUserdb}} {
		t.Run(q.name, func(t *testing.T) {
			c := v.lines(t, "dict", greetDict("auth"), keys, `O{"`, q.ask)
			c.besideNothing(t, r, "dict, "+q.name, says{Silent: 1})
		})
	}
}

// benchAuth compares what login processes, Postfix and mail processes ask.
func benchAuth(t *testing.T, h *benchHost, r *report) {
	v := h.startDovecotVmapd(t, "")
	keys, cached := h.size.plainKeys(), h.size.mailboxesOf(1, cachedDomains)
	login := says{Greeting: loginGreeting, Silent: 2}
	t.Run("smtp", func(t *testing.T) {
		v.lines(t, "auth", greetLogin, keys, "OK\t", askPostfix).besideNothing(t, r, "auth, {PLAIN}, as Postfix", login)
	})
	t.Run("imap", func(t *testing.T) {
		v.lines(t, "auth", greetLogin, keys, "OK\t", askLogin).besideNothing(t, r, "auth, {PLAIN}, as imap-login", login)
	})
	t.Run("cached", func(t *testing.T) {
		c := v.lines(t, "auth", greetLogin, cached, "OK\t", askPostfix)
		c.with(4).runFor(t, 3*time.Second) // verified once
		c.besideNothing(t, r, "auth, verified before", login)
	})
	t.Run("master", func(t *testing.T) {
		c := v.lines(t, "auth-master", greetMaster, keys, "USER\t", askMailbox)
		c.besideNothing(t, r, "auth-master, USER", says{Greeting: masterGreeting, Silent: 1})
	})
}

// besideNothing compares the rates with those of a do-nothing server that gives
// one of the same answers.
func (c *clients) besideNothing(t *testing.T, r *report, name string, what says) {
	t.Helper()
	what.Answer = c.answer(t)
	idle := startNothing(t, filepath.Dir(c.socket), what)
	var cpu samples
	for _, conns := range []int{1, 4, 16} {
		rates, costs := compareRates(t, c.with(conns), c.with(conns).at(idle))
		r.atLeast(fmt.Sprintf("%s: requests/s ÷ do-nothing server's, %d connections", name, conns), "%.2f", rates, 0.7)
		cpu = append(cpu, costs...)
	}
	r.tell(name+": processor time of a request ÷ do-nothing server's", "%.2f", cpu)
}

// benchSQL asks Dovecot's own auth service over PostgreSQL, the same over vmapd's
// dict socket, and vmapd in its place: the same questions, over the same
// protocol, in turns.
func benchSQL(t *testing.T, h *benchHost, r *report) {
	sql := newSQLDovecot(t, h.url)
	sql.Start(dovetest.Settings{Submission: true})
	v := newDovecotHost(t, h.binary, "dict", h.url, quiet)
	v.start(t)
	bySQL, byDict := ownAuth(t, sql), ownAuth(t, v.Dovecot)
	keys := h.size.plainKeys()
	logins := v.lines(t, "auth", greetLogin, keys, "OK\t", askPostfix)
	cached := v.lines(t, "auth", greetLogin, h.size.mailboxesOf(1, cachedDomains), "OK\t", askPostfix)
	users := v.lines(t, "auth-master", greetMaster, keys, "USER\t", askMailbox)
	cached.with(4).runFor(t, 3*time.Second)
	for _, conns := range []int{1, 8} {
		var dict, own, again samples
		for range 5 {
			x, y := logins.to(bySQL.login, conns).rateOf(t), logins.to(byDict.login, conns).rateOf(t)
			z, w := logins.with(conns).rateOf(t), cached.with(conns).rateOf(t)
			t.Logf("logins/s, %d connections: Dovecot with SQL %.0f, Dovecot with vmapd's dict %.0f, vmapd itself %.0f, verified before %.0f", conns, x, y, z, w)
			dict, own, again = append(dict, y/x), append(own, z/x), append(again, w/x)
		}
		name := fmt.Sprintf("logins/s, %d connections", conns)
		r.tell(name+": Dovecot with vmapd's dict ÷ with SQL", "%.2f", dict)
		r.atLeast(name+": vmapd, {PLAIN} ÷ Dovecot's own with SQL", "%.1f", own, 8)
		r.atLeast(name+": vmapd, verified before ÷ Dovecot's own with SQL, {PLAIN}", "%.1f", again, 8)
	}
	for _, conns := range []int{1, 8} {
		var dict, own samples
		for range 5 {
			x, y, z := users.to(bySQL.master, conns).rateOf(t), users.to(byDict.master, conns).rateOf(t), users.with(conns).rateOf(t)
			t.Logf("mailboxes/s, %d connections: Dovecot with SQL %.0f, Dovecot with vmapd's dict %.0f, vmapd itself %.0f", conns, x, y, z)
			dict, own = append(dict, y/x), append(own, z/x)
		}
		name := fmt.Sprintf("mailboxes/s, %d connections", conns)
		r.tell(name+": Dovecot with vmapd's dict ÷ with SQL", "%.2f", dict)
		r.atLeast(name+": vmapd ÷ Dovecot's own with SQL", "%.1f", own, 8)
	}
}

// to returns the same clients of another program's socket, on some connections.
func (c *clients) to(socket string, conns int) *clients {
	other := c.with(conns)
	other.socket, other.pid = socket, 0
	return other
}

// rateOf is the rate over a second.
func (c *clients) rateOf(t *testing.T) float64 { return c.runFor(t, time.Second).rate() }
