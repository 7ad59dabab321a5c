package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/internal/peers"
)

// checkToml has the program load a part of vmapd.toml, as strictly as a whole
// one.
func checkToml(t *testing.T, b block) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	write(t, secret, "secret\n")
	// What only an installed system has is left out.
	text := regexp.MustCompile(`(?m)^ *(group|passwd_file_group|ca_file) = .*$`).ReplaceAllString(b.text, "")
	text = regexp.MustCompile(`(?m)^( *(?:password_file|doveadm_key_file|webhook_secret_file)) = .*$`).ReplaceAllString(text, "$1 = \""+secret+"\"")
	text = strings.ReplaceAll(text, "/etc/postfix", dir)
	file := filepath.Join(dir, "vmapd.toml")
	write(t, file, text)
	if _, err := daemon.Load(file, []string{"state_dir=" + dir}); err != nil {
		t.Errorf("%v\n%s", err, b.text)
	}
}

// checkPostfix has postconf read lines for main.cf: it complains of parameters
// that nobody uses.
func checkPostfix(t *testing.T, b block) { postconf(t, b, b.text, "", "-n") }

// checkPostfixMaster has it read lines for master.cf.
func checkPostfixMaster(t *testing.T, b block) { postconf(t, b, "", b.text, "-M") }

func postconf(t *testing.T, b block, main, master, option string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.cf"), main)
	write(t, filepath.Join(dir, "master.cf"), master)
	out, err := exec.Command(peers.Program(t, "postconf", "postfix"), "-c", dir, option).CombinedOutput()
	if err != nil || strings.Contains(string(out), "warning") || strings.Contains(string(out), "fatal") || strings.TrimSpace(string(out)) == "" {
		t.Errorf("postconf: %v\n%s\n%s", err, out, b.text)
	}
}

// checkDovecot has Dovecot 2.3 read a part of dovecot.conf.
func checkDovecot(t *testing.T, b block) {
	file := filepath.Join(t.TempDir(), "dovecot.conf")
	write(t, file, b.text)
	if out, err := exec.Command(peers.Dovecot23(t, "doveconf"), "-n", "-c", file).CombinedOutput(); err != nil || strings.Contains(string(out), "Warning") {
		t.Errorf("doveconf: %v\n%s\n%s", err, out, b.text)
	}
}

// checkDovecot24 holds lines for Dovecot 2.4, which is not here, against its
// grammar.
func checkDovecot24(t *testing.T, b block) {
	for _, fault := range faults24(b.text) {
		t.Error(fault)
	}
}

// faults24 finds what is not of Dovecot 2.4: it has settings, blocks that end,
// passdb and userdb with a name, and none of the words that it has put away.
func faults24(text string) (faults []string) {
	var (
		setting = regexp.MustCompile(`^[a-z0-9_]+(/[a-z0-9_]+)? = \S.*$|^[a-z0-9_]+ =$`)
		opening = regexp.MustCompile(`^(passdb|userdb) [a-z][a-z0-9-]* \{$|^(service|protocol|plugin|inet_listener|unix_listener|dict|fs|quota|namespace|mailbox) [^{]+ \{$|^[a-z0-9_]+ \{$`)
		gone    = regexp.MustCompile(`^(args|override_fields|default_fields|mail_location|disable_plaintext_auth|ssl_cert|ssl_key) =|%[a-zA-Z]|^(passdb|userdb) \{`)
	)
	depth := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "!include"):
		case line == "}":
			depth--
		case gone.MatchString(line):
			faults = append(faults, line+": not of 2.4")
		case opening.MatchString(line):
			depth++
		case !setting.MatchString(line):
			faults = append(faults, line+": neither a setting nor a block")
		}
		if depth < 0 {
			faults, depth = append(faults, "a block ends that has not begun"), 0
		}
	}
	if depth != 0 {
		faults = append(faults, "a block does not end")
	}
	return faults
}

// TestDovecot24Grammar: it takes what "vmapd doveconf" prints, and not the
// language of 2.3.
func TestDovecot24Grammar(t *testing.T) {
	text, err := os.ReadFile("../../contrib/dovecot/2.4-server/dovecot.conf")
	if err != nil {
		t.Fatal(err)
	}
	checkDovecot24(t, block{text: string(text)})
	for _, wrong := range []string{
		"passdb {\n}\n", "passdb lua {\n", "}\n", "a setting\n", "passdb lua {\nargs = x\n}\n", "mail_path = /srv/%d/%n\n", "ssl_cert = </x\n", "service = imap {\n",
	} {
		if len(faults24(wrong)) == 0 {
			t.Errorf("nothing is wrong with %q", wrong)
		}
	}
}

// write writes a file that nobody else reads.
func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
