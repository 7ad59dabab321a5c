package rows

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vmapd/vmapd/store"
)

// CheckBytes says what keeps a text from ever being served.
func CheckBytes(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("is not valid UTF-8")
	}
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029':
			return errors.New("contains a line break")
		case r == 0:
			return errors.New("contains a NUL byte")
		case unicode.IsControl(r):
			return errors.New("contains a control character")
		}
	}
	return nil
}

// CheckText is CheckBytes with a limit in characters.
func CheckText(s string, limit int) error {
	if err := CheckBytes(s); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(s); limit > 0 && n > limit {
		return fmt.Errorf("has %d characters, %d is the most", n, limit)
	}
	return nil
}

// CheckDomain says why a folded name is no domain name.
func CheckDomain(name string) error {
	if len(name) > 253 {
		return errors.New("is longer than 253 bytes")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return errors.New("is not a domain name")
		}
		for _, r := range label {
			if r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
				return errors.New("is not a domain name")
			}
		}
	}
	return nil
}

// SplitAddress splits a mail address at its last "@" and folds the domain. An
// empty local part is for the caller to judge.
func SplitAddress(s string) (local, domain string, err error) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", "", errors.New("has no \"@\"")
	}
	local, domain = s[:at], store.Fold(s[at+1:])
	if err := CheckDomain(domain); err != nil {
		return "", "", fmt.Errorf("%q %w", domain, err)
	}
	for _, r := range local {
		if unicode.IsSpace(r) || strings.ContainsRune("()<>[]:;\\,\"", r) {
			return "", "", fmt.Errorf("%q cannot stand before the \"@\"", r)
		}
	}
	return local, domain, nil
}

// CheckHost says why a text cannot be the host of a transport.
func CheckHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if strings.ContainsAny(host, "[]:") {
		return errors.New("must be a name or an IP address, without brackets and port")
	}
	return CheckDomain(host)
}

// WithoutExtension turns user+extension@domain into user@domain. Modoboa knows
// no delimiter but "+" (modoboa/lib/email_utils.py, split_mailbox).
func WithoutExtension(address string) (string, bool) {
	at := strings.LastIndexByte(address, '@')
	plus := strings.IndexByte(address, '+')
	if at < 0 || plus < 1 || plus > at {
		return "", false
	}
	return address[:plus] + address[at:], true
}

// Shown cuts what is quoted from a file into an error to a sensible length.
func Shown(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}
