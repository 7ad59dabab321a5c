package opendkim

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

func (p *planner) signingTable(l line) (Verdict, string) {
	if p.plan.Database != nil && strings.HasPrefix(strings.ToLower(l.value), "dsn:") {
		return p.fromDatabase()
	}
	return Maps, "who is signed: see there"
}

func (p *planner) keyTable(l line) (Verdict, string) {
	if p.plan.Database != nil && strings.HasPrefix(strings.ToLower(l.value), "dsn:") {
		return p.fromDatabase()
	}
	return Maps, "the keys: see there, and dkim.key_dir"
}

func (p *planner) fromDatabase() (Verdict, string) {
	if p.plan.Database.modoboa() {
		return Builtin, "vmapd reads Modoboa's columns itself, and keeps what it read while the database is away"
	}
	return Differs, "vmapd reads Modoboa's columns, no other table"
}

func (p *planner) single(line) (Verdict, string) {
	if _, ok := p.last["KeyTable"]; ok {
		return Dropped, "the KeyTable takes its place"
	}
	return Maps, "who is signed, and with what: see there"
}

func (p *planner) subDomains(l line) (Verdict, string) {
	switch _, tables := p.last["SigningTable"]; {
	case !p.on("SubDomains"):
		return Builtin, `dkim.subdomains = "exact" is the default`
	case tables:
		return Dropped, `beside a SigningTable it does nothing in OpenDKIM; to have subdomains signed with the key of their parent set ` + toParent
	}
	p.toml.subdomains = "parent"
	return Maps, toParent
}

func (p *planner) mode(l line) (Verdict, string) {
	if strings.Contains(strings.ToLower(l.value), "v") {
		return Differs, "vmapd signs alone: where mail from outside is to be verified, leave that to rspamd or to OpenDKIM with Mode v"
	}
	return Builtin, "vmapd signs alone"
}

func (p *planner) canonicalization(l line) (Verdict, string) {
	header, body, both := strings.Cut(strings.ToLower(l.value), "/")
	if !both {
		body = "simple"
	}
	switch form := header + "/" + body; form {
	case "relaxed/relaxed":
		return Builtin, form
	case "relaxed/simple", "simple/relaxed", "simple/simple":
		p.toml.canon = form
		return Maps, fmt.Sprintf("dkim.canonicalization = %q; relaxed/relaxed survives more of what relays do", form)
	}
	return Differs, "there are relaxed and simple; vmapd signs relaxed/relaxed"
}

// overSign finds the choice of headers nearest to a list.
func (p *planner) overSign(l line) (Verdict, string) {
	d, ok := p.dataset(l)
	if !ok {
		return Differs, "dkim.headers says what is oversigned"
	}
	names := d.keys()
	if slices.ContainsFunc(names, func(n string) bool { return !strings.EqualFold(n, "From") }) {
		p.toml.headers = "balanced"
		return Maps, `dkim.headers = "balanced", which oversigns From, Subject, Date, To, Cc, Reply-To, Message-ID and the MIME fields`
	}
	p.toml.headers = "compat"
	return Maps, `dkim.headers = "compat", which oversigns From alone`
}

// internalHosts turns a list of hosts into networks. Names are not taken: who
// owns an address decides what its name is.
func (p *planner) internalHosts(l line) (Verdict, string) {
	d, ok := p.dataset(l)
	if !ok {
		return Differs, "give the networks as dkim.networks"
	}
	p.toml.hasNetworks = true
	var left []string
	add := func(n string) {
		if !slices.Contains(p.toml.networks, n) {
			p.toml.networks = append(p.toml.networks, n)
		}
	}
	for _, e := range d.entries {
		host := strings.ToLower(strings.NewReplacer("[", "", "]", "").Replace(e.key))
		prefix, err := netip.ParsePrefix(host)
		addr, err2 := netip.ParseAddr(host)
		switch {
		case host == "":
		case host == "localhost":
			add("127.0.0.0/8")
			add("::1/128")
		case err == nil:
			add(prefix.Masked().String())
		case err2 == nil && addr.Zone() == "":
			addr = addr.Unmap()
			add(netip.PrefixFrom(addr, addr.BitLen()).String())
		case strings.HasPrefix(host, "!"):
			p.todo("%s: InternalHosts excludes %s; dkim.networks cannot: give networks without it", e.Place, clean(e.key))
			left = append(left, clean(e.key))
		default:
			p.todo("%s: InternalHosts names %s; dkim.networks takes addresses alone: give those of this host", e.Place, clean(e.key))
			left = append(left, clean(e.key))
		}
	}
	means := "dkim.networks"
	if len(left) > 0 {
		means += ", without " + some(left)
	}
	return Maps, means
}

// some lists a few of many names.
func some(names []string) string {
	if len(names) > 5 {
		return fmt.Sprintf("%s and %d others", strings.Join(names[:5], ", "), len(names)-5)
	}
	return strings.Join(names, ", ")
}

