package manage

import (
	"slices"
	"strings"

	"github.com/vmapd/vmapd/lookup"
)

// aliasMap is what Postfix is told by the table of virtual aliases, as far as
// it was read.
type aliasMap struct {
	rows      aliasRows
	delimiter string
	to        map[string][]string // recipients by address
	asked     map[string]bool     // addresses that were asked for
	met       map[string]bool     // addresses that mail may come to, as the rows have them
	bases     map[string]bool     // what is left of these without extensions
}

// aliasRows is where aliases are read from. Addresses are folded.
type aliasRows interface {
	// each calls f for all recipients of the aliases of some addresses.
	each(addresses []string, f func(address, to string)) error
	// extended returns addresses of aliases that have an extension, at least
	// those which are one of some addresses without it.
	extended(bases []string) ([]string, error)
	// into calls f for recipients in a domain, at least for those that have no
	// alias, and for "@domain".
	into(domain string, f func(address, to string)) error
}

func newAliasMap(rows aliasRows, delimiter byte) *aliasMap {
	return &aliasMap{
		rows: rows, delimiter: string(delimiter),
		to: map[string][]string{}, asked: map[string]bool{}, met: map[string]bool{}, bases: map[string]bool{},
	}
}

// maxFollowed is how many addresses are followed. Postfix gives up much
// earlier (virtual_alias_expansion_limit), but not all of them need be of one
// message.
const maxFollowed = 10000

// keys are what Postfix asks for, one after the other, until it is answered.
func (m *aliasMap) keys(address string) [3]string {
	base, _ := m.split(address)
	return [3]string{address, base, "@" + domainOf(address)}
}

// answer returns the recipients of an address and the key that they were found
// by, "" if there are none.
func (m *aliasMap) answer(address string) (key string, to []string) {
	for _, k := range m.keys(address) {
		if to := m.to[k]; len(to) > 0 {
			return k, to
		}
	}
	return "", nil
}

// follow reads the aliases that mail for addresses may meet, with whatever
// extension, level by level: one query for all addresses that are equally far
// away, and when there are no more, one for the extensions that have aliases of
// their own.
func (m *aliasMap) follow(level []string) error {
	for len(level) > 0 {
		var bases []string
		for len(level) > 0 && len(m.met) < maxFollowed {
			var fresh []string
			for _, a := range level {
				if !m.met[a] {
					m.met[a] = true
					fresh = append(fresh, a)
				}
			}
			if err := m.ask(fresh); err != nil {
				return err
			}
			level = nil
			for _, a := range fresh {
				if base, _ := m.split(a); !m.bases[base] {
					m.bases[base] = true
					bases = append(bases, base)
				}
				level = append(level, m.next(a)...)
			}
		}
		var err error
		if level, err = m.extended(bases); err != nil {
			return err
		}
	}
	return nil
}

// ask reads the aliases of addresses, of what is left of them without an
// extension, and of their domains.
func (m *aliasMap) ask(addresses []string) error {
	var keys []string
	for _, a := range addresses {
		for _, k := range m.keys(a) {
			if !m.asked[k] {
				m.asked[k] = true
				keys = append(keys, k)
			}
		}
	}
	return m.rows.each(keys, func(address, to string) { m.to[address] = append(m.to[address], to) })
}

// next returns where mail for an address, or for it with an extension, may go.
// The recipients of a catch-all are the same for all names and returned once.
func (m *aliasMap) next(address string) (out []string) {
	keys := m.keys(address)
	for _, k := range keys[:2] {
		out = append(out, led(address, m.to[k])...)
	}
	domain := keys[2]
	if len(m.to[keys[1]]) > 0 || m.met[domain] {
		return out
	}
	if to := m.to[domain]; verbatim(to) {
		m.met[domain] = true
		return append(out, to...)
	}
	return append(out, led(address, m.to[domain])...)
}

// verbatim reports whether the recipients of a catch-all are the same for all.
func verbatim(to []string) bool { return len(to) > 0 && to[0][0] != '@' }

// led is the recipients of an address: "@domain" is the same name there.
func led(address string, to []string) []string {
	out := make([]string, len(to))
	for i, r := range to {
		if out[i] = r; r[0] == '@' {
			out[i] = address[:strings.LastIndexByte(address, '@')] + r
		}
	}
	return out
}

// extended returns the addresses that have an alias of their own beside one
// without their extension.
func (m *aliasMap) extended(bases []string) ([]string, error) {
	bases = slices.DeleteFunc(bases, func(b string) bool { return b[:1] == anybody })
	if len(bases) == 0 {
		return nil, nil
	}
	found, err := m.rows.extended(bases)
	return slices.DeleteFunc(found, func(a string) bool {
		base, _ := m.split(a)
		return !m.bases[base] || m.met[a]
	}), err
}

// namesIn returns the addresses of a domain, without extensions, that aliases
// lead to, by themselves or through domains that lead to it.
func (m *aliasMap) namesIn(domain string) ([]string, error) {
	var out []string
	name := func(address string) {
		base, _ := m.split(address)
		out = append(out, base[:strings.LastIndexByte(base, '@')+1]+domain)
	}
	domains := []string{domain}
	for i := 0; i < len(domains) && len(out) < maxFollowed; i++ {
		err := m.rows.into(domains[i], func(address, to string) {
			switch {
			case to[0] != '@':
				name(to)
			case address[0] != '@':
				name(address)
			case !slices.Contains(domains, address[1:]):
				domains = append(domains, address[1:])
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// split splits an address into itself without extension, and the extension with
// its delimiter.
func (m *aliasMap) split(address string) (base, extension string) {
	return lookup.SplitExtension(address, m.delimiter)
}

// extend gives an address without extension the one that nobody has.
func (m *aliasMap) extend(base string) string {
	return inserted(base, m.delimiter+anybody)
}

// inserted is an address with a text at the end of its local part.
func inserted(address, text string) string {
	at := strings.LastIndexByte(address, '@')
	return address[:at] + text + address[at:]
}

// shown is an address for people: without what nobody has.
func (m *aliasMap) shown(address string) string {
	return strings.ReplaceAll(strings.ReplaceAll(address, m.delimiter+anybody, ""), anybody, "")
}
