package dovecot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/lookup/dict"
	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/lookup/usage"
	"github.com/vmapd/vmapd/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// data serves one snapshot, or none.
type data struct{ snap *store.Snapshot }

var errNoData = errors.New("no data")

func (d *data) Servable() *store.Snapshot { return d.snap }

func (d *data) Snapshot(context.Context) (*store.Snapshot, error) {
	if d.snap == nil {
		return nil, errNoData
	}
	return d.snap, nil
}

// world has accounts of all kinds; the password of each is "secret".
func world() *store.Snapshot {
	b := store.NewBuilder()
	b.AddDomain(store.Domain{ID: 1, Name: "a.test", Type: store.LocalDomain, Enabled: true})
	b.AddDomain(store.Domain{ID: 2, Name: "off.test", Type: store.LocalDomain})
	add := func(id, domain uint32, local, hash string, sendOnly bool, a store.Account) {
		a.ID, a.Username, a.Password = id, "name-"+local, hash
		a.Email = local + []string{"", "@a.test", "@off.test"}[domain]
		b.AddAccount(a)
		b.AddMailbox(store.Mailbox{ID: id, AccountID: id, DomainID: domain, Local: local, SendOnly: sendOnly, Quota: id})
	}
	const cheap = "{PLAIN}secret"
	active := store.Account{Active: true, Local: true}
	add(1, 1, "ann", cheap, false, active)
	add(2, 1, "bob", cheap, false, active)
	add(3, 1, "closed", cheap, false, store.Account{})
	add(4, 2, "off", cheap, false, active)
	add(5, 1, "sender", cheap, true, active)
	add(6, 1, "boss", cheap, false, store.Account{Active: true, Master: true})
	add(7, 1, "external", "", false, active)
	add(8, 1, "broken", "{NONSENSE}x", false, active)
	add(9, 1, `o'"b\rien`, cheap, false, active)
	return b.Build(time.Now())
}

func newLogins(d login.Data) *login.Logins {
	return login.New(d, &password.Pool{}, nil, login.Hooks{}, login.Options{Home: "/srv/%d/%n", UID: 5000, GID: 5001, DefaultScheme: "CRYPT", MasterSeparator: "*"})
}

// journal keeps figures, and times of logins.
type journal struct {
	figures map[string]usage.Figures
	logins  map[string]time.Time
	err     error // of the disk
}

func (j *journal) Pending(address string) (f usage.Figures, ok bool) {
	f, ok = j.figures[address]
	return f, ok
}

func (j *journal) All(yield func(string, usage.Figures) bool) {}

func (j *journal) Begin(address string, f usage.Figures) (func(context.Context) error, error) {
	return func(context.Context) error {
		if j.err == nil {
			j.figures[address] = f
		}
		return j.err
	}, nil
}

func (j *journal) lastLogin(username string, at time.Time) (func(context.Context) error, error) {
	return func(context.Context) error {
		if j.err == nil {
			j.logins[username] = at
		}
		return j.err
	}, nil
}

// newDicts makes dicts whose hashes the users of a list may read.
func newDicts(d login.Data, readers ...uint32) (*Dicts, *journal) {
	j := &journal{figures: map[string]usage.Figures{}, logins: map[string]time.Time{}}
	return &Dicts{
		Logins: newLogins(d), Data: d, LastLogin: j.lastLogin,
		Usage:         usage.New(j, time.Now),
		MayReadHashes: func(uid uint32) bool { return contains(readers, uid) },
	}, j
}

func contains(list []uint32, n uint32) bool {
	for _, v := range list {
		if v == n {
			return true
		}
	}
	return false
}

// conn is a client of a server: it sends a line and reads what comes.
type conn struct {
	t  *testing.T
	nc net.Conn
	in *bufio.Reader
}

// serve has a server speak with a client over a unix socket, until the test
// ends. The greeting, up to the line that begins with last, is read.
func serve(t *testing.T, last string, server func(context.Context, net.Conn) error) *conn {
	t.Helper()
	dir, err := os.MkdirTemp("", "ld") // short: paths of sockets have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	l.Close()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server(context.Background(), peer) }()
	t.Cleanup(func() {
		nc.Close()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		peer.Close()
	})
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	c := &conn{t, nc, bufio.NewReader(nc)}
	for last != "" && !strings.HasPrefix(c.line(), last) {
	}
	return c
}

func (c *conn) send(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.nc, format+"\n", args...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *conn) line() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

// ask sends a line and reads one.
func (c *conn) ask(format string, args ...any) string {
	c.t.Helper()
	c.send(format, args...)
	return c.line()
}

// openDict connects to a dict of 2.3.
func openDict(t *testing.T, d *Dicts, name string) *conn {
	t.Helper()
	c := serve(t, "", (&dict.Server{Open: d.Open}).ServeConn)
	c.send("H3\t2\t0\t\t%s", name)
	return c
}
