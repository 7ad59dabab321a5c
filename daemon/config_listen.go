package daemon

import (
	"fmt"
	"os/user"
	"strconv"

	"github.com/vmapd/vmapd/lookup"
)

// listeners checks every [[listen]] section, and that no two share an address.
func (k *checker) listeners() {
	seen := map[string]int{}
	for i := range k.c.Listen {
		l, key := &k.c.Listen[i], fmt.Sprintf("listen[%d].", i)
		k.protocol(key, l)
		k.limits(key, l)
		if l.Address == "" {
			k.fail(key+"address", "is missing")
			continue
		}
		e, err := ParseEndpoint(l.Address)
		if err != nil {
			k.fail(key+"address", "%v", err)
			continue
		}
		l.endpoint = e
		if j, dup := seen[e.String()]; dup && !(e.Kind == Inet && e.Port == 0) {
			k.fail(key+"address", "%s is the address of listen[%d] too", e, j)
		}
		seen[e.String()] = i
		l.allow = k.prefixes(key+"allow", l.Allow)
		k.endpoint(key, l)
	}
}

// protocol checks the name and the settings that belong to one protocol.
func (k *checker) protocol(key string, l *Listen) {
	p := findProtocol(l.Protocol)
	switch {
	case l.Protocol == "":
		k.fail(key+"protocol", "is missing: one of %v", Protocols())
		return
	case p == nil:
		k.fail(key+"protocol", "%q is none of %v%s", l.Protocol, Protocols(), suggestFrom(l.Protocol, Protocols()))
		return
	}
	switch {
	case l.Protocol == "tcp_table" && l.Table == "":
		k.fail(key+"table", "tcp_table needs a table: one of %v", tableNames())
	case l.Protocol == "tcp_table":
		if _, ok := lookup.FindTable(l.Table); !ok {
			k.fail(key+"table", "%q is none of %v%s", l.Table, tableNames(), suggestFrom(l.Table, tableNames()))
		}
	case l.Table != "":
		k.fail(key+"table", "is for tcp_table only: %s names the table in each request", l.Protocol)
	}
	if l.Protocol != "http" && l.TLSCertificate+l.TLSKey != "" {
		k.fail(key+"tls_certificate", "TLS is for protocol http only")
		return
	}
	if (l.TLSCertificate == "") != (l.TLSKey == "") {
		k.fail(key+"tls_certificate", "tls_certificate and tls_key go together: one is missing")
		return
	}
	if l.TLSCertificate != "" {
		k.absolute(key+"tls_certificate", l.TLSCertificate)
		k.absolute(key+"tls_key", l.TLSKey)
	}
}

func (k *checker) limits(key string, l *Listen) {
	if l.MaxConnections < 1 {
		k.fail(key+"max_connections", "%d is too few: at least 1, better 1000", l.MaxConnections)
	}
	k.notNegative(key+"backlog", l.Backlog)
	k.positive(key+"idle_timeout", l.IdleTimeout)
	k.positive(key+"request_timeout", l.RequestTimeout)
}

// endpoint checks what depends on the kind of socket.
func (k *checker) endpoint(key string, l *Listen) {
	switch l.endpoint.Kind {
	case Unix:
		if len(l.Allow) > 0 {
			k.fail(key+"allow", "is for TCP: who may use a unix socket is decided by mode, owner and group")
		}
		k.account(key+"owner", l.Owner, lookupUser)
		k.account(key+"group", l.Group, lookupGroup)
		return
	case Inet:
		if !l.endpoint.Loopback() && len(l.Allow) == 0 {
			k.fail(key+"address", "%s is not a loopback address: give allow = [\"network\"] with those who may connect", l.endpoint)
		}
		if l.Protocol == "http" && !l.endpoint.Loopback() && l.TLSCertificate == "" {
			k.warn(key+"tls_certificate", "is missing: tokens of administrators cross the network in clear on %s; set tls_certificate and tls_key, or listen on a loopback address behind a proxy", l.endpoint)
		}
	}
	for _, name := range []string{"mode", "owner", "group"} {
		if k.set(key + name) {
			k.fail(key+name, "is for unix sockets; %s is none", l.endpoint)
		}
	}
}

// applies reports whether a key means something for this listener.
func (l *Listen) applies(key string) bool {
	switch key {
	case "mode", "owner", "group":
		return l.endpoint.Kind == Unix
	case "allow":
		return l.endpoint.Kind != Unix
	case "table":
		return l.Protocol == "tcp_table"
	case "tls_certificate", "tls_key":
		return l.Protocol == "http"
	}
	return true
}

func (k *checker) account(key, name string, find func(string) (int, error)) {
	if _, err := find(name); err != nil {
		k.fail(key, "%v", err)
	}
}

func tableNames() []string {
	var names []string
	for _, t := range lookup.Tables() {
		names = append(names, t.Name)
	}
	return names
}

// lookupUser gives the id of a user by name or number, -1 for "".
func lookupUser(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	if id, ok := numericID(name); ok {
		return id, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return -1, fmt.Errorf("there is no user %q on this machine", name)
	}
	return strconv.Atoi(u.Uid)
}

// lookupGroup gives the id of a group by name or number, -1 for "".
func lookupGroup(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	if id, ok := numericID(name); ok {
		return id, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return -1, fmt.Errorf("there is no group %q on this machine", name)
	}
	return strconv.Atoi(g.Gid)
}

func numericID(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}
