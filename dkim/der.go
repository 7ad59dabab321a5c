package dkim

import (
	"encoding/asn1"
	"errors"
	"strings"
)

// PrivateDER returns the DER within what ParsePrivate reads, for those who keep
// many keys: it is smaller, and they are parsed when they are needed. Whether
// the key is a good one, ParsePrivate says.
func PrivateDER(pemOrDER []byte) ([]byte, error) {
	der := pemOrDER
	if strings.Contains(string(pemOrDER), "-----BEGIN") {
		block, err := privateBlock(pemOrDER)
		if err != nil {
			return nil, err
		}
		der = block
	}
	var whole asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &whole); err != nil || len(rest) > 0 {
		return nil, errors.New("no private key: neither PKCS#8 nor PKCS#1, or damaged")
	}
	return der, nil
}
