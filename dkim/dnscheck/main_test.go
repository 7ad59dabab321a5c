package dnscheck

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/internal/resolve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys of the tests. Those of odd lengths are public keys alone.
var (
	rsaPrivate = sync.OnceValue(func() *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return k
	})
	edPrivate = ed25519.NewKeyFromSeed([]byte(strings.Repeat("seed", 8)))
	edPublic  = edPrivate.Public()
)

func rsaPublic() crypto.PublicKey { return &rsaPrivate().PublicKey }

func publicOf(bits int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(12345)), E: 65537}
}

func spki(pub crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func record(pub crypto.PublicKey) string {
	if ed, ok := pub.(ed25519.PublicKey); ok {
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(ed)
	}
	return "v=DKIM1; k=rsa; p=" + spki(pub)
}

// newChecker asks the given servers. Its time limits are generous: tests that
// want silence set their own.
func newChecker(t testing.TB, servers ...string) *Checker {
	t.Helper()
	return withOptions(t, resolve.Options{Servers: servers, Try: time.Minute, Timeout: 5 * time.Minute})
}

func withOptions(t testing.TB, o resolve.Options) *Checker {
	t.Helper()
	c, err := resolve.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return New(c)
}
