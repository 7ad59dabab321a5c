package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/milter/miltertest"
	"github.com/vmapd/vmapd/internal/peers"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

// signingSite is what signs home.test with a key or two.
type signingSite struct {
	dir    string            // of the keys
	url    string            // of the database
	config string            // sections of vmapd.toml
	zone   map[string]string // what is published
}

// newSigningSite makes an RSA key, and for two an Ed25519 key beside it, for a
// database of its own.
func newSigningSite(t *testing.T, keys int) *signingSite {
	t.Helper()
	return newSigningSiteAt(t, "sqlite:"+filepath.Join(t.TempDir(), "mail.db"), keys)
}

// newSigningSiteAt does so for an empty database.
func newSigningSiteAt(t *testing.T, url string, keys int) *signingSite {
	t.Helper()
	s := &signingSite{dir: t.TempDir(), url: url, zone: map[string]string{}}
	d, err := db.Open(url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	const rows = "domain;home.test;1000;100;yes\naccount;user@home.test;{PLAIN}secret;Ann;User;true;SimpleUsers;user@home.test;10\n"
	if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(rows), modoboa.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := d.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("UPDATE admin_domain SET enable_dkim = true, dkim_key_selector = 'rsa', (dkim_private_key_path, dkim_public_key) = (SELECT " + s.key(t, "rsa", dkim.RSASHA256) + ") WHERE name = 'home.test'")
	if keys > 1 {
		exec("INSERT INTO vmapd_dkim_key (domain, selector, algorithm, state, private_key_path, public_key) VALUES ('home.test', 'ed', 'ed25519', 'active', " + s.key(t, "ed", dkim.Ed25519SHA256) + ")")
	}
	s.config = fmt.Sprintf("[database]\nurl = %q\n[dkim]\nkey_dir = %q\nnetworks = []\ndaemon_names = []\n", url, s.dir)
	return s
}

// key makes a key and publishes it. It returns the two values for the database,
// file and public half.
func (s *signingSite) key(t *testing.T, selector string, a dkim.Algorithm) string {
	t.Helper()
	private, err := dkim.Generate(a, 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := dkim.MarshalPrivate(private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.dir, selector+".pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.zone[selector+"._domainkey.home.test"] = dkim.Record(private.Public())
	return fmt.Sprintf("'%s', '%s'", file, dkim.PublicBase64(private.Public()))
}

// section is the listen section of a milter socket.
func (s *signingSite) section(socket string) string {
	return fmt.Sprintf("[[listen]]\nprotocol = \"milter\"\naddress = \"unix:%s\"\nmode = \"0666\"\ngroup = \"\"\n", socket)
}

// check verifies the signatures of a message with go-msgauth and dkimpy.
func (s *signingSite) check(t *testing.T, text string) {
	t.Helper()
	found, err := msgauth.VerifyWithOptions(strings.NewReader(text), &msgauth.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		return []string{s.zone[name]}, nil
	}})
	if err != nil || len(found) != len(s.zone) {
		t.Errorf("go-msgauth found %d signatures, want %d, %v", len(found), len(s.zone), err)
	}
	for _, v := range found {
		if v.Err != nil || v.Domain != "home.test" {
			t.Errorf("go-msgauth on the signature of %s: %v", v.Domain, v.Err)
		}
	}
	in, err := json.Marshal(map[string]any{"name": "", "message": base64.StdEncoding.EncodeToString([]byte(text)), "signatures": len(s.zone), "keys": s.zone})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "../../dkim/testdata/verify.py")
	cmd.Stdin = bytes.NewReader(append(in, '\n'))
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), `"pass"`) != len(s.zone) {
		t.Errorf("dkimpy says %s, %v", out, err)
	}
}

