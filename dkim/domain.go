package dkim

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxDomain and maxLabel are the lengths that DNS allows, in octets.
const (
	maxDomain = 253
	maxLabel  = 63
)

// FoldDomain returns the one spelling of a domain that keys and signatures
// use: small letters, A-labels (RFC 8616), no trailing dot.
func FoldDomain(domain string) (string, error) {
	folded, ok := foldDomain(domain)
	if !ok {
		return "", fmt.Errorf("%q is no domain", domain)
	}
	return folded, nil
}

// foldDomain leaves names that are ASCII already to themselves: those with
// hyphens in odd places are in use, though IDNA knows no such A-label.
func foldDomain(domain string) (string, bool) {
	ascii := isASCII(domain)
	if !ascii {
		if !utf8.ValidString(domain) || len(domain) > 4*maxDomain {
			return "", false
		}
		a, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return "", false
		}
		domain = a
	}
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if len(domain) > maxDomain || !isName(domain, false) {
		return "", false
	}
	return domain, true
}

func isASCII[S ~string | ~[]byte](s S) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isName says whether s is made of labels of letters, digits and inner hyphens.
func isName(s string, underscore bool) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			c := label[i]
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_' && underscore:
			default:
				return false
			}
		}
	}
	return true
}
