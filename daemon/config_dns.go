package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/internal/resolve"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// allChecks are the names of all checks of DNS.
func allChecks() []string {
	var all []string
	for _, k := range dnschecks.Kinds() {
		all = append(all, string(k))
	}
	return all
}

func (k *checker) dns() {
	d := &k.c.DNS
	k.oneOf("dns.schedule", d.Schedule, "auto", "always", "never")
	if d.Every.D() < 10*time.Minute {
		k.fail("dns.every", "%s is too often: at least 10m", d.Every)
	}
	d.networks, d.senders, d.checks = k.prefixes("dns.networks", d.Networks), nil, nil
	for i, name := range d.Checks {
		k.oneOf(fmt.Sprintf("dns.checks[%d]", i), name, allChecks()...)
		d.checks = append(d.checks, dnschecks.Kind(name))
	}
	for i, s := range d.Resolvers {
		if _, err := resolve.ParseServer(s); err != nil {
			k.fail(fmt.Sprintf("dns.resolvers[%d]", i), "%v", err)
		}
	}
	for i, name := range d.DNSBL {
		if err := resolve.CheckName(name); err != nil || !strings.Contains(name, ".") {
			k.fail(fmt.Sprintf("dns.dnsbl[%d]", i), "%q is not the name of a block list, such as \"zen.spamhaus.org\"", name)
		}
	}
	for i, s := range d.Senders {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			k.fail(fmt.Sprintf("dns.senders[%d]", i), "%q is not an address", s)
		}
		d.senders = append(d.senders, a.Unmap())
	}
	if err := resolve.CheckName(strings.TrimSuffix(d.Host, ".")); d.Host != "" && err != nil {
		k.fail("dns.host", "%v", err)
	}
}

// dnsServers are the resolvers of DNS checks, none if they are those of
// /etc/resolv.conf.
func (c *Config) dnsServers() []string {
	if len(c.DNS.Resolvers) > 0 {
		return c.DNS.Resolvers
	}
	return c.DKIM.Resolvers
}

// dnsOurs reports whether results are written to a database of that schema, and
// domains checked by the clock. Where Modoboa's own jobs may do so, two would.
func (c *Config) dnsOurs(schema string) bool {
	return c.DNS.Schedule == "always" || c.DNS.Schedule == "auto" && schema == "vmapd"
}

// DNSSettings say what is checked: the section [dns] with Modoboa's parameters.
func (c *Config) DNSSettings(p *parameters.Set) dnschecks.Settings {
	own, _ := dnschecks.ParseNetworks(p.Text(parameters.ValidMXs))
	s := dnschecks.Settings{
		IPv6: p.Flag(parameters.EnableIPv6MXChecks), Own: append(own, c.DNS.networks...), Senders: c.DNS.senders, Zones: c.DNS.DNSBL,
		DMARCCritical: p.Flag(parameters.DMARCCheckIsCritical), Quiet: !p.Flag(parameters.EnableDNSNotifications), Host: c.dnsHost(),
	}
	for _, kind := range c.DNS.checks {
		if flag, ok := checkFlag(kind); !ok || p.Flag(flag) {
			s.Checks = append(s.Checks, kind)
		}
	}
	if server := strings.TrimSpace(p.Text(parameters.CustomDNSServer)); server != "" {
		s.Server = server
		if parsed, err := resolve.ParseServer(server); err == nil {
			s.Server = parsed
		}
	}
	return s
}

// checkFlag is Modoboa's parameter for a check, if it has one.
func checkFlag(k dnschecks.Kind) (parameters.Flag, bool) {
	f, ok := map[dnschecks.Kind]parameters.Flag{
		dnschecks.MX: parameters.EnableMXChecks, dnschecks.DNSBL: parameters.EnableDNSBLChecks, dnschecks.SPF: parameters.EnableSPFChecks,
		dnschecks.DKIM: parameters.EnableDKIMChecks, dnschecks.DMARC: parameters.EnableDMARCChecks,
		dnschecks.Autoconfig: parameters.EnableAutoconfigChecks, dnschecks.Autodiscover: parameters.EnableAutoconfigChecks,
	}[k]
	return f, ok
}

// dnsHost is the name of this mail host, "" if it is not known.
func (c *Config) dnsHost() string {
	if c.DNS.Host != "" {
		return strings.TrimSuffix(c.DNS.Host, ".")
	}
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") && resolve.CheckName(name) == nil && !resolve.Reserved(name) {
		return name
	}
	return ""
}

// dnsRules say which checks count for a domain's status.
func (c *Config) dnsRules() manage.DNSRules {
	r := manage.DNSRules{Own: len(c.DNS.networks) > 0}
	for _, name := range allChecks() {
		if !slices.Contains(c.DNS.Checks, name) {
			r.Off = append(r.Off, name)
		}
	}
	return r
}
