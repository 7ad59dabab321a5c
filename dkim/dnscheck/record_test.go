package dnscheck

import (
	"bytes"
	"crypto"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/emersion/go-msgauth/dkim"
)

const unsigned = "From: a@example.com\r\nSubject: x\r\n\r\nbody\r\n"

// signed is a message signed with a key, by another implementation.
func signed(t testing.TB, private crypto.Signer) string {
	var b bytes.Buffer
	err := dkim.Sign(&b, strings.NewReader(unsigned), &dkim.SignOptions{Domain: "example.com", Selector: "s1", Signer: private, HeaderKeys: []string{"From"}})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// verifies reports whether another implementation verifies the message, given
// the text of the record.
func verifies(t testing.TB, message, text string) bool {
	v, err := dkim.VerifyWithOptions(strings.NewReader(message), &dkim.VerifyOptions{LookupTXT: func(string) ([]string, error) { return []string{text}, nil }})
	if err != nil && err != io.EOF || len(v) != 1 {
		t.Fatalf("%d verifications: %v", len(v), err)
	}
	return v[0].Err == nil
}

// FuzzRecord compares the judgement with what a verifier does with the record.
func FuzzRecord(f *testing.F) {
	rsaKey, edKey := rsaPrivate(), edPrivate
	rsaMessage, edMessage := signed(f, rsaKey), signed(f, edKey)
	rsaText, edText := record(&rsaKey.PublicKey), record(edPublic)
	for _, seed := range []string{
		"RSA", "ED", "v=DKIM1; k=rsa; p=RSA", "v=DKIM1; p=RSA; t=y:s", "p=RSA", "v=DKIM1;p= RSA ;", "v=DKIM1; h=sha1:sha256; s=email; p=RSA", "v=DKIM1; h=sha1; p=RSA", "v=DKIM1; s=x; p=RSA",
		"k=rsa; v=DKIM1; p=RSA", `"v=DKIM1; p=RSA"`, `v=DKIM1\; p=RSA`, "v=DKIM1; p=", "v=DKIM1;; p=RSA", "v=DKIM1; p=RSA; p=RSA", "v=DKIM1; k=ed25519; p=AAAA", "=;", "v=DKIM1;\tk =\trsa ;\r\n p=RSA", "v=DKIM1; k=; p=RSA", "v=DKIM2; p=RSA",
		"v=DKIM1; k=ed25519; p=EDKEY", "v=DKIM1; k=ed25519; p=RSA", "v=DKIM1; p=EDKEY", "v=DKIM1; h=; p=RSA", "v=DKIM1; s=; p=RSA", "v=DKIM1; s=*; p=RSA", "v=DKIM1; 1=2; p=RSA",
	} {
		f.Add(seed)
	}
	// The keys are not in the corpus: they are new each time.
	fill := strings.NewReplacer("RSA", rsaText[strings.Index(rsaText, "p=")+2:], "EDKEY", edText[strings.Index(edText, "p=")+2:], "ED", edText)
	f.Fuzz(func(t *testing.T, text string) {
		text = fill.Replace(text)
		for _, k := range []struct {
			own     crypto.PublicKey
			message string
		}{{&rsaKey.PublicKey, rsaMessage}, {edPublic, edMessage}} {
			v := judge([]string{text}, k.own)
			if v.Detail == "" || v.Code == "" || v.Code == Temp || (v.Code == OK) != (v.Remedy == "") {
				t.Fatalf("%q: %+v", text, v)
			}
			theirs := verifies(t, k.message, text)
			switch {
			case v.works == theirs:
			case v.works && strings.ContainsAny(text, "\t\r\n"):
				// go-msgauth takes out spaces alone of all the blanks of RFC 6376.
			case theirs && (stricter(v) || strings.ContainsFunc(text, oddSpace)):
			default:
				t.Fatalf("%q: %s works=%v %q, go-msgauth verifies=%v", text, v.Code, v.works, v.Detail, theirs)
			}
		}
	})
}

// stricter reports whether a record is refused that go-msgauth takes, and some
// other verifiers do not.
func stricter(v verdict) bool {
	return v.Code == Syntax && (strings.Contains(v.Detail, "not the first tag") || strings.Contains(v.Detail, "not tag=value") || strings.Contains(v.Detail, "backslash")) ||
		v.Code == SplitError && strings.Contains(v.Detail, "quotes")
}

// oddSpace finds what go-msgauth takes for a blank and RFC 6376 does not.
func oddSpace(c rune) bool { return unicode.IsSpace(c) && !isFWS(c) }
