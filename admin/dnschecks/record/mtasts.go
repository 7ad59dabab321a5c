package record

import (
	"errors"
	"fmt"
	"strings"
)

// STS is the TXT record of MTA-STS (RFC 8461 3.1): it says that there is a
// policy, and which.
type STS struct {
	ID string // changes with the policy
}

// IsSTS reports whether a TXT record means to be one.
func IsSTS(text string) bool {
	version, _, _ := strings.Cut(text, ";")
	return strings.TrimSpace(version) == "v=STSv1"
}

// ParseSTS reads the record.
func ParseSTS(text string) (*STS, error) {
	tags, err := splitTags(text)
	if err != nil {
		return nil, err
	}
	if tags, err = begins(tags, "STSv1"); err != nil {
		return nil, err
	}
	for _, t := range tags {
		if t.name != "id" {
			continue // an extension
		}
		for _, c := range []byte(t.value) {
			if !letter(c) && !digit(c) {
				return nil, fmt.Errorf("id=%s may hold letters and digits alone", quote(t.value))
			}
		}
		if t.value == "" || len(t.value) > 32 {
			return nil, errors.New("id= must have 1 to 32 letters and digits")
		}
		return &STS{ID: t.value}, nil
	}
	return nil, errors.New("there is no tag id=, by which senders see that the policy has changed")
}

// Policy is what https://mta-sts.DOMAIN/.well-known/mta-sts.txt holds (RFC 8461
// 3.2).
type Policy struct {
	Mode   string   // enforce, testing or none
	MX     []string // hosts in lower case; "*.example.org" stands for hosts one label below
	MaxAge int      // seconds
}

// Limits of a policy: a year of leap days, and what a sender reads at least.
const (
	maxPolicyAge  = 31557600
	MaxPolicySize = 64 << 10
)

// ParsePolicy reads a policy.
func ParsePolicy(text string) (*Policy, error) {
	if len(text) > MaxPolicySize {
		return nil, fmt.Errorf("the policy has more than %d octets", MaxPolicySize)
	}
	p := &Policy{MaxAge: -1}
	seen := map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\r\n"), "\n") {
		line = strings.TrimRight(strings.TrimSuffix(line, "\r"), " \t")
		key, value, ok := strings.Cut(line, ":")
		if !ok || !word(key) {
			return nil, fmt.Errorf("the line %s is not key: value", quote(line))
		}
		value = strings.TrimLeft(value, " \t")
		if len(seen) == 0 && (key != "version" || value != "STSv1") {
			return nil, errors.New("the first line must be version: STSv1")
		}
		if seen[key] && key != "mx" {
			continue // the first counts
		}
		seen[key] = true
		if err := p.take(key, value); err != nil {
			return nil, err
		}
	}
	switch {
	case p.Mode == "":
		return nil, errors.New("there is no line mode")
	case p.MaxAge < 0:
		return nil, errors.New("there is no line max_age")
	case len(p.MX) == 0 && p.Mode != "none":
		return nil, errors.New("there is no line mx, so that no server would be good enough")
	}
	return p, nil
}

func (p *Policy) take(key, value string) error {
	switch key {
	case "mode":
		if value != "enforce" && value != "testing" && value != "none" {
			return fmt.Errorf("mode: %s is none of enforce, testing, none", quote(value))
		}
		p.Mode = value
	case "max_age":
		n, ok := number(value, maxPolicyAge)
		if !ok {
			return fmt.Errorf("max_age: %s is not a number of seconds from 0 to %d", quote(value), maxPolicyAge)
		}
		p.MaxAge = n
	case "mx":
		if !hostName(strings.TrimPrefix(value, "*.")) {
			return fmt.Errorf("mx: %s is not a host such as mx.example.org or *.example.org", quote(value))
		}
		p.MX = append(p.MX, strings.ToLower(value))
	}
	return nil
}

// Covers reports whether mail may be given to a host by this policy (RFC 8461
// 4.1): the star of a pattern stands for one label.
func (p *Policy) Covers(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, parent, _ := strings.Cut(host, ".")
	for _, pattern := range p.MX {
		if rest, star := strings.CutPrefix(pattern, "*."); pattern == host || star && rest == parent {
			return true
		}
	}
	return false
}
