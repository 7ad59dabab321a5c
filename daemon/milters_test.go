package daemon

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/milter/miltertest"
)

const milterListener = basics + `
[[listen]]
protocol = "milter"
address = "unix:%DIR%/milter"
`

// giveKey gives example.com a key, as Modoboa's own job does.
func giveKey(t *testing.T, r *rig) {
	t.Helper()
	private, err := dkim.Generate(dkim.Ed25519SHA256, 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := dkim.MarshalPrivate(private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(r.dir, "dkim", "example.com.pem")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	change(t, r.database(), "UPDATE admin_domain SET enable_dkim = 1, dkim_key_selector = 'sel', dkim_private_key_path = '"+file+"' WHERE name = 'example.com'")
}

func dialMilter(t *testing.T, dir string) *miltertest.Conn {
	t.Helper()
	c, err := miltertest.Dial("unix", filepath.Join(dir, "milter"), miltertest.Offer{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Connect(miltertest.Client{Addr: "192.0.2.7", DaemonName: "mx.test"}); err != nil {
		t.Fatal(err)
	}
	return c
}

// signatures gives those that a message of an author gets.
func signatures(t *testing.T, c *miltertest.Conn, author, authType string) []string {
	t.Helper()
	v, err := c.Send(miltertest.Parse("From: <"+author+">\n\nHello.\n"), miltertest.Envelope{AuthType: authType, QueueID: "4Q"})
	if err != nil {
		t.Fatal(err)
	}
	return v.Message.Values("DKIM-Signature")
}

func TestMilter(t *testing.T) {
	r := newRig(t, milterListener)
	initDatabase(t, r.database())
	giveKey(t, r)
	r.start(t).loaded(t)
	c := dialMilter(t, r.dir)
	for _, m := range []struct {
		author, auth string
		signed       bool
		result       string
	}{
		{"user@example.com", "PLAIN", true, "signed"},
		{"user@example.com", "", false, "foreign"},
		{"user@other.test", "PLAIN", false, "no_key"},
		{"nobody", "PLAIN", false, "malformed"},
	} {
		found := signatures(t, c, m.author, m.auth)
		if m.signed != (len(found) == 1) || m.signed && !strings.Contains(found[0], "d=example.com;\r\n\ts=sel;") {
			t.Errorf("%+v: signatures %q", m, found)
		}
		if n := testutil.ToFloat64(r.metrics.messages.WithLabelValues(m.result)); n != 1 {
			t.Errorf("%s: counted %v times", m.result, n)
		}
	}
	if n := r.log.count("a message passed unsigned"); n != 1 { // one line a second
		t.Errorf("%d warnings about unsigned messages", n)
	}
	if r.log.count(`"selectors":["sel"]`) != 1 || r.log.count(`"queue_id":"4Q"`) < 2 {
		t.Error("the log does not say what was signed")
	}

	// What [dkim] says holds from the next message on, in open sessions too.
	r.write(t, milterListener+"[dkim]\nnetworks = [\"192.0.2.0/24\"]\nheaders = \"compat\"\n")
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := signatures(t, c, "user@example.com", "")
	if len(found) != 1 || !strings.Contains(strings.ToLower(found[0]), "h=from:from;") {
		t.Errorf("after the reload: %q", found)
	}
}

// A milter's sessions may be evicted only if they have not said anything.
func TestMilterSessionsAreSpared(t *testing.T) {
	r := newRig(t, milterListener+"max_connections = 1\n")
	initDatabase(t, r.database())
	giveKey(t, r)
	r.start(t).loaded(t)
	silent, err := net.Dial("unix", r.path("milter"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := dialMilter(t, r.dir)
	if _, err := miltertest.Dial("unix", r.path("milter"), miltertest.Offer{}); err == nil {
		t.Error("a second session came in")
	}
	if len(signatures(t, c, "user@example.com", "PLAIN")) != 1 {
		t.Error("the first session does not go on")
	}
}

// A message that the old process has begun with is signed by it; the new one
// signs those that come.
func TestMilterHandover(t *testing.T) {
	d := found(t, milterListener)
	giveKey(t, d.rig)
	d.signal(t, syscall.SIGHUP)
	eventually(t, "messages are signed", func() bool { return len(signatures(t, dialMilter(t, d.dir), "user@example.com", "PLAIN")) == 1 })
	c := dialMilter(t, d.dir)
	for _, e := range []struct {
		code byte
		data string
	}{{'M', "<user@example.com>\x00"}, {'L', "From\x00 <user@example.com>\x00"}, {'N', ""}} {
		if reply, err := c.Event(e.code, map[string]string{"{auth_type}": "PLAIN"}, e.data); reply != 'c' || err != nil {
			t.Fatalf("reply %q to %q, %v", reply, e.code, err)
		}
	}
	old := d.pid
	d.signal(t, syscall.SIGUSR2)
	eventually(t, "the new process answers", func() bool { s := d.state(); return s != nil && s.PID != old && s.Ready })
	d.pid = d.state().PID
	if _, err := c.Event('B', nil, "Hello.\r\n"); err != nil {
		t.Fatal(err)
	}
	if reply, err := c.Event('E', nil); reply != 'i' || err != nil {
		t.Errorf("the old process says %q, %v; want a signature", reply, err)
	}
	eventually(t, "the new process signs", func() bool { return len(signatures(t, dialMilter(t, d.dir), "user@example.com", "PLAIN")) == 1 })
	c.Close()
	if code := d.waitFor(t, old); code != 0 {
		t.Errorf("the old process ended with %d", code)
	}
	d.finish(t)
}

// TestSigningSettings: the section [dkim] arrives at the signer.
func TestSigningSettings(t *testing.T) {
	for name, want := range map[string][2]dkim.Canon{
		"relaxed/relaxed": {dkim.Relaxed, dkim.Relaxed}, "relaxed/simple": {dkim.Relaxed, dkim.Simple},
		"simple/relaxed": {dkim.Simple, dkim.Relaxed}, "simple/simple": {dkim.Simple, dkim.Simple},
	} {
		c, err := Load("", []string{"state_dir=" + t.TempDir(), "dkim.canonicalization=" + name, "dkim.headers=strict"})
		if err != nil {
			t.Fatal(err)
		}
		o := c.signingSettings().Options
		if got := [2]dkim.Canon{o.HeaderCanon, o.BodyCanon}; got != want || o.Headers != dkim.Strict {
			t.Errorf("%s: forms %v, headers %v", name, got, o.Headers)
		}
	}
}
