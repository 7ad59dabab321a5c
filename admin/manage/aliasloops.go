package manage

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// checkLoops is a Conflict that names the way if mail goes in a circle through
// one of the addresses, of which the aliases have changed: that of an alias, or
// "@domain" for a catch-all or a domain alias. A circle elsewhere is nothing
// that the change has made.
//
// Postfix expands each address until it has expanded into itself (postfix
// src/cleanup/cleanup_map1n.c), so a circle on which one address keeps a copy
// for itself comes to an end: two people may forward to each other and keep
// copies. That does not hold if an extension grows with every turn.
func (t *Tx) checkLoops(addresses ...string) error {
	way, err := newAliasMap(&aliasTable{t, time.Now()}, t.m.delimiter()).circle(addresses)
	if err == nil && way != nil {
		err = conflict("Mail would go in a circle: %s.", strings.Join(way, " -> "))
	}
	return err
}

// circle returns a circle through one of the addresses, for people, nil if there
// is none.
func (m *aliasMap) circle(addresses []string) ([]string, error) {
	starts, err := m.starts(addresses)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for _, a := range addresses {
		changed[a] = true
	}
	return newMailGraph(m, starts).circle(changed), nil
}

// starts reads all that mail for addresses may meet, and returns where to begin
// to follow it so that each circle through one of them is found:
//
//   - each address, and with an extension that nobody has: as long as mail goes
//     by aliases without one, all extensions go the same way;
//   - the addresses with an extension that have an alias of their own. Where
//     mail for another extension turns off, it is there, and has lost its
//     extension to the recipients' own;
//   - of a catch-all, an address that nobody has. If it leads to another domain
//     names stay, and those that others lead to are followed one by one.
func (m *aliasMap) starts(addresses []string) ([]string, error) {
	var all []string
	for _, a := range addresses {
		if a[0] == '@' {
			a = anybody + a
		}
		all = append(all, a)
	}
	if err := m.follow(all); err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if to := m.to[a]; a[0] != '@' || len(to) == 0 || to[0][0] != '@' {
			continue
		}
		names, err := m.namesIn(a[1:])
		if err == nil {
			err = m.follow(names)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	var extended []string
	for _, a := range slices.Sorted(maps.Keys(m.to)) {
		if _, extension := m.split(a); extension != "" {
			extended = append(extended, a)
		}
	}
	for _, a := range all {
		if base, extension := m.split(a); extension == "" && a[:1] != anybody {
			extended = append(extended, m.extend(base))
		}
	}
	slices.Reverse(extended) // what stands for many comes first
	return append(extended, all...), nil
}

// anybody is a local part, or the end of an extension, that no address has: no
// row has a control byte in it.
const anybody = "\x01"
