package dnscheck

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/internal/resolve"
)

// Record is a DKIM key record (RFC 6376 3.6.1).
type Record struct {
	Type     string           // k=: "rsa", "ed25519" or what else it says
	Key      crypto.PublicKey // p=: *rsa.PublicKey or ed25519.PublicKey; nil if revoked or of another type
	Revoked  bool             // p= is empty
	Blanks   bool             // there are blanks inside p=
	Hashes   []string         // h=; nil: all
	Services []string         // s=; nil: all
	Flags    []string         // t=
}

// Fault is why a record cannot be used: what is wrong and what to do.
type Fault struct {
	Code   Code
	Detail string
	Remedy string
}

// Error says what is wrong.
func (f *Fault) Error() string { return f.Detail }

const (
	remedyPublish = `publish the record exactly as "vmapd dkim dns" prints it`
	remedyQuotes  = `enter the record without quotes, or as one text if the panel splits it by itself ("vmapd dkim dns --format line")`
)

// ParseRecord reads the text of a TXT record, its strings joined. An error is a
// *Fault with the Code Syntax, SplitError or WrongType.
func ParseRecord(text string) (*Record, error) {
	tags, err := parseTags(text)
	if err != nil {
		return nil, err
	}
	if v, ok := tags["v"]; ok && v != "DKIM1" {
		return nil, &Fault{Syntax, fmt.Sprintf("v=%s is no DKIM record: it must begin with v=DKIM1", resolve.Clip(v)), remedyPublish}
	}
	r := &Record{Type: "rsa", Hashes: list(tags, "h"), Services: list(tags, "s"), Flags: list(tags, "t")}
	if k, ok := tags["k"]; ok && k != "" {
		r.Type = k
	}
	p, ok := tags["p"]
	if !ok {
		return nil, &Fault{Syntax, "there is no p= tag, which holds the key", remedyPublish}
	}
	joined := strings.Map(func(c rune) rune {
		if isFWS(c) {
			return -1
		}
		return c
	}, p)
	r.Blanks = joined != p
	if joined == "" {
		r.Revoked = true
		return r, nil
	}
	return r, r.parseKey(joined)
}

// parseTags splits a tag list (RFC 6376 3.2), and names the faults that
// hosting panels make of it.
func parseTags(text string) (map[string]string, error) {
	switch {
	case strings.ContainsAny(text, "\"“”"):
		return nil, &Fault{SplitError, "there are quotes inside the record: those that delimit its strings were entered as part of them", remedyQuotes}
	case strings.Contains(text, `\;`):
		return nil, &Fault{Syntax, `there is a backslash before ";": it was escaped once too often`, "enter the record without backslashes"}
	}
	tags := map[string]string{}
	for i, spec := range strings.Split(text, ";") {
		if strings.TrimFunc(spec, isFWS) == "" {
			continue
		}
		name, value, ok := strings.Cut(spec, "=")
		name = strings.TrimFunc(name, isFWS)
		if !ok || !isTagName(name) {
			return nil, &Fault{Syntax, fmt.Sprintf("%s is not tag=value", resolve.Clip(spec)), remedyPublish}
		}
		if _, dup := tags[name]; dup {
			return nil, &Fault{Syntax, fmt.Sprintf("the tag %s= is there twice: perhaps the record was entered twice", resolve.Clip(name)), remedyPublish}
		}
		if name == "v" && i > 0 {
			return nil, &Fault{Syntax, "v= is not the first tag", remedyPublish}
		}
		tags[name] = strings.TrimFunc(value, isFWS)
	}
	return tags, nil
}

// isFWS reports whether c may stand between the parts of a tag list.
func isFWS(c rune) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isTagName(s string) bool {
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !digit(c) && c != '_') {
			return false
		}
	}
	return s != ""
}

// list splits a value like "sha1:sha256"; nil if there is no such tag.
func list(tags map[string]string, name string) []string {
	value, ok := tags[name]
	if !ok {
		return nil
	}
	parts := strings.Split(value, ":")
	for i, p := range parts {
		parts[i] = strings.TrimFunc(p, isFWS)
	}
	return parts
}

// allows reports whether a list that may be missing holds one of names.
func allows(list []string, names ...string) bool {
	return list == nil || slices.ContainsFunc(names, func(n string) bool { return slices.Contains(list, n) })
}

func (r *Record) parseKey(p string) error {
	if strings.HasPrefix(p, "-----BEGIN") {
		return &Fault{Syntax, "p= holds the lines of a PEM file", "leave out the BEGIN and END lines, and join the others"}
	}
	der, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		return &Fault{Syntax, "p= is not base64: " + err.Error(), remedyPublish}
	}
	switch r.Type {
	case "rsa":
		return r.parseRSA(der)
	case "ed25519":
		return r.parseEd25519(der)
	}
	return nil
}

func (r *Record) parseRSA(der []byte) error {
	pub, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		if pub, err2 := x509.ParsePKCS1PublicKey(der); err2 == nil {
			r.Key = pub
			return nil
		}
		if len(der) == ed25519.PublicKeySize {
			return &Fault{WrongType, "p= holds an Ed25519 key, but without k=ed25519 it is read as RSA", remedyPublish}
		}
		return &Fault{Syntax, "p= holds no RSA key", remedyPublish}
	}
	key, ok := pub.(*rsa.PublicKey)
	if !ok {
		return &Fault{WrongType, "p= holds no RSA key, but the record says k=rsa", remedyPublish}
	}
	r.Key = key
	return nil
}

func (r *Record) parseEd25519(raw []byte) error {
	if len(raw) == ed25519.PublicKeySize {
		r.Key = ed25519.PublicKey(raw)
		return nil
	}
	if _, err := x509.ParsePKIXPublicKey(raw); err == nil {
		return &Fault{Syntax, "p= holds a SubjectPublicKeyInfo: of an Ed25519 key it must hold the 32 octets alone (RFC 8463)", remedyPublish}
	}
	return &Fault{Syntax, fmt.Sprintf("p= holds %d octets: an Ed25519 key has 32", len(raw)), remedyPublish}
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
