package doctor

import (
	"path"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/lookup"
)

// Postfix is how Postfix is wired, and how it should be.
type Postfix struct {
	Missing string // why nothing can be said of it, "" if something can

	// What postconf(1) prints, as ParsePostconf reads it.
	Set       map[string]string // -n: what main.cf sets
	Values    map[string]string // -x: values in effect, of the parameters PostfixParameters
	Overrides map[string]string // -P: options of master.cf, by SERVICE/TYPE/NAME
	Services  map[string]string // -F: fields of master.cf, by SERVICE/TYPE/FIELD

	// What "vmapd postconf" prints.
	Maps      []PostfixMap
	Access    []PostfixMap // below check_recipient_access in smtpd_recipient_restrictions
	Milters   []string     // names of our milters, as in smtpd_milters
	Policies  []string     // names of our policy sockets, as below check_policy_service
	Delimiter string       // recipient_delimiter
	Transport string       // virtual_transport, "" if nothing is said of it
	SASL      string       // absolute path of our socket for SASL, "" if there is none

	PolicyEntry string // what asks the first of Policies
	CountsAtEnd bool   // limits are counted when a message is complete
	Limits      bool   // the configuration has limits on what is sent
}

// PostfixMap is a lookup table of ours where main.cf wants one.
type PostfixMap struct {
	Param string // parameter of main.cf
	Table string // lookup.Table.Name
	Name  string // type:name
}

// PostfixParameters are the parameters whose values in effect the checks need.
func PostfixParameters() []string {
	names := []string{
		"queue_directory", "mail_owner", "compatibility_level", "mydestination", "recipient_delimiter", "virtual_transport", "proxy_read_maps",
		"smtpd_recipient_restrictions", "smtpd_relay_restrictions", "smtpd_sender_restrictions", "smtpd_client_restrictions",
		"smtpd_helo_restrictions", "smtpd_data_restrictions", "smtpd_end_of_data_restrictions", "smtpd_milters", "non_smtpd_milters", "smtpd_sasl_path", "smtpd_sasl_type", "smtpd_sasl_auth_enable",
	}
	for _, t := range lookup.Tables() {
		if t.Param != "check_recipient_access" && !slices.Contains(names, t.Param) {
			names = append(names, t.Param)
		}
	}
	return names
}

// ParsePostconf reads what postconf(1) prints: lines of NAME = VALUE. Other lines
// mean nothing.
func ParsePostconf(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); ok && name != "" && !strings.ContainsAny(name, " \t") {
			m[name] = strings.TrimSpace(value)
		}
	}
	return m
}

// words splits a list of main.cf.
func words(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
}

// ours brings the name of a table to one form, whatever endpoint, synonym or
// detour it is written with; "" if it cannot be one of ours.
func (p *Postfix) ours(name string) string {
	name = strings.TrimPrefix(name, "proxy:")
	if strings.HasPrefix(name, "tcp:") {
		return name
	}
	rest, ok := strings.CutPrefix(name, "socketmap:")
	at := strings.LastIndexByte(rest, ':')
	if !ok || at < 0 {
		return ""
	}
	endpoint, table := rest[:at], rest[at+1:]
	if t, ok := lookup.FindTable(table); ok {
		table = t.Name
	}
	if file, ok := strings.CutPrefix(endpoint, "unix:"); ok {
		endpoint = "unix:" + p.absolute(file)
	}
	return "socketmap:" + endpoint + ":" + table
}

// absolute gives the path of a file that main.cf names relative to the queue.
func (p *Postfix) absolute(file string) string {
	if path.IsAbs(file) {
		return path.Clean(file)
	}
	return path.Join(p.Values["queue_directory"], file)
}

// has reports whether a list names a table of ours.
func (p *Postfix) has(value, name string) bool {
	want := p.ours(name)
	return slices.ContainsFunc(words(value), func(w string) bool { return p.ours(w) == want })
}

// sqlMap takes the file out of the name of a SQL table.
func sqlMap(word string) (file string, ok bool) {
	word = strings.TrimPrefix(word, "proxy:")
	for _, typ := range []string{"pgsql:", "mysql:", "sqlite:"} {
		if file, ok = strings.CutPrefix(word, typ); ok {
			return file, true
		}
	}
	return "", false
}

// replacement finds the table of ours that takes the place of a SQL map: by the
// name of its file, or by the parameter.
func (p *Postfix) replacement(param, file string) string {
	t, known := lookup.FindTable(strings.TrimSuffix(path.Base(file), ".cf"))
	for _, m := range append(p.Maps, p.Access...) {
		switch {
		case known && t.Name == m.Table, known && m.Table == "transport" && t.Param == "transport_maps", !known && m.Param == param:
			return m.Name
		}
	}
	return ""
}

// rewired is a list with tables of ours in place of SQL maps, and with those of
// names that are missing.
func (p *Postfix) rewired(param, value string, names ...string) string {
	var out []string
	for _, w := range words(value) {
		if file, ok := sqlMap(w); ok {
			if r := p.replacement(param, file); r != "" {
				w = r
			}
		}
		if _, _, isMap := strings.Cut(w, ":"); !isMap || !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	for _, n := range names {
		if !p.has(strings.Join(out, " "), n) {
			out = append(out, n)
		}
	}
	return strings.Join(out, " ")
}

// edit is the command that sets a parameter of main.cf.
func edit(param, value string) string {
	return "postconf -e '" + param + " = " + value + "', then postfix reload"
}

// ClientsOf returns Postfix's user, if Postfix connects to a socket.
func (p *Postfix) ClientsOf(protocol, file string) []Client {
	if p == nil || p.Missing != "" {
		return nil
	}
	switch protocol {
	case "socketmap", "milter", "policy":
	case "auth":
		if p.absolute(p.Values["smtpd_sasl_path"]) != file {
			return nil
		}
	default:
		return nil
	}
	c, ok := Account(p.Values["mail_owner"])
	if !ok {
		return nil
	}
	return []Client{c}
}
