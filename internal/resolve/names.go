package resolve

import (
	"fmt"
	"strings"
)

// CheckName refuses names that DNS cannot hold, or that would need escaping.
func CheckName(name string) error {
	if len(name) > 253 {
		return fmt.Errorf("the name %s has %d octets: DNS allows 253", Clip(name), len(name))
	}
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
			return fmt.Errorf("the name %s has an empty part", Clip(name))
		case len(label) > 63:
			return fmt.Errorf("the part %s has %d octets: DNS allows 63", Clip(label), len(label))
		}
		for _, b := range []byte(label) {
			if !digit(b) && (b|0x20 < 'a' || b|0x20 > 'z') && b != '-' && b != '_' {
				return fmt.Errorf("the name %s holds %q, which cannot be published", Clip(name), rune(b))
			}
		}
	}
	return nil
}

// maxShown is how much of a record is shown: 4096-bit keys take some 750 octets.
const maxShown = 4096

// Printable makes a record that may hold anything safe for terminals and logs.
func Printable(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case b.Len() >= maxShown:
			return b.String() + "..."
		case c == '\n' || c >= ' ' && c < 0x7f:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\%03d`, c)
		}
	}
	return b.String()
}

// Clip quotes a piece of a record, which may hold anything, for a message.
func Clip(s string) string {
	if len(s) > 40 {
		s = s[:40] + "..."
	}
	return fmt.Sprintf("%q", s)
}

// Reserved reports whether a domain is below a name that DNS does not hold (RFC
// 2606 2): example, invalid, localhost and test.
func Reserved(domain string) bool {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	switch domain[strings.LastIndexByte(domain, '.')+1:] {
	case "example", "invalid", "localhost", "test":
		return true
	}
	return false
}
