package dnschecks

import (
	"net/netip"
	"slices"
	"strings"
)

// Settings say what is checked, and what is right.
type Settings struct {
	Checks        []Kind         // that are made
	IPv6          bool           // addresses of IPv6 count (enable_ipv6_mx_checks)
	Own           []netip.Prefix // where mail must lead (valid_mxs, dns.networks); empty: anywhere
	Senders       []netip.Addr   // from which mail leaves (dns.senders); empty: the MX addresses that are ours
	Zones         []string       // block lists (dns.dnsbl)
	DMARCCritical bool           // dmarc_check_is_critical
	Server        string         // the DNS server to ask instead of the others (custom_dns_server), address:port
	Quiet         bool           // no alarms (enable_dns_notifications is off); those that are open are closed
	Host          string         // of this machine, for records to publish; "" = unknown
}

// makes reports whether a check is made.
func (s *Settings) makes(k Kind) bool { return slices.Contains(s.Checks, k) }

// Domain is a domain to check.
type Domain struct {
	ID   int64
	Name string
	Keys []Key // that sign its mail
}

// Key is a DKIM key that signs.
type Key struct {
	Selector  string
	Algorithm string // rsa or ed25519
	Public    string // base64, as in a record's p=
}

// ParseNetworks reads Modoboa's parameter valid_mxs: networks and addresses,
// one a line or separated by blanks, commas or semicolons. What is none is left
// out and returned in wrong.
func ParseNetworks(text string) (networks []netip.Prefix, wrong []string) {
	fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) })
	for _, f := range fields {
		p, err := netip.ParsePrefix(f)
		if a, err2 := netip.ParseAddr(f); err2 == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			wrong = append(wrong, f)
			continue
		}
		networks = append(networks, p.Masked())
	}
	return networks, wrong
}

// own reports whether an address is in one of our own networks.
func (s *Settings) own(a netip.Addr) bool {
	return slices.ContainsFunc(s.Own, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}
