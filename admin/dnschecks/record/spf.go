package record

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// SPF is an SPF record (RFC 7208).
type SPF struct {
	Terms    []Term   // mechanisms, in order
	Redirect string   // redirect=, "" = none
	Explain  string   // exp=, "" = none
	Unknown  []string // names of modifiers that verifiers do not know, and ignore
}

// Term is a mechanism.
type Term struct {
	Text      string // as it stands in the record
	Qualifier byte   // '+', '-', '~' or '?'
	Kind      string // all, include, a, mx, ptr, ip4, ip6 or exists
	Domain    string // domain-spec, with macros; "" = the domain of the record
	Network   netip.Prefix
	Bits4     int // of a and mx: how many bits of an address count
	Bits6     int
}

// IsSPF reports whether a TXT record is one of SPF (RFC 7208 4.5): others are
// none of its business.
func IsSPF(text string) bool {
	const version = "v=spf1"
	return len(text) >= len(version) && strings.EqualFold(text[:len(version)], version) && (len(text) == len(version) || text[len(version)] == ' ')
}

// ParseSPF reads a record. An error is what makes verifiers answer "permerror".
func ParseSPF(text string) (*SPF, error) {
	if !IsSPF(text) {
		return nil, errors.New("the record must begin with v=spf1 and a blank")
	}
	s := &SPF{}
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' {
			return nil, errors.New("the record holds what is not printable ASCII")
		}
	}
	seen := map[string]bool{}
	for term := range strings.SplitSeq(text[len("v=spf1"):], " ") {
		if term == "" {
			continue
		}
		name, value, modifier := cutModifier(term)
		if !modifier {
			t, err := parseTerm(term)
			if err != nil {
				return nil, err
			}
			s.Terms = append(s.Terms, t)
			continue
		}
		if err := s.modify(strings.ToLower(name), value, seen); err != nil {
			return nil, fmt.Errorf("%s: %w", quote(term), err)
		}
	}
	return s, nil
}

// cutModifier tells a modifier, name=value, from a mechanism: an equals sign
// comes before any colon or slash.
func cutModifier(term string) (name, value string, ok bool) {
	i := strings.IndexAny(term, "=:/")
	if i < 1 || term[i] != '=' || !word(term[:i]) {
		return "", "", false
	}
	return term[:i], term[i+1:], true
}

func (s *SPF) modify(name, value string, seen map[string]bool) error {
	if name == "redirect" || name == "exp" {
		if seen[name] {
			return errors.New("is there twice")
		}
		seen[name] = true
		if err := checkDomainSpec(value); err != nil {
			return err
		}
	}
	switch name {
	case "redirect":
		s.Redirect = value
	case "exp":
		s.Explain = value
	default: // unknown ones are to be ignored, if they are well formed
		s.Unknown = append(s.Unknown, name)
		return checkMacros(value, true)
	}
	return nil
}

// parseTerm reads a mechanism.
func parseTerm(text string) (Term, error) {
	t := Term{Text: text, Qualifier: '+', Bits4: 32, Bits6: 128}
	rest := text
	if strings.IndexByte("+-~?", rest[0]) >= 0 {
		t.Qualifier, rest = rest[0], rest[1:]
	}
	end := strings.IndexAny(rest, ":/")
	if end < 0 {
		end = len(rest)
	}
	t.Kind = strings.ToLower(rest[:end])
	err := t.arguments(rest[end:])
	if err != nil {
		err = fmt.Errorf("%s: %w", quote(text), err)
	}
	return t, err
}

// arguments reads what follows the name of a mechanism.
func (t *Term) arguments(rest string) (err error) {
	value, given := strings.CutPrefix(rest, ":")
	switch t.Kind {
	case "all":
		if rest != "" {
			return errors.New("nothing may follow all")
		}
		return nil
	case "include", "exists":
		if !given {
			return fmt.Errorf("the name of a domain must follow, as in %s:example.org", t.Kind)
		}
		t.Domain = value
		return checkDomainSpec(value)
	case "ptr":
		if rest == "" {
			return nil
		}
		if !given {
			return errors.New("no length may follow ptr")
		}
		t.Domain = value
		return checkDomainSpec(value)
	case "ip4", "ip6":
		if !given {
			return fmt.Errorf("an address must follow, as in %s", map[string]string{"ip4": "ip4:192.0.2.1", "ip6": "ip6:2001:db8::1"}[t.Kind])
		}
		t.Network, err = network(value, t.Kind == "ip4")
		return err
	case "a", "mx":
		if value, err = t.lengths(rest); err != nil || value == "" {
			return err
		}
		t.Domain = value[1:]
		return checkDomainSpec(t.Domain)
	}
	return errors.New("is no mechanism of SPF")
}

// lengths takes the lengths off the end of a and mx: "/24", "//64" or
// "/24//64". What is left is "" or ":domain".
func (t *Term) lengths(s string) (rest string, err error) {
	if i := strings.LastIndex(s, "//"); i >= 0 {
		n, ok := number(s[i+2:], 128)
		if !ok || leadingZero(s[i+2:]) {
			return "", fmt.Errorf("%s is not a length from //0 to //128", quote(s[i:]))
		}
		t.Bits6, s = n, s[:i]
	}
	// A slash may be part of a macro, so only digits after it are a length.
	if i := strings.LastIndexByte(s, '/'); i >= 0 && !strings.Contains(s[i:], "}") {
		n, ok := number(s[i+1:], 32)
		if !ok || leadingZero(s[i+1:]) {
			return "", fmt.Errorf("%s is not a length from /0 to /32", quote(s[i:]))
		}
		t.Bits4, s = n, s[:i]
	}
	if s != "" && s[0] != ':' {
		return "", errors.New("a colon belongs before the name of a domain")
	}
	return s, nil
}

func leadingZero(s string) bool { return len(s) > 1 && s[0] == '0' }

// network reads an address with or without a length.
func network(s string, four bool) (netip.Prefix, error) {
	text, length, sized := strings.Cut(s, "/")
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || a.Is4() != four {
		return netip.Prefix{}, fmt.Errorf("%s is not an address of IPv%s", quote(text), map[bool]string{true: "4", false: "6"}[four])
	}
	bits := a.BitLen()
	if sized {
		n, ok := number(length, bits)
		if !ok || leadingZero(length) {
			return netip.Prefix{}, fmt.Errorf("%s is not a length from /0 to /%d", quote("/"+length), bits)
		}
		bits = n
	}
	return netip.PrefixFrom(a, bits).Masked(), nil
}
