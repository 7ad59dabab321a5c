package record

import (
	"errors"
	"fmt"
	"strings"
)

// TLSRPT is a TLS-RPT record (RFC 8460 3).
type TLSRPT struct {
	Reports []URI // rua=
}

// IsTLSRPT reports whether a TXT record means to be one.
func IsTLSRPT(text string) bool {
	version, _, _ := strings.Cut(text, ";")
	return strings.TrimSpace(version) == "v=TLSRPTv1"
}

// ParseTLSRPT reads a record.
func ParseTLSRPT(text string) (*TLSRPT, error) {
	tags, err := splitTags(text)
	if err != nil {
		return nil, err
	}
	if tags, err = begins(tags, "TLSRPTv1"); err != nil {
		return nil, err
	}
	r := &TLSRPT{}
	for _, t := range tags {
		if t.name != "rua" {
			continue // an extension
		}
		for part := range strings.SplitSeq(t.value, ",") {
			u, err := parseURI(strings.Trim(part, " \t"), "mailto", "https")
			if err != nil {
				return nil, fmt.Errorf("rua=: %w", err)
			}
			r.Reports = append(r.Reports, u)
		}
	}
	if r.Reports == nil {
		return nil, errors.New("there is no tag rua=, which says where reports go")
	}
	return r, nil
}
