package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/doveconf"
	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/internal/peers"
)

// host is a machine with a Dovecot.
func host(version, auth string) *Host {
	return &Host{
		File: "/etc/vmapd/vmapd.toml", Config: Config(auth, "vmail"), Owner: "vmail", UID: 5000, GID: 5000, Home: "/srv/it's mail",
		Main:    []string{"virtual_alias_maps = socketmap:unix:private/vmapd:aliases", "mydestination = $myhostname, localhost"},
		Access:  []string{"check_recipient_access socketmap:unix:private/vmapd:maintain", "check_policy_service { unix:private/vmapd-policy, timeout=30s, default_action=DUNNO }"},
		Dovecot: Dovecot{version, auth, []string{"imap", "lmtp"}}, Units: Units(Listen(auth, "vmail")),
	}
}

func script(t *testing.T, h *Host) string {
	t.Helper()
	text, err := Script(h)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestConfig: what is written is what the rest of the script is made of, and the
// daemon takes it.
func TestConfig(t *testing.T) {
	for auth, sockets := range map[string]int{doveconf.Dict: 6, doveconf.Server: 8} {
		file := filepath.Join(t.TempDir(), "vmapd.toml")
		// The groups need not be on this machine.
		text := regexp.MustCompile(`(?m)^group = .*\n`).ReplaceAllString(Config(auth, "vmail"), "")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := daemon.Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := Listen(auth, "vmail")
		if len(c.Listen) != len(want) || len(want) != sockets {
			t.Fatalf("%s: %d listeners, want %d", auth, len(c.Listen), len(want))
		}
		for i, l := range c.Listen {
			if l.Protocol != want[i].Protocol || l.Address != want[i].Address {
				t.Errorf("%s: listener %d is %s at %s, want %s at %s", auth, i, l.Protocol, l.Address, want[i].Protocol, want[i].Address)
			}
		}
		if !Reachable(c.Listen, "/var/spool/postfix") || Reachable(daemon.Default().Listen, "/var/spool/postfix") {
			t.Error("Postfix reaches these listeners, and not those of a vmapd without configuration")
		}
	}
}

// TestScript: a shell reads the script, and it asks for what it needs.
func TestScript(t *testing.T) {
	for _, c := range []struct{ version, auth, groups, tls string }{
		{"2.3", doveconf.Dict, "vmail", "ssl_cert = <$certificate"},
		{"2.3", doveconf.Server, "vmail,dovenull", "ssl_cert = <$certificate"},
		{"2.4", doveconf.Server, "vmail,dovenull", "ssl_server_cert_file = $certificate"},
	} {
		h := host(c.version, c.auth)
		text := script(t, h)
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s %s: %v\n%s\n%s", c.version, c.auth, err, out, text)
		}
		for _, want := range []string{
			"usermod --append --groups " + c.groups + " vmapd\n", c.tls, "doveconf --version " + c.version + " --auth " + c.auth + " --protocols imap,lmtp ", `'/srv/it'\''s mail'`,
			"enable --now vmapd.socket vmapd-policy.socket vmapd-milter.socket vmapd-sasl.socket\n",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s %s: the script lacks %q", c.version, c.auth, want)
			}
		}
		h.Config = ""
		if strings.Contains(script(t, h), "cat >'/etc/vmapd/vmapd.toml'") {
			t.Error("a configuration that is to stay is written")
		}
	}
}

// TestPostfixPart runs what the script does to Postfix on a main.cf and master.cf
// of their own, twice.
func TestPostfixPart(t *testing.T) {
	peers.Program(t, "postconf", "postfix")
	text := script(t, host("2.3", doveconf.Dict))
	keep, _, _ := strings.Cut(text, "\nfor file in")
	keep = regexp.MustCompile(`(?m)^certificate=.*$`).ReplaceAllString(keep, "certificate=/cert.pem key=/key.pem")
	_, part, found := strings.Cut(text, "say 'Postfix")
	part, _, end := strings.Cut("say 'Postfix"+part, "\nsay 'Dovecot")
	if !found || !end {
		t.Fatalf("the script has no part for Postfix:\n%s", text)
	}
	dir := t.TempDir()
	files := map[string]string{
		"main.cf":   "compatibility_level = 3.6\nmydestination = example.org\nsmtpd_recipient_restrictions = reject_unauth_pipelining\n",
		"master.cf": "smtp inet n - y - - smtpd\n#submission inet n - y - - smtpd\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(command string) string {
		t.Helper()
		cmd := exec.Command("sh", "-c", command)
		cmd.Env = append(os.Environ(), "MAIL_CONFIG="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "warning") {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	run(keep + "\n" + part)
	once := run("postconf -n; postconf -M; postconf -P")
	run(keep + "\n" + part)
	if diff := cmp.Diff(once, run("postconf -n; postconf -M; postconf -P")); diff != "" {
		t.Errorf("a second run changes something:\n%s", diff)
	}
	for _, want := range []string{
		"mydestination = $myhostname, localhost\n", "smtpd_tls_cert_file = /cert.pem\n", "submissions/inet/smtpd_tls_wrappermode = yes\n",
		"submission/inet/smtpd_tls_security_level = encrypt\n", "default_action=DUNNO }, reject_unauth_pipelining\n",
		"smtpd_recipient_restrictions = check_recipient_access socketmap:unix:private/vmapd:maintain, check_policy_service {",
	} {
		if !strings.Contains(once, want) {
			t.Errorf("Postfix has not %q:\n%s", want, once)
		}
	}
	for name, text := range files {
		if got, err := os.ReadFile(filepath.Join(dir, name+".before-vmapd")); err != nil || string(got) != text {
			t.Errorf("the copy of %s: %v\n%s", name, err, got)
		}
	}
}

// TestConflicts: a host that delivers mail in another way is found out, a fresh
// one and one of ours are not.
func TestConflicts(t *testing.T) {
	lines := []string{"virtual_alias_maps = socketmap:unix:private/vmapd:aliases", "virtual_transport = lmtp:unix:private/dovecot-lmtp", "mydestination = $myhostname", "recipient_delimiter = +"}
	for name, c := range map[string]struct {
		main map[string]string
		want []string
	}{
		"fresh":        {map[string]string{"mydestination": "$myhostname, example.org", "recipient_delimiter": "-"}, nil},
		"ours":         {map[string]string{"virtual_alias_maps": "socketmap:unix:vmapd/maps:aliases", "virtual_transport": "lmtp:unix:private/dovecot-lmtp"}, nil},
		"others' maps": {map[string]string{"virtual_alias_maps": "proxy:pgsql:/etc/postfix/sql-aliases.cf"}, []string{"virtual_alias_maps = proxy:pgsql:/etc/postfix/sql-aliases.cf"}},
		"others' way":  {map[string]string{"virtual_transport": "maildrop:"}, []string{"virtual_transport = maildrop:"}},
	} {
		if diff := cmp.Diff(c.want, Conflicts(c.main, lines)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRoot(t *testing.T) {
	for home, want := range map[string]string{"/srv/vmail/%d/%n": "/srv/vmail", "/mail/x-%u": "/mail", "/%d/%n": "", "%h": "", "/srv/mail/all": "/srv/mail"} {
		if got := Root(home); got != want {
			t.Errorf("%s: %q, want %q", home, got, want)
		}
	}
}