// TestPostfixSigning sends mail through a real Postfix whose milter is vmapd. What
// arrives at the next host must verify, with what Postfix has made of the message
// on the way; what is not ours must have passed as it was.
func TestPostfixSigning(t *testing.T) {
	t.Parallel()
	mailtest.Require(t)
	peers.Need(t, exec.Command("/usr/bin/python3", "-c", "import dkim, nacl").Run())
	s := newSigningSite(t, 2)
	p := mailtest.New(t, "dkim")
	mailtest.ListenAuth(t, filepath.Join(p.Private, "auth"), map[string]string{"user@home.test": "secret"})
	home := mailtest.ListenSink(t, mailtest.SinkOptions{Name: "lmtp", Socket: filepath.Join(p.Private, "dovecot-lmtp"), LMTP: true})
	world := mailtest.ListenSink(t, mailtest.SinkOptions{Name: "smtp"})
	table, sign := filepath.Join(p.Private, "vmapd"), filepath.Join(p.Private, "sign")
	v := startVmapd(t, drill.Binary(t), s.config+socketSection(p, "vmapd")+s.section(sign))
	v.awaitSockets(t, table, sign)
	p.Start(mailtest.Config{Maps: socketMaps(), Chroot: true, World: world.NextHop(), Milters: "unix:private/sign"})

	const from = "From: Ann <user@home.test>\r\nTo: friend@far.test\r\n"
	texts := map[string]string{
		"signed: short":  from + "\r\nHello.\r\n",
		"signed: folds":  from + "X-None:none\r\nReferences:\r\n <a@home.test>\r\n\t<b@home.test>\r\nCc: " + strings.Repeat("Somebody <somebody@far.test>,\r\n ", 60) + "last@far.test\r\n\r\nHello.\r\n",
		"signed: dots":   from + "\r\n.\r\n..\r\n. \r\n \t \r\nthe end \r\n\r\n\r\n",
		"signed: empty":  from + "\r\n",
		"signed: long":   from + "\r\n" + strings.Repeat("Words, words  and more words.\t \r\n", 20_000),
		"signed: octets": from + "Content-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe, \xc3\xa9\r\n",
		"foreign: other": "From: <other@far.test>\r\n\r\nHello.\r\n",
		"signed: added":  "To: friend@far.test\r\n\r\nHello.\r\n", // Postfix adds From
		"foreign: two":   "From: <user@home.test>, <other@far.test>\r\n\r\nHello.\r\n",
	}
	var messages []mailtest.Message
	for name, text := range texts {
		messages = append(messages, mailtest.Message{
			Name: name, From: "user@home.test", To: []string{"friend@far.test"}, Login: "user@home.test:secret",
			Service: mailtest.Submission, Text: "Subject: " + name + "\r\n" + text,
		})
	}
	// Our name in From is not enough.
	messages = append(messages, mailtest.Message{Name: "stranger", To: []string{"user@home.test"}, Text: "Subject: foreign: stranger\r\n" + from + "\r\nHello.\r\n"})
	r := &mailtest.Runner{Postfix: p, Sinks: []*mailtest.Sink{home, world}, Workers: 4}
	for i, out := range r.Run(t, messages) {
		if !strings.HasPrefix(out.Summary, "250 2.1.5 -> ") {
			t.Errorf("%s: %s", messages[i].Name, out.Summary)
		}
	}
	arrived := append(home.Texts(), world.Texts()...)
	if len(arrived) != len(messages) {
		t.Errorf("%d messages arrived, want %d", len(arrived), len(messages))
	}
	for _, text := range arrived {
		m := miltertest.Parse(text)
		subject, found := strings.TrimSpace(m.Values("Subject")[0]), m.Values("DKIM-Signature")
		t.Run(subject, func(t *testing.T) {
			switch {
			case strings.HasPrefix(subject, "foreign") && len(found) > 0:
				t.Errorf("was signed:\n%.2000s", text)
			case strings.HasPrefix(subject, "signed"):
				if s.check(t, text); t.Failed() {
					t.Logf("%.3000s", text)
				}
			}
		})
	}
	if bad := p.Complaints(); len(bad) > 0 {
		t.Errorf("Postfix complains:\n%s", strings.Join(bad, "\n"))
	}
}
