package dnscheck

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/internal/resolve"
)

// Code says in one word what DNS holds for a key. The values are fixed: they
// are used in metrics and by programs.
type Code string

// What a check can find.
const (
	OK              Code = "ok"               // the key is published
	NXDomain        Code = "nxdomain"         // the name does not exist
	NoData          Code = "nodata"           // the name exists, without a TXT record
	Multiple        Code = "multiple"         // more than one TXT record: verifiers may take none
	Syntax          Code = "syntax"           // the record is no key record
	Revoked         Code = "revoked"          // p= is empty
	WrongType       Code = "wrong_type"       // a key of another algorithm
	Mismatch        Code = "mismatch"         // another key
	Weak            Code = "weak"             // the key, but it is shorter than 2048 bits
	Testing         Code = "testing"          // the key, with t=y
	HashExcluded    Code = "hash_excluded"    // h= leaves out sha256
	ServiceExcluded Code = "service_excluded" // s= leaves out email
	SplitError      Code = "split_error"      // quotes or blanks inside the key, or it is cut off
	Temp            Code = "temp"             // no definite answer
)

// verdict is what was made of the records at a name.
type verdict struct {
	Fault
	works  bool
	record string
}

func fault(c Code, remedy, format string, args ...any) verdict {
	return verdict{Fault: Fault{c, fmt.Sprintf(format, args...), remedy}}
}

// judge compares what is published with a key. The order is that of a
// verifier: what it would stumble over first is named.
func judge(records []string, own crypto.PublicKey) verdict {
	if len(records) > 1 {
		return judgeMany(records)
	}
	v := judgeOne(records[0], own)
	v.record = records[0]
	return v
}

func judgeMany(records []string) verdict {
	keys := 0
	for _, r := range records {
		if _, err := ParseRecord(r); err == nil {
			keys++
		}
	}
	v := fault(Multiple, "leave one record and remove the others", "there are %d TXT records, of which %d are keys: verifiers may take any of them, or none", len(records), keys)
	v.record = strings.Join(slices.Sorted(slices.Values(records)), "\n") // servers rotate them
	return v
}

func judgeOne(text string, own crypto.PublicKey) verdict {
	if v, ok := judgeCut(text, own); ok {
		return v
	}
	r, err := ParseRecord(text)
	var f *Fault
	if errors.As(err, &f) {
		return verdict{Fault: *f}
	}
	switch kind := keyType(own); {
	case r.Revoked:
		return fault(Revoked, "publish the key again, or sign with another one", "p= is empty: the key is revoked")
	case r.Type != kind:
		return fault(WrongType, remedyPublish, "the record is for %s, the key that signs is %s", resolve.Clip(r.Type), kind)
	case !allows(r.Hashes, "sha256"):
		return fault(HashExcluded, "remove the tag h=", "h=%s does not allow sha256, the only hash that is used", strings.Join(r.Hashes, ":"))
	case !allows(r.Services, "*", "email"):
		return fault(ServiceExcluded, "remove the tag s=", "s=%s does not allow email", strings.Join(r.Services, ":"))
	case !equal(r.Key, own):
		return fault(Mismatch, remedyPublish+", or sign with the key that is published", "another key is published: %s; the key that signs is %s", dkim.Fingerprint(r.Key), dkim.Fingerprint(own))
	}
	return judgeGood(r)
}

// judgeGood tells what is doubtful about a record that holds the right key.
func judgeGood(r *Record) verdict {
	v := verdict{works: true, Fault: Fault{Code: OK, Detail: "the key is published"}}
	rsaKey, _ := r.Key.(*rsa.PublicKey)
	switch {
	case rsaKey != nil && rsaKey.N.BitLen() < 1024:
		v = fault(Weak, "make a key of 2048 bits (vmapd dkim rotate)", "the key is published, but of its %d bits verifiers want 1024 at least (RFC 8301)", rsaKey.N.BitLen())
	case r.Blanks:
		v.Fault = Fault{SplitError, "there are blanks inside p=: verifiers should skip them, and some do not", remedyQuotes}
	case slices.Contains(r.Flags, "y"):
		v.Fault = Fault{Testing, "the key is published with t=y: verifiers may treat signed mail as unsigned", "remove t=y once all works"}
	case rsaKey != nil && rsaKey.N.BitLen() < 2048:
		v.Fault = Fault{Weak, fmt.Sprintf("the key is published; it has %d bits, 2048 are recommended (RFC 8301)", rsaKey.N.BitLen()), "make a key of 2048 bits (vmapd dkim rotate)"}
	}
	return v
}

// judgeCut finds a record that ends in the middle of our own key: panels cut
// off what goes beyond the 255 octets that one string can hold.
func judgeCut(text string, own crypto.PublicKey) (verdict, bool) {
	_, p, ok := strings.Cut(text, "p=")
	if !ok || p == "" || strings.Contains(p, ";") {
		return verdict{}, false
	}
	for _, full := range encodings(own) {
		if len(p) < len(full) && strings.HasPrefix(full, p) {
			return fault(SplitError, `enter the record as several strings of at most 255 octets ("vmapd dkim dns --format zone")`,
				"the record is cut off after %d octets: %d of the key's %d characters are there", len(text), len(p), len(full)), true
		}
	}
	return verdict{}, false
}

// encodings returns what p= may hold for a key.
func encodings(pub crypto.PublicKey) []string {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return []string{dkim.PublicBase64(k), base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(k))}
	case ed25519.PublicKey:
		return []string{dkim.PublicBase64(k)}
	}
	return nil
}

// keyType returns the k= of a key.
func keyType(pub crypto.PublicKey) string {
	switch pub.(type) {
	case *rsa.PublicKey:
		return "rsa"
	case ed25519.PublicKey:
		return "ed25519"
	}
	return fmt.Sprintf("%T", pub)
}

func equal(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
