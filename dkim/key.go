package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Algorithm is how a key signs, the a= of a signature.
type Algorithm uint8

// The algorithms that RFC 8301 and RFC 8463 leave.
const (
	RSASHA256 Algorithm = iota
	Ed25519SHA256
)

// String returns the name as a= has it.
func (a Algorithm) String() string {
	if a == Ed25519SHA256 {
		return "ed25519-sha256"
	}
	return "rsa-sha256"
}

// Tag returns the name as k= of a key record has it, "rsa" or "ed25519".
func (a Algorithm) Tag() string {
	if a == Ed25519SHA256 {
		return "ed25519"
	}
	return "rsa"
}

// ParseAlgorithm reads a name as Tag or String write it.
func ParseAlgorithm(name string) (Algorithm, error) {
	for _, a := range []Algorithm{RSASHA256, Ed25519SHA256} {
		if strings.EqualFold(name, a.Tag()) || strings.EqualFold(name, a.String()) {
			return a, nil
		}
	}
	return 0, fmt.Errorf("no algorithm is called %q: there are rsa and ed25519", name)
}

// Sizes of RSA keys in bits. RFC 8301 forbids less than minRSA and wants
// DefaultRSA; no verifier need take more than maxMake, and beyond maxRSA a
// signature takes far too long.
const (
	DefaultRSA = 2048
	minRSA     = 1024
	minMake    = 2048
	maxMake    = 4096
	maxRSA     = 8192
)

// Key is a private key with the names it signs under. It does not change and
// may be used by many goroutines at once.
type Key struct {
	Domain    string // d=, as FoldDomain gives it
	Selector  string // s=
	Algorithm Algorithm
	Bits      int // of the modulus for RSA, else 256

	private crypto.Signer
}

// NewKey makes a Key of private, an RSA or Ed25519 key. The domain may be in
// any spelling. RSA keys of less than 1,024 or more than 8,192 bits are refused.
func NewKey(domain, selector string, private crypto.Signer) (*Key, error) {
	folded, err := FoldDomain(domain)
	if err != nil {
		return nil, err
	}
	if err := checkSelector(selector, folded); err != nil {
		return nil, err
	}
	a, bits, err := kind(private.Public())
	switch {
	case err != nil:
		return nil, err
	case a == RSASHA256 && bits < minRSA:
		return nil, fmt.Errorf("an RSA key of %d bits is too weak: no verifier accepts less than %d", bits, minRSA)
	case a == RSASHA256 && bits > maxRSA:
		return nil, fmt.Errorf("an RSA key of %d bits is too slow: use at most %d", bits, maxMake)
	}
	return &Key{Domain: folded, Selector: selector, Algorithm: a, Bits: bits, private: private}, nil
}

// Public returns the public half.
func (k *Key) Public() crypto.PublicKey { return k.private.Public() }

// sign signs a SHA-256 digest. Ed25519 signs the digest, not the text (RFC
// 8463, section 3).
func (k *Key) sign(digest []byte) ([]byte, error) {
	hash := crypto.SHA256
	if k.Algorithm == Ed25519SHA256 {
		hash = 0
	}
	signature, err := k.private.Sign(rand.Reader, digest, hash)
	if err != nil {
		return nil, fmt.Errorf("sign with %s._domainkey.%s: %w", k.Selector, k.Domain, err)
	}
	return signature, nil
}

// verify says whether signature fits a SHA-256 digest.
func (k *Key) verify(digest, signature []byte) bool {
	switch public := k.private.Public().(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest, signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(public, digest, signature)
	}
	return false
}

// CheckSelector says why a selector cannot stand in DNS below a domain, which
// may be in any spelling.
func CheckSelector(selector, domain string) error {
	folded, err := FoldDomain(domain)
	if err != nil {
		return err
	}
	return checkSelector(selector, folded)
}

// checkSelector wants sub-domains (RFC 6376, section 3.1) that make a name
// which DNS can hold. The underscore is in use, and DNS does not mind it.
func checkSelector(selector, domain string) error {
	if len(selector)+len("._domainkey.")+len(domain) > maxDomain {
		return fmt.Errorf("selector %q is too long: a name in DNS has at most %d octets", selector, maxDomain)
	}
	if !isName(selector, true) {
		return fmt.Errorf("selector %q: use letters, digits and hyphens", selector)
	}
	return nil
}

// kind tells the algorithm and size of a public key.
func kind(public crypto.PublicKey) (Algorithm, int, error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return RSASHA256, public.N.BitLen(), nil
	case ed25519.PublicKey:
		return Ed25519SHA256, 256, nil
	}
	return 0, 0, fmt.Errorf("a key of type %T does not sign mail: use RSA or Ed25519", public)
}

// ParsePrivate reads an RSA or Ed25519 key: PKCS#8 or PKCS#1, in PEM or plain
// DER. No error contains a byte of it.
func ParsePrivate(pemOrDER []byte) (crypto.Signer, error) {
	der, err := PrivateDER(pemOrDER)
	if err != nil {
		return nil, err
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	// The errors of package x509 are not passed on: they may quote.
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("no private key: neither PKCS#8 nor PKCS#1, or damaged")
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T does not sign mail: use RSA or Ed25519", parsed)
	}
	if _, _, err := kind(key.Public()); err != nil {
		return nil, err
	}
	return key, nil
}

// privateBlock finds the first private key among PEM blocks.
func privateBlock(text []byte) ([]byte, error) {
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		switch {
		case block == nil:
			return nil, errors.New("no private key: no whole PEM block of one")
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return nil, errors.New("the private key is encrypted: store it without a passphrase")
		case block.Type == "PRIVATE KEY" || block.Type == "RSA PRIVATE KEY":
			return block.Bytes, nil
		}
	}
}

// MarshalPrivate writes a key as PKCS#8 in PEM, which OpenSSL and OpenDKIM read.
func MarshalPrivate(private crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("a key of type %T cannot be stored", private)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Generate makes a key. For RSA, bits is 2,048 to 4,096, or 0 for DefaultRSA;
// Ed25519 has but one size.
func Generate(a Algorithm, bits int) (crypto.Signer, error) {
	if a == Ed25519SHA256 {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	if bits == 0 {
		bits = DefaultRSA
	}
	if bits < minMake || bits > maxMake {
		return nil, fmt.Errorf("no RSA key of %d bits is made: ask for %d to %d", bits, minMake, maxMake)
	}
	return rsa.GenerateKey(rand.Reader, bits)
}

// PublicBase64 returns what p= of a key record holds: base64 of the
// SubjectPublicKeyInfo for RSA, of the bare 32 octets for Ed25519 (RFC 8463,
// section 4.2). It is empty for any other key.
func PublicBase64(public crypto.PublicKey) string {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return base64.StdEncoding.EncodeToString(spki(public))
	case ed25519.PublicKey:
		return base64.StdEncoding.EncodeToString(public)
	}
	return ""
}

// Record returns the text of the key record to publish at
// SELECTOR._domainkey.DOMAIN, in one piece.
func Record(public crypto.PublicKey) string {
	a, _, _ := kind(public)
	return "v=DKIM1; k=" + a.Tag() + "; p=" + PublicBase64(public)
}

// Fingerprint returns 16 hexadecimal digits that tell keys apart: the
// beginning of the SHA-256 of the SubjectPublicKeyInfo.
func Fingerprint(public crypto.PublicKey) string {
	sum := sha256.Sum256(spki(public))
	return hex.EncodeToString(sum[:8])
}

// spki returns the SubjectPublicKeyInfo, nil for a key that kind refuses.
func spki(public crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil
	}
	return der
}
