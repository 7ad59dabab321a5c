package dkim

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// specimen is a message of a corpus, and the domain or the reason that is
// expected of it.
type specimen struct {
	name, want string
	raw        []byte
}

// corpora are testdata/messages and, if VMAPD_FIXTURES names a folder with
// dkim-corpus/{manifest.tsv,msg}, that one.
func corpora(t *testing.T) (list []specimen) {
	list = readCorpus(t, "testdata/messages", "testdata/messages", 1)
	if len(list) < 35 {
		t.Fatalf("only %d messages", len(list))
	}
	if dir := os.Getenv("VMAPD_FIXTURES"); dir != "" {
		dir = filepath.Join(dir, "dkim-corpus")
		list = append(list, readCorpus(t, dir, filepath.Join(dir, "msg"), 2)...)
	}
	return list
}

// whyUnsigned has the reasons that the manifest of dkim-corpus does not name.
var whyUnsigned = map[string]Reason{
	"50-from-two-mailboxes":  ManyAuthors,
	"51-from-two-fields":     ManyFrom,
	"52-from-missing":        NoFrom,
	"53-from-empty":          Malformed,
	"54-from-malformed":      Malformed,
	"55-from-group-empty":    Malformed,
	"56-from-domain-literal": Malformed,
}

// foreign are the messages that dkim-corpus expects to go unsigned for want of
// a key: here, their domains.
var foreign = map[string]string{
	"61-from-foreign":   "example.com",
	"64-resent-block":   "example.com",
	"66-list-foreign":   "example.com",
	"63-sender-differs": "example.org",
}

func readCorpus(t *testing.T, dir, messages string, column int) (list []specimen) {
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(manifest)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(f) <= column {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(messages, f[0]+".eml"))
		if err != nil {
			t.Fatal(err)
		}
		want := f[column]
		if why, ok := whyUnsigned[f[0]]; ok {
			want = string(why)
		} else if domain, ok := foreign[f[0]]; ok {
			want = domain
		}
		list = append(list, specimen{f[0], want, raw})
	}
	return list
}

// Messages that one of the others reads otherwise: go-msgauth drops a CR at
// the end of a body, and a blank before a CR; dkimpy keeps a blank at the end.
var (
	otherForMsgauth = []string{"12-body", "13-body"}
	otherForDkimpy  = []string{"09-body"}
)

func isOf(prefixes []string, name string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// TestCorpus signs every message of the corpora in all canonical forms and has
// two others verify the signatures: go-msgauth and dkimpy.
func TestCorpus(t *testing.T) {
	peer := startDkimpy(t)
	var m Message
	for _, s := range corpora(t) {
		t.Run(s.name, func(t *testing.T) {
			mail := parseMail(s.raw)
			for c := range 4 {
				o := Options{HeaderCanon: Canon(c & 1), BodyCanon: Canon(c >> 1), Headers: Headers(c % 3), Now: clock}
				message, zone := signSpecimen(t, &m, s, mail, &o)
				if message == nil {
					continue
				}
				if !isOf(otherForMsgauth, s.name) {
					verify(t, message, zone, 2)
				}
				if peer != nil && !isOf(otherForDkimpy, s.name) {
					peer.verify(t, s.name, message, zone)
				}
			}
		})
	}
}

// signSpecimen signs a message, in small pieces and in large ones, and returns
// it with the records of the keys; nil if it has no author, as it should.
func signSpecimen(t *testing.T, m *Message, s specimen, mail mail, o *Options) (message []byte, zone map[string]string) {
	var signatures []string
	for _, size := range []int{61, chunk} {
		domain, why := mail.feed(m, o, func(d string) []*Key { return testKeys(t, d) }, size)
		if domain+string(why) != s.want {
			t.Fatalf("author %q, reason %q, want %s", domain, why, s.want)
		}
		if why != "" {
			return nil, nil
		}
		values, err := m.Sign(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(values) != 2 || tag(values[1], "a") != "rsa-sha256" || tag(values[0], "a") != "ed25519-sha256" {
			t.Fatalf("signatures: %q", values)
		}
		if signatures != nil && !slices.Equal(values, signatures) {
			t.Errorf("pieces of %d octets make another signature", size)
		}
		signatures = values
		zone = records(testKeys(t, domain))
	}
	for _, v := range signatures {
		checkLayout(t, v, maxFold)
		if d := tag(v, "d"); d != s.want {
			t.Errorf("d=%s, want %s", d, s.want)
		}
	}
	return mail.bytes(signatures), zone
}

// dkimpy is testdata/verify.py, running.
type dkimpy struct {
	in  *json.Encoder
	out *bufio.Reader
}

// startDkimpy returns nil if Debian's python3-dkim is not installed, or fails
// if VMAPD_PEERS=required.
func startDkimpy(t *testing.T) *dkimpy {
	const python = "/usr/bin/python3" // the one that Debian's packages are for
	if out, err := exec.Command(python, "-c", "import dkim, nacl").CombinedOutput(); err != nil {
		if os.Getenv("VMAPD_PEERS") == "required" {
			t.Fatalf("VMAPD_PEERS=required: install python3-dkim: %v: %s", err, out)
		}
		t.Log("without dkimpy: install python3-dkim")
		return nil
	}
	cmd := exec.Command(python, "testdata/verify.py")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("verify.py: %v: %s", err, &stderr)
		}
	})
	return &dkimpy{json.NewEncoder(stdin), bufio.NewReader(stdout)}
}

func (p *dkimpy) verify(t *testing.T, name string, message []byte, zone map[string]string) {
	t.Helper()
	names := map[string]string{}
	for n, record := range zone {
		names[n+"."] = record
		names[n] = record
	}
	err := p.in.Encode(map[string]any{
		"name": name, "message": base64.StdEncoding.EncodeToString(message), "signatures": 2, "keys": names,
	})
	if err != nil {
		t.Fatal(err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Name    string
		Results []string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Name != name || !slices.Equal(answer.Results, []string{"pass", "pass"}) {
		t.Errorf("dkimpy on %s: %q\n%s", answer.Name, answer.Results, cut(message))
	}
}
