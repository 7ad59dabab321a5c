package dkim

import (
	"bytes"
	"crypto"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
)

// privates are made once: an RSA key takes its time.
var privates = sync.OnceValue(func() (list [2]crypto.Signer) {
	for i, a := range []Algorithm{RSASHA256, Ed25519SHA256} {
		key, err := Generate(a, 0)
		if err != nil {
			panic(err)
		}
		list[i] = key
	}
	return list
})

// testKeys returns an RSA key named r and an Ed25519 key named e.
func testKeys(t testing.TB, domain string) []*Key {
	t.Helper()
	var keys []*Key
	for i, private := range privates() {
		k, err := NewKey(domain, []string{"r", "e"}[i], private)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys
}

// records are what DNS would say of testKeys.
func records(keys []*Key) map[string]string {
	zone := map[string]string{}
	for _, k := range keys {
		zone[k.Selector+"._domainkey."+k.Domain] = Record(k.Public())
	}
	return zone
}

// mail is a message as a milter gets it.
type mail struct {
	fields [][2]string // name and value with what follows the colon, folds with LF
	body   []byte
}

// parseMail takes a message apart as Postfix does (postfix
// src/cleanup/cleanup_message.c): blanks before the colon vanish.
func parseMail(raw []byte) (m mail) {
	var value strings.Builder
	end := func() {
		if n := len(m.fields); n > 0 {
			m.fields[n-1][1] = value.String()
		}
		value.Reset()
	}
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte("\n"))
		raw = rest
		text := strings.TrimSuffix(string(line), "\r")
		if text == "" {
			break
		}
		if len(m.fields) > 0 && (text[0] == ' ' || text[0] == '\t') {
			value.WriteString("\n" + text)
			continue
		}
		end()
		name, after, _ := strings.Cut(text, ":")
		m.fields = append(m.fields, [2]string{strings.TrimRight(name, " \t"), ""})
		value.WriteString(after)
	}
	end()
	m.body = raw
	return m
}

// feed gives a message the header and, unless it has no author, the body.
func (m mail) feed(msg *Message, o *Options, keysOf func(domain string) []*Key, size int) (domain string, why Reason) {
	msg.Reset(o)
	for _, f := range m.fields {
		msg.Field(f[0], f[1], true)
	}
	domain, why = msg.Author()
	if why != "" {
		return "", why
	}
	msg.StartBody(keysOf(domain))
	for p := range chunks(m.body, size) {
		msg.Body(p)
	}
	return domain, ""
}

// bytes returns the message as it leaves the MTA, with signatures inserted at
// the top one after the other.
func (m mail) bytes(signatures []string) []byte {
	var head []byte
	for _, s := range signatures {
		head = append([]byte("DKIM-Signature:"+strings.ReplaceAll(s, "\n", "\r\n")+"\r\n"), head...)
	}
	for _, f := range m.fields {
		head = append(head, f[0]+":"+strings.ReplaceAll(f[1], "\n", "\r\n")+"\r\n"...)
	}
	return append(append(head, "\r\n"...), m.body...)
}

// verify checks the first n signatures with go-msgauth, and returns their d=.
func verify(t testing.TB, message []byte, zone map[string]string, n int) (domains []string) {
	t.Helper()
	list, err := msgauth.VerifyWithOptions(bytes.NewReader(message), &msgauth.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) {
			if record, ok := zone[name]; ok {
				return []string{record}, nil
			}
			return nil, errors.New("no such record")
		},
	})
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if len(list) < n {
		t.Fatalf("%d signatures, want %d", len(list), n)
	}
	for _, v := range list[:n] {
		if v.Err != nil {
			t.Errorf("go-msgauth: %v\n%s", v.Err, cut(message))
		}
		domains = append(domains, v.Domain)
	}
	return domains
}

func cut(text []byte) []byte { return text[:min(len(text), 3000)] }

// checkLayout looks at what a signature must look like on the milter's wire.
func checkLayout(t testing.TB, value string, longest int) {
	t.Helper()
	if !strings.HasPrefix(value, " v=1; a=") {
		t.Errorf("begins with %.20q", value)
	}
	if strings.Contains(value, "\r") {
		t.Errorf("has a CR: %q", value)
	}
	for i, line := range strings.Split("DKIM-Signature:"+value, "\n") {
		if len(line) > longest {
			t.Errorf("a line of %d octets: %q", len(line), line)
		}
		if i > 0 && (len(line) < 2 || line[0] != '\t' || line[1] == ' ' || line[1] == '\t') {
			t.Errorf("not folded by LF and a tab: %q", line)
		}
		if strings.TrimRight(line, " \t") != line {
			t.Errorf("ends with a blank: %q", line)
		}
	}
	last := value[strings.LastIndex(value, ";")+1:]
	if !strings.HasPrefix(last, "\n\tb=") {
		t.Errorf("b= is not the last: %q", last)
	}
	for _, tag := range []string{"l", "q", "z", "i"} {
		if strings.Contains(value, " "+tag+"=") || strings.Contains(value, "\t"+tag+"=") {
			t.Errorf("has %s=: %q", tag, value)
		}
	}
}

// tag returns a tag's value without white space.
func tag(value, name string) string {
	for t := range strings.SplitSeq(value, ";") {
		n, v, _ := strings.Cut(t, "=")
		if strings.TrimSpace(n) == name {
			return strings.Map(dropBlank, v)
		}
	}
	return ""
}

// clock is a time that does not go on.
func clock() time.Time { return time.Unix(1780000000, 0) }
