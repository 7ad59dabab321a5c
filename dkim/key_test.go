package dkim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
)

func TestPrivateKeysRoundTrip(t *testing.T) {
	for _, private := range privates() {
		text, err := MarshalPrivate(private)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		forms := map[string][]byte{
			"PEM": text, "DER": block.Bytes, "PEM after other text": append([]byte("# a key\n"), text...),
			"PEM with CRLF": []byte(strings.ReplaceAll(string(text), "\n", "\r\n")),
		}
		if r, ok := private.(*rsa.PrivateKey); ok {
			forms["PKCS#1 DER"] = x509.MarshalPKCS1PrivateKey(r)
			forms["PKCS#1"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: forms["PKCS#1 DER"]})
		}
		for name, form := range forms {
			back, err := ParsePrivate(form)
			if err != nil {
				t.Errorf("%T as %s: %v", private, name, err)
				continue
			}
			if Fingerprint(back.Public()) != Fingerprint(private.Public()) {
				t.Errorf("%T as %s: another key", private, name)
			}
		}
	}
}

func TestParsePrivateErrors(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	good, err := MarshalPrivate(privates()[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":     {"", "neither PKCS#8 nor PKCS#1"},
		"text":      {"SECRETSECRET", "neither PKCS#8 nor PKCS#1"},
		"ECDSA":     {string(der), "use RSA or Ed25519"},
		"cut":       {string(good[:len(good)/2]), "no whole PEM block"},
		"encrypted": {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nU0VDUkVU\n-----END ENCRYPTED PRIVATE KEY-----\n", "without a passphrase"},
		"old encrypted": {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,00\n\nU0VDUkVU\n" +
			"-----END RSA PRIVATE KEY-----\n", "without a passphrase"},
		"public":  {"-----BEGIN PUBLIC KEY-----\nU0VDUkVU\n-----END PUBLIC KEY-----\n", "no whole PEM block"},
		"garbage": {"-----BEGIN PRIVATE KEY-----\nU0VDUkVUU0VDUkVU\n-----END PRIVATE KEY-----\n", "damaged"},
	} {
		_, err := ParsePrivate([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "U0VD")) {
			t.Errorf("%s: quotes the key: %v", name, err)
		}
	}
}

func TestNewKey(t *testing.T) {
	private := privates()[1]
	k, err := NewKey("B\u00fccher.EXAMPLE.", "v202602e", private)
	if err != nil {
		t.Fatal(err)
	}
	if k.Domain != "xn--bcher-kva.example" || k.Selector != "v202602e" || k.Algorithm != Ed25519SHA256 || k.Bits != 256 {
		t.Errorf("%+v", k)
	}
	for _, c := range [][2]string{
		{"", "s"},
		{"a..b", "s"},
		{"a b", "s"},
		{"example.org", ""},
		{"example.org", "a;b"},
		{"example.org", "a b"},
		{"example.org", "a..b"},
		{"example.org", strings.Repeat("s", 64)},
		{strings.Repeat("a.", 120) + "example", "selector"},
	} {
		if _, err := NewKey(c[0], c[1], private); err == nil {
			t.Errorf("domain %q, selector %q: no error", c[0], c[1])
		}
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewKey("example.org", "s", ec); err == nil {
		t.Error("an ECDSA key: no error")
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := NewKey("example.org", "s", small); err != nil || k.Bits != 1024 {
		t.Errorf("RSA 1024, which others made: %v", err)
	}
}

// sized is a key that only has a size.
type sized struct {
	crypto.Signer
	public rsa.PublicKey
}

func (s *sized) Public() crypto.PublicKey { return &s.public }

func TestNewKeySizes(t *testing.T) {
	for bits, want := range map[int]bool{512: false, 1023: false, 1024: true, 4096: true, 8192: true, 16384: false} {
		s := &sized{public: rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), uint(bits-1)), E: 65537}}
		if _, err := NewKey("example.org", "s", s); (err == nil) != want {
			t.Errorf("RSA %d: %v", bits, err)
		}
	}
}

func TestGenerate(t *testing.T) {
	for _, bits := range []int{1, 1024, 2047, 4097, 1 << 20} {
		if _, err := Generate(RSASHA256, bits); err == nil {
			t.Errorf("RSA %d: no error", bits)
		}
	}
	private := privates()[0].(*rsa.PrivateKey)
	if private.N.BitLen() != DefaultRSA {
		t.Errorf("%d bits without being asked", private.N.BitLen())
	}
}

func TestRecord(t *testing.T) {
	r, e := privates()[0].Public(), privates()[1].Public()
	p := strings.TrimPrefix(Record(r), "v=DKIM1; k=rsa; p=")
	der, err := base64.StdEncoding.DecodeString(p)
	if err != nil || p != PublicBase64(r) {
		t.Fatalf("%s: %v", Record(r), err)
	}
	if public, err := x509.ParsePKIXPublicKey(der); err != nil || !r.(*rsa.PublicKey).Equal(public) {
		t.Errorf("p= of RSA is no SubjectPublicKeyInfo: %v", err)
	}
	if want := "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(e.(ed25519.PublicKey)); Record(e) != want {
		t.Errorf("%s, want %s", Record(e), want)
	}
	if PublicBase64("no key") != "" {
		t.Error("p= of no key")
	}
	if a, b := Fingerprint(r), Fingerprint(e); len(a) != 16 || a == b {
		t.Errorf("fingerprints %q, %q", a, b)
	}
}

func TestNames(t *testing.T) {
	for _, a := range []Algorithm{RSASHA256, Ed25519SHA256} {
		for _, name := range []string{a.String(), a.Tag(), strings.ToUpper(a.Tag())} {
			if got, err := ParseAlgorithm(name); err != nil || got != a {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
	}
	for _, h := range []Headers{Compat, Balanced, Strict} {
		if got, err := ParseHeaders(h.String()); err != nil || got != h {
			t.Errorf("%s: %v, %v", h, got, err)
		}
	}
	for _, c := range []Canon{Relaxed, Simple} {
		if got, err := ParseCanon(c.String()); err != nil || got != c {
			t.Errorf("%s: %v, %v", c, got, err)
		}
	}
	_, algorithm := ParseAlgorithm("dsa")
	_, headers := ParseHeaders("all")
	_, canon := ParseCanon("nofws")
	if algorithm == nil || headers == nil || canon == nil {
		t.Errorf("no error for unknown names: %v, %v, %v", algorithm, headers, canon)
	}
}

func TestCheckSelector(t *testing.T) {
	for _, tc := range []struct {
		selector, domain string
		good             bool
	}{
		{"v202611r", "Example.TEST", true},
		{"a.b_c", "bücher.test", true},
		{"two words", "example.test", false},
		{"", "example.test", false},
		{"-a", "example.test", false},
		{"a", "no domain", false},
	} {
		if err := CheckSelector(tc.selector, tc.domain); (err == nil) != tc.good {
			t.Errorf("%q of %q: %v", tc.selector, tc.domain, err)
		}
	}
}