func (p *planner) mta(l line) (Verdict, string) {
	d, ok := p.dataset(l)
	if !ok {
		return Differs, "give the names as dkim.daemon_names"
	}
	p.daemonNames(d.keys())
	return Maps, "dkim.daemon_names"
}

func (p *planner) daemonNames(names []string) {
	for _, n := range names {
		if !slices.Contains(p.toml.daemonNames, n) {
			p.toml.daemonNames = append(p.toml.daemonNames, n)
		}
	}
}

// macroList has two macros that vmapd looks at too.
func (p *planner) macroList(l line) (Verdict, string) {
	d, ok := p.dataset(l)
	if !ok {
		return Dropped, "vmapd looks at {auth_type} and {daemon_name} alone"
	}
	var left []string
	for _, e := range d.entries {
		switch name := strings.Trim(e.key, "{}"); {
		case name == "daemon_name" && e.value != "":
			p.daemonNames(strings.Split(e.value, "|"))
		case name == "auth_type" || name == "auth_authen":
		case e.key != "":
			left = append(left, clean(e.key))
		}
	}
	if len(left) > 0 {
		return Differs, "vmapd looks at {auth_type} and {daemon_name} alone, not at " + some(left)
	}
	return Maps, "authenticated clients are signed, and those of dkim.daemon_names"
}

// socket turns OpenDKIM's notation into vmapd's.
func (p *planner) socket(l line) (Verdict, string) {
	address, all, err := address(l.value)
	if err != nil {
		p.fail(l.Place, "Socket: %s %v: want local:/path or inet:port@host", clean(l.value), err)
		return Differs, "add a [[listen]] section with protocol milter"
	}
	p.toml.address = address
	if all {
		return Differs, "[[listen]]: OpenDKIM listens on all interfaces, vmapd on loopback; for others set the address, and who may connect, as allow"
	}
	return Maps, "[[listen]] with protocol milter"
}

var errNoAddress = errors.New("is no socket")

// address returns vmapd's notation; all is true if OpenDKIM listens everywhere.
func address(value string) (address string, all bool, err error) {
	kind, rest, ok := strings.Cut(value, ":")
	if !ok {
		kind, rest = "local", value
	}
	switch strings.ToLower(kind) {
	case "local", "unix":
		if !strings.HasPrefix(rest, "/") || strings.HasSuffix(rest, "/") {
			return "", false, errNoAddress
		}
		return "unix:" + rest, false, nil
	case "inet", "inet6":
		port, host, named := strings.Cut(rest, "@")
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return "", false, errNoAddress
		}
		host = strings.Trim(host, "[]")
		loopback := "127.0.0.1"
		if strings.EqualFold(kind, "inet6") {
			loopback = "::1"
		}
		switch {
		case !named || host == "" || host == "0.0.0.0" || host == "::":
			return "inet:" + net.JoinHostPort(loopback, port), true, nil
		case strings.EqualFold(host, "localhost"):
			host = loopback
		}
		a, err := netip.ParseAddr(host)
		if err != nil {
			return "", false, errNoAddress
		}
		if !a.IsLoopback() {
			return "inet:" + net.JoinHostPort(loopback, port), true, nil
		}
		return "inet:" + net.JoinHostPort(host, port), false, nil
	}
	return "", false, errNoAddress
}

// umask becomes the mode of the socket.
func (p *planner) umask(l line) (Verdict, string) {
	mask, err := strconv.ParseUint(l.value, 0, 32)
	s, ok := p.last["Socket"]
	if a, _, err2 := address(s.value); err != nil || !ok || err2 != nil || !strings.HasPrefix(a, "unix:") {
		return Dropped, "there is no unix socket"
	}
	p.toml.mode = fmt.Sprintf("%04o", 0o666&^mask)
	return Maps, "mode of the socket"
}

// userID may name a group, which then owns the socket.
func (p *planner) userID(l line) (Verdict, string) {
	s := p.last["Socket"]
	a, _, err := address(s.value)
	if _, group, ok := strings.Cut(l.value, ":"); ok && group != "" && err == nil && strings.HasPrefix(a, "unix:") {
		p.toml.group = group
		return Maps, "group of the socket; " + service
	}
	return Dropped, service
}

func (p *planner) nameservers(l line) (Verdict, string) {
	d, ok := p.dataset(l)
	if !ok {
		return Differs, "give the servers as dkim.resolvers"
	}
	for _, host := range d.keys() {
		_, err := netip.ParseAddr(host)
		if _, err2 := netip.ParseAddrPort(host); err != nil && err2 != nil {
			p.todo("%s: Nameservers: %s is no address", l.Place, clean(host))
			continue
		}
		p.toml.resolver = append(p.toml.resolver, host)
	}
	return Maps, "dkim.resolvers, which the check of published keys asks"
}

func (p *planner) algorithm(l line) (Verdict, string) {
	if strings.EqualFold(l.value, "rsa-sha1") {
		return Dropped, "rsa-sha1 is forbidden (RFC 8301): vmapd signs rsa-sha256 or ed25519-sha256, as the key is"
	}
	return Builtin, "the key decides"
}
