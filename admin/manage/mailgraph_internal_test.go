package manage

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// Postfix expands addresses as Postfix does (src/cleanup/cleanup_map1n.c,
// src/global/mail_addr_map.c): an answer takes the place of its address, until
// there is none or the address has expanded into itself.
type Postfix map[string][]string

// answer is what the virtual alias map says of an address.
func (p Postfix) answer(address string) []string {
	if to := p[address]; len(to) > 0 {
		return prefixed(address, to)
	}
	local, domain, _ := strings.Cut(address, "@")
	if name, extension, ok := strings.Cut(local, "+"); ok && name != "" {
		if to := prefixed(name+"@"+domain, p[name+"@"+domain]); len(to) > 0 {
			out := []string{}
			for _, r := range to {
				l, d, _ := strings.Cut(r, "@")
				out = append(out, l+"+"+extension+"@"+d)
			}
			return out
		}
	}
	return prefixed(address, p["@"+domain])
}

// prefixed puts the local part before an answer that begins with "@".
func prefixed(address string, to []string) []string {
	if len(to) == 0 || to[0][0] != '@' {
		return to
	}
	local, _, _ := strings.Cut(address, "@")
	return append([]string{local + to[0]}, to[1:]...)
}

// ends reports whether the expansion of an address comes to an end.
func (p Postfix) ends(address string) bool {
	const turns, most = 200, 5000 // Postfix's are 1000; here there are some twenty addresses
	argv, been := []string{address}, map[string]bool{}
	for arg := 0; arg < len(argv); arg++ {
		for count := 0; !been[argv[arg]]; count++ {
			if count >= turns || len(argv) > most {
				return false
			}
			from := argv[arg]
			to := p.answer(from)
			if len(to) == 0 {
				break
			}
			argv[arg] = to[0]
			argv = append(argv, to[1:]...)
			for _, r := range to {
				been[from] = been[from] || r == from
			}
		}
	}
	return true
}

// Circles are the addresses whose expansion does not come to an end, at most
// some.
func (p Postfix) Circles() (out []string) {
	for _, address := range p.addresses() {
		if len(out) < 3 && !p.ends(address) {
			out = append(out, address)
		}
	}
	return out
}

// addresses are all names that there are, in all domains, with all extensions. A
// name and an extension that nothing is known of stand for all others.
func (p Postfix) addresses() (out []string) {
	names, domains, extensions := map[string]bool{"anything": true}, map[string]bool{}, map[string]bool{"": true, "+any": true}
	note := func(address string) {
		local, domain, _ := strings.Cut(address, "@")
		name, extension, extended := strings.Cut(local, "+")
		domains[domain] = true
		if name != "" {
			names[name] = true
		}
		for extended { // recipients may have added what is before it
			extensions["+"+extension] = true
			_, extension, extended = strings.Cut(extension, "+")
		}
	}
	for from, to := range p {
		note(from)
		for _, r := range to {
			note(r)
		}
	}
	for name := range names {
		for domain := range domains {
			for extension := range extensions {
				out = append(out, name+extension+"@"+domain)
			}
		}
	}
	slices.Sort(out)
	return out
}

// each, extended and into make it aliasRows.
func (p Postfix) each(addresses []string, f func(address, to string)) error {
	for _, a := range addresses {
		for _, to := range p[a] {
			f(a, to)
		}
	}
	return nil
}

func (p Postfix) extended([]string) ([]string, error) {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(p)), func(a string) bool { return !strings.Contains(a, "+") }), nil
}

func (p Postfix) into(domain string, f func(address, to string)) error {
	for from, to := range p {
		for _, r := range to {
			if domainOf(r) == domain {
				f(from, r)
			}
		}
	}
	return nil
}

// TestCircleIsOnePostfixRunsInto changes one alias among others that lead in no
// circle. A circle through it is found if, and only if, Postfix runs into one.
func TestCircleIsOnePostfixRunsInto(t *testing.T) {
	var pool []string
	for _, domain := range []string{"@d.test", "@e.test"} {
		for _, name := range []string{"", "a", "b", "c", "a+x", "b+x", "b+y", "a+x+y"} {
			pool = append(pool, name+domain)
		}
	}
	address := rapid.SampledFrom(append(pool, "far@far.test"))
	property.Check(t, func(t *rapid.T) {
		p := Postfix{}
		for range rapid.IntRange(0, 5).Draw(t, "aliases") {
			p.draw(t, address)
		}
		if rapid.Bool().Draw(t, "domain alias") {
			p["@e.test"] = []string{"@d.test"}
		}
		if len(p.Circles()) > 0 {
			t.Skip("a circle from the start")
		}
		var changed []string
		if len(p) > 0 && rapid.Bool().Draw(t, "take away") {
			old := rapid.SampledFrom(slices.Sorted(maps.Keys(p))).Draw(t, "old")
			changed = append(changed, old)
			delete(p, old)
		}
		if len(changed) == 0 || rapid.Bool().Draw(t, "make") {
			changed = append(changed, p.draw(t, address))
		}
		way, err := newAliasMap(p, '+').circle(changed)
		if err != nil {
			t.Fatal(err)
		}
		if circles := p.Circles(); (len(way) > 0) != (len(circles) > 0) {
			t.Fatalf("%q of %q: way %q, Postfix runs into circles for %q", changed, p, way, circles)
		}
		if len(way) > 0 && (len(way) < 2 || way[0] != way[len(way)-1]) {
			t.Fatalf("%q is no circle", way)
		}
	})
}

// draw makes an alias. What stands for the same name in another domain stands
// alone.
func (p Postfix) draw(t *rapid.T, address *rapid.Generator[string]) string {
	from := address.Draw(t, "alias")
	to := rapid.SliceOfNDistinct(address, 1, 3, rapid.ID).Draw(t, "recipients")
	if i := slices.IndexFunc(to, func(r string) bool { return r[0] == '@' }); i >= 0 {
		to = to[i : i+1]
	}
	p[from] = to
	return from
}
