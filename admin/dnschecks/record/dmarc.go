package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// DMARC is a DMARC record (RFC 7489 6.3).
type DMARC struct {
	Policy    string // p=: none, quarantine or reject
	Subdomain string // sp=: of subdomains, "" = as p=
	DKIM, SPF string // adkim=, aspf=: "r" or "s"
	Percent   int    // pct=
	Interval  int    // ri=, seconds
	Failure   []string
	Aggregate []URI // rua=
	Forensic  []URI // ruf=
	Unknown   []string
}

// IsDMARC reports whether a TXT record means to be one: others at the name are
// none of DMARC's business.
func IsDMARC(text string) bool {
	version, _, _ := strings.Cut(text, ";")
	name, value, _ := strings.Cut(version, "=")
	return strings.TrimSpace(name) == "v" && strings.TrimSpace(value) == "DMARC1"
}

// ParseDMARC reads a record. Tags that it does not know are listed and do no
// harm.
func ParseDMARC(text string) (*DMARC, error) {
	tags, err := splitTags(text)
	if err != nil {
		return nil, err
	}
	if tags, err = begins(tags, "DMARC1"); err != nil {
		return nil, err
	}
	d := &DMARC{DKIM: "r", SPF: "r", Percent: 100, Interval: 86400, Failure: []string{"0"}}
	for i, t := range tags {
		if t.name == "p" && i > 0 {
			return nil, errors.New("the tag p= must come right after v=DMARC1")
		}
		if err := d.take(t); err != nil {
			return nil, err
		}
	}
	if d.Policy == "" {
		return nil, errors.New("there is no tag p=, which says what becomes of mail that fails")
	}
	return d, nil
}

func (d *DMARC) take(t tag) (err error) {
	switch t.name {
	case "p":
		d.Policy, err = oneOf(t, "none", "quarantine", "reject")
	case "sp":
		d.Subdomain, err = oneOf(t, "none", "quarantine", "reject")
	case "adkim":
		d.DKIM, err = oneOf(t, "r", "s")
	case "aspf":
		d.SPF, err = oneOf(t, "r", "s")
	case "pct":
		d.Percent, err = numberOf(t, 100)
	case "ri":
		d.Interval, err = numberOf(t, 1<<32-1)
	case "fo":
		d.Failure, err = listOf(t, "0", "1", "d", "s")
	case "rf":
		_, err = listOf(t, "afrf")
	case "rua":
		d.Aggregate, err = reportURIs(t)
	case "ruf":
		d.Forensic, err = reportURIs(t)
	default:
		d.Unknown = append(d.Unknown, t.name)
	}
	return err
}

func oneOf(t tag, allowed ...string) (string, error) {
	v := strings.ToLower(t.value)
	if !slices.Contains(allowed, v) {
		return "", fmt.Errorf("%s=%s is none of %s", t.name, quote(t.value), strings.Join(allowed, ", "))
	}
	return v, nil
}

func listOf(t tag, allowed ...string) ([]string, error) {
	var all []string
	for v := range strings.SplitSeq(t.value, ":") {
		one, err := oneOf(tag{t.name, strings.Trim(v, " \t")}, allowed...)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func numberOf(t tag, limit int) (int, error) {
	n, ok := number(t.value, limit)
	if !ok {
		return 0, fmt.Errorf("%s=%s is not a number from 0 to %d", t.name, quote(t.value), limit)
	}
	return n, nil
}

// reportURIs reads the URIs of rua= and ruf=; each may have a size, as in
// mailto:dmarc@example.org!10m.
func reportURIs(t tag) ([]URI, error) {
	var all []URI
	for part := range strings.SplitSeq(t.value, ",") {
		address, size, limited := strings.Cut(strings.Trim(part, " \t"), "!")
		u, err := parseURI(address, "mailto", "https", "http")
		if err != nil {
			return nil, fmt.Errorf("%s=: %w", t.name, err)
		}
		if limited {
			if u.Limit, err = sizeOf(size); err != nil {
				return nil, fmt.Errorf("%s=: %w", t.name, err)
			}
		}
		all = append(all, u)
	}
	return all, nil
}

// sizeOf reads a number of octets that may end in k, m, g or t.
func sizeOf(s string) (int64, error) {
	digits, shift := s, 0
	if s != "" {
		if i := strings.IndexByte("kmgt", s[len(s)-1]|0x20); i >= 0 {
			digits, shift = s[:len(s)-1], 10*(i+1)
		}
	}
	n, ok := number(digits, 1<<22)
	if !ok {
		return 0, fmt.Errorf("%s after the exclamation mark is not a size such as 10m", quote(s))
	}
	return int64(n) << shift, nil
}
