package record

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// checkDomainSpec checks a domain-spec (RFC 7208 7.1): macros and what DNS may
// hold, ending in a macro or a top label.
func checkDomainSpec(s string) error {
	if s == "" {
		return errors.New("the name of a domain is missing")
	}
	if err := checkMacros(s, false); err != nil {
		return err
	}
	if strings.HasSuffix(s, "}") || strings.HasSuffix(s, "%%") || strings.HasSuffix(s, "%_") || strings.HasSuffix(s, "%-") {
		if strings.HasSuffix(s, "}") {
			return nil
		}
		return fmt.Errorf("%s does not end like the name of a domain", quote(s))
	}
	name := strings.TrimSuffix(s, ".")
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || !topLabel(name[dot+1:]) {
		return fmt.Errorf("%s is not the name of a domain: it must end like .example or in a macro", quote(s))
	}
	return nil
}

// topLabel reports whether a label may be the last: letters, digits and hyphens
// within, not digits alone.
func topLabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	alpha := false
	for _, c := range []byte(s) {
		if !letter(c) && !digit(c) && c != '-' {
			return false
		}
		alpha = alpha || !digit(c)
	}
	return alpha
}

// macro is one "%{...}" in parts.
type macro struct {
	letter  byte // in lower case
	parts   int  // of the right, 0 = all
	reverse bool
	split   string // delimiters
}

// checkMacros checks a macro-string. c, r and t are allowed in explanations
// and unknown modifiers alone.
func checkMacros(s string, explanation bool) error {
	_, err := eachMacro(s, func(m macro) (string, error) {
		if !explanation && strings.IndexByte("crt", m.letter) >= 0 {
			return "", fmt.Errorf("the macro %%{%c} is for explanations alone", m.letter)
		}
		return "", nil
	})
	return err
}

// eachMacro expands a macro-string with what f gives for each macro.
func eachMacro(s string, f func(macro) (string, error)) (string, error) {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			if s[i] < '!' || s[i] > '~' {
				return "", errors.New("a name holds a blank, or what is not ASCII")
			}
			out.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", errors.New("a percent sign at the end begins no macro")
		}
		switch s[i] {
		case '%':
			out.WriteByte('%')
		case '_':
			out.WriteByte(' ')
		case '-':
			out.WriteString("%20")
		case '{':
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return "", errors.New("a macro has no closing brace")
			}
			m, err := parseMacro(s[i+1 : i+end])
			if err != nil {
				return "", err
			}
			text, err := f(m)
			if err != nil {
				return "", err
			}
			out.WriteString(text)
			i += end
		default:
			return "", fmt.Errorf("%s is no macro", quote(s[i-1:i+1]))
		}
	}
	return out.String(), nil
}

// parseMacro reads what is between the braces: a letter, a number, "r", and
// delimiters.
func parseMacro(s string) (macro, error) {
	bad := fmt.Errorf("%s is no macro", quote("%{"+s+"}"))
	if s == "" || strings.IndexByte("slodiphcrtv", s[0]|0x20) < 0 || !letter(s[0]) {
		return macro{}, bad
	}
	m := macro{letter: s[0] | 0x20, split: "."}
	rest := s[1:]
	digits := 0
	for digits < len(rest) && digit(rest[digits]) {
		digits++
	}
	if digits > 0 {
		n, ok := number(rest[:digits], 1<<20)
		if !ok || n == 0 {
			return macro{}, bad
		}
		m.parts, rest = n, rest[digits:]
	}
	if rest != "" && rest[0]|0x20 == 'r' {
		m.reverse, rest = true, rest[1:]
	}
	for _, c := range []byte(rest) {
		if strings.IndexByte(".-+,/_=", c) < 0 {
			return macro{}, bad
		}
	}
	if rest != "" {
		m.split = rest
	}
	return m, nil
}

// apply splits, reverses and cuts a text, and joins it with dots.
func (m macro) apply(text string) string {
	parts := strings.Split(strings.Map(func(r rune) rune {
		if strings.ContainsRune(m.split, r) {
			return '\n' // is in no address and no name
		}
		return r
	}, text), "\n")
	if m.reverse {
		slices.Reverse(parts)
	}
	if m.parts > 0 && m.parts < len(parts) {
		parts = parts[len(parts)-m.parts:]
	}
	return strings.Join(parts, ".")
}

// Query is who sends, for macros and evaluation.
type Query struct {
	Address netip.Addr // of the client
	Sender  string     // MAIL FROM, an address
	Helo    string
}

// Expand writes out the macros of a domain-spec (RFC 7208 7.3). domain is that
// of the record. A name that is too long loses labels from the left.
func (q Query) Expand(spec, domain string) (string, error) {
	local, of, _ := strings.Cut(q.Sender, "@")
	name, err := eachMacro(spec, func(m macro) (string, error) {
		switch m.letter {
		case 's':
			return m.apply(q.Sender), nil
		case 'l':
			return m.apply(local), nil
		case 'o':
			return m.apply(of), nil
		case 'd':
			return m.apply(domain), nil
		case 'i':
			return m.apply(dotted(q.Address)), nil
		case 'h':
			return m.apply(q.Helo), nil
		case 'p': // would need look-ups, and nobody should use it (5.5)
			return "unknown", nil
		case 'v':
			if q.Address.Unmap().Is4() {
				return "in-addr", nil
			}
			return "ip6", nil
		}
		return "", fmt.Errorf("the macro %%{%c} is for explanations alone", m.letter)
	})
	for len(name) > 253 {
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			return "", errors.New("the name that a macro makes is too long")
		}
		name = rest
	}
	return strings.TrimSuffix(strings.ToLower(name), "."), err
}

// dotted writes an address for macros: octets of IPv4, nibbles of IPv6.
func dotted(a netip.Addr) string {
	if a = a.Unmap(); !a.Is6() {
		return a.String()
	}
	const hex = "0123456789abcdef"
	b := a.As16()
	out := make([]byte, 0, 63)
	for i, c := range b {
		if i > 0 {
			out = append(out, '.')
		}
		out = append(out, hex[c>>4], '.', hex[c&15])
	}
	return string(out)
}
