package manage

import (
	"database/sql"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// aliasMap is what Postfix is told by the table of virtual aliases, as far as
// it was read.
type aliasMap struct {
	t         *Tx
	delimiter string
	now       time.Time
	to        map[string][]string // recipients by address
	asked     map[string]bool     // addresses that were asked for
	met       map[string]bool     // addresses that mail may come to, as the rows have them
	bases     map[string]bool     // what is left of these without extensions
}

func newAliasMap(t *Tx) *aliasMap {
	return &aliasMap{
		t: t, delimiter: string(t.m.delimiter()), now: time.Now(),
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
	return inParts(keys, func(marks string, args []any) error {
		return m.t.each("SELECT a.address, "+m.t.timeText("admin_alias", "a", "expire_at")+`, r.address FROM admin_alias a
			JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id WHERE `+m.t.named("a.address")+" IN ("+marks+") AND a.enabled = ? ORDER BY r.id",
			append(args, true), func(r *sql.Rows) error {
				var from, to string
				var expires sql.NullString
				err := r.Scan(&from, &expires, &to)
				if at := timeOf(expires); to != "" && (at.IsZero() || at.After(m.now)) {
					from = store.Fold(from)
					m.to[from] = append(m.to[from], store.Fold(to))
				}
				return err
			})
	})
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

// prefixes is how many addresses are asked for their extensions one by one.
// Beyond, all addresses with an extension are read: there are few.
const prefixes = 8

// extended returns the addresses that have an alias of their own beside one
// without their extension.
func (m *aliasMap) extended(bases []string) ([]string, error) {
	column, where, args := m.t.named("a.address"), []string{}, []any{}
	for _, b := range bases {
		if b[:1] != anybody {
			condition, a := m.t.beginning(column, b[:strings.LastIndexByte(b, '@')]+m.delimiter)
			where, args = append(where, condition), append(args, a...)
		}
	}
	switch {
	case len(where) == 0:
		return nil, nil
	case len(where) > prefixes:
		where, args = []string{column + " LIKE ? ESCAPE '!'"}, []any{"_%" + likeEscaped(m.delimiter) + "%@%"}
	}
	var out []string
	err := m.t.each("SELECT a.address FROM admin_alias a WHERE a.enabled = ? AND ("+strings.Join(where, " OR ")+")", append([]any{true}, args...), func(r *sql.Rows) error {
		var address string
		err := r.Scan(&address)
		address = store.Fold(address)
		if base, _ := m.split(address); m.bases[base] && !m.met[address] {
			out = append(out, address)
		}
		return err
	})
	return out, err
}

// namesIn returns the addresses in a domain, or one that leads to it, that
// aliases lead to and that have none of their own.
func (m *aliasMap) namesIn(domain string) ([]string, error) {
	var out []string
	domains, seen := []string{domain}, map[string]bool{domain: true}
	for len(domains) > 0 && len(out) < maxFollowed {
		here := "@" + domains[0]
		domains = domains[1:]
		where, args := m.t.ending("r.address", here)
		err := m.t.each("SELECT r.address, a.address FROM modoboa_admin_aliasrecipient r JOIN admin_alias a ON a.id = r.alias_id WHERE a.enabled = ? AND "+where+`
			AND NOT EXISTS (SELECT 1 FROM admin_alias o WHERE o.address = r.address AND o.enabled = ? AND o.expire_at IS NULL)`,
			append(append([]any{true}, args...), true), func(r *sql.Rows) error {
				var to, from string
				err := r.Scan(&to, &from)
				to, from = store.Fold(to), store.Fold(from)
				if to != here && domainOf(to) == here[1:] {
					base, _ := m.split(to[:len(to)-len(here)] + "@" + domain)
					out = append(out, base)
				} else if to == here && from[0] == '@' && !seen[from[1:]] {
					seen[from[1:]] = true
					domains = append(domains, from[1:])
				}
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// beginning is a condition on a column of folded names: its text begins with a
// prefix. Each engine has a form for which it can use an index.
func (t *Tx) beginning(column, prefix string) (string, []any) {
	if t.db.Dialect == db.SQLite { // LIKE knows no case there, the index does
		last := len(prefix) - 1
		return "(" + column + " >= ? AND " + column + " < ?)", []any{prefix, prefix[:last] + string(prefix[last]+1)}
	}
	return column + " LIKE ? ESCAPE '!'", []any{likeEscaped(prefix) + "%"}
}
