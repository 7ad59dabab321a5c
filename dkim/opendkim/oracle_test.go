package opendkim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/internal/peers"
)

// TestAsOpenDKIM has the real OpenDKIM sign mail of many authors, and compares
// with what Plan.For says.
func TestAsOpenDKIM(t *testing.T) {
	peers.Program(t, "opendkim", "opendkim")
	authors := []string{
		"a@example.com", "Boss@Example.COM", "a@sub.example.com", "boss@sub.example.com", "a@deep.sub.example.com", "a@example.org", "a@own.example", "a+b@example.net", "a@examplexcom",
	}
	const keys = "main example.com:main:KEY\nsub example.com:sub:KEY\nboss example.com:boss:KEY\nany %:any:KEY\nexample.org example.org:named:KEY\nmain example.com:second:KEY\n"
	for name, c := range map[string]struct{ kind, signing, more string }{
		"refile":          {"refile", "boss@example.com boss\n*@example.com main\n(x|a)@sub.* any\n*@*.example.com sub\n*@example.org %\na+b@example.net any # comment\n*@own.example any:x@%\n", ""},
		"refile multiple": {"refile", "boss@example.com boss\n*@example.com main\n*@*.example.com sub\n*@sub.* any\n", "MultipleSignatures yes\n"},
		"file":            {"file", "boss@example.com boss\nEXAMPLE.com main\n.example.com sub\nboss@.example.com boss\nown.example any:x@%\nexample.com boss\nexample.org %\na@* any\n", "SubDomains yes\n"},
		"file multiple":   {"file", "boss@example.com boss\nexample.com main\n.example.com sub\nboss@* any\n* any\n", "MultipleSignatures yes\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			key := dir + "/key.pem"
			write(t, key, rsaKey(t))
			write(t, dir+"/keys", strings.ReplaceAll(keys, "KEY", key))
			write(t, dir+"/signing", c.signing)
			conf := dir + "/opendkim.conf"
			write(t, conf, fmt.Sprintf("Mode s\nSyslog no\nRequireSafeKeys no\nInternalHosts 127.0.0.1\nKeyTable file:%s/keys\nSigningTable %s:%s/signing\n%s", dir, c.kind, dir, c.more))
			p, err := Read(conf, Options{})
			if err != nil {
				t.Fatal(err)
			}
			signed := 0
			for i, author := range authors {
				mail := fmt.Sprintf("%s/mail%d", dir, i)
				write(t, mail, "From: "+author+"\r\nSubject: x\r\n\r\nbody\r\n")
				var ours []string
				for _, s := range p.For(author) {
					ours = append(ours, show(s.Domain, s.Selector, s.Identity))
				}
				theirs := sign(t, conf, mail)
				if got, want := strings.Join(ours, ", "), strings.Join(theirs, ", "); got != want {
					t.Errorf("%s: For says %q, OpenDKIM signs %q", author, got, want)
				}
				signed += len(theirs)
			}
			if signed == 0 {
				t.Error("OpenDKIM signed nothing")
			}
		})
	}
}

func rsaKey(t *testing.T) string {
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}))
}

func write(t *testing.T, path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func show(domain, selector, identity string) string {
	if identity != "" {
		identity = " i=" + identity
	}
	return "d=" + domain + " s=" + selector + identity
}

var tag = regexp.MustCompile(`(?s)\b([dsi])=([^;]*);`)

// sign has OpenDKIM sign a message and returns what its fields say, the one it
// made first at the front.
func sign(t *testing.T, conf, mail string) []string {
	// Its status is not 0 either when it signs nothing.
	out, err := exec.Command("opendkim", "-x", conf, "-t", mail, "-vv").CombinedOutput()
	if !strings.Contains(string(out), "mlfi_eoh() returned") || strings.Contains(string(out), "TEMPFAIL") {
		t.Fatalf("opendkim: %v\n%s", err, out)
	}
	var fields []string
	for _, f := range strings.Split(string(out), "### INSHEADER:")[1:] {
		tags := map[string]string{}
		for _, m := range tag.FindAllStringSubmatch(f, -1) {
			if _, ok := tags[m[1]]; !ok {
				tags[m[1]] = strings.TrimSpace(m[2])
			}
		}
		fields = append(fields, show(tags["d"], tags["s"], tags["i"]))
	}
	return fields
}
