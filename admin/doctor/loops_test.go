package doctor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

func TestLoops(t *testing.T) {
	for _, tc := range []struct {
		name string
		rows func(*world)
		want []string // subjects
	}{
		{"itself alone", func(w *world) { w.alias("a@d.test", "a@d.test") }, nil},
		{"both keep a copy", func(w *world) {
			w.alias("a@d.test", "a@d.test", "b@d.test")
			w.alias("b@d.test", "a@d.test")
		}, nil},
		{"three", func(w *world) {
			w.alias("a@d.test", "b@d.test")
			w.alias("b@d.test", "far@remote.test", "c@d.test")
			w.alias("c@d.test", "A@D.test")
			w.alias("z@d.test", "a@d.test") // leads there, is no part of it
		}, []string{"a@d.test -> b@d.test -> c@d.test -> a@d.test"}},
		{"two through one", func(w *world) {
			w.alias("a@d.test", "b@d.test", "c@d.test")
			w.alias("b@d.test", "a@d.test")
			w.alias("c@d.test", "a@d.test")
		}, []string{"a@d.test -> b@d.test -> a@d.test", "a@d.test -> c@d.test -> a@d.test"}},
		{"a short cut", func(w *world) {
			w.alias("a@d.test", "b@d.test", "c@d.test")
			w.alias("b@d.test", "c@d.test")
			w.alias("c@d.test", "a@d.test")
		}, []string{"a@d.test -> b@d.test -> c@d.test -> a@d.test", "a@d.test -> c@d.test -> a@d.test"}},
		{"disabled or expired", func(w *world) {
			w.alias("a@d.test", "b@d.test")
			w.aliasRow(store.Alias{Address: "b@d.test", ExpireAt: 1, Enabled: true}, "a@d.test")
			w.aliasRow(store.Alias{Address: "b@d.test", Internal: true}, "a@d.test")
		}, nil},
		{"catch-alls", func(w *world) {
			w.alias("@d.test", "nobody@e.test")
			w.alias("@e.test", "nobody@d.test")
		}, []string{"nobody@d.test -> nobody@e.test -> nobody@d.test"}},
		{"catch-all of one", func(w *world) { w.alias("@d.test", "nobody@d.test") }, nil},
		{"domain aliases", func(w *world) {
			w.aliasRow(store.Alias{Address: "@d.test", Enabled: true, Internal: true}, "@e.test")
			w.aliasRow(store.Alias{Address: "@e.test", Enabled: true, Internal: true}, "@d.test")
		}, []string{"@d.test -> @e.test -> @d.test"}},
		{"through a domain alias", func(w *world) {
			w.aliasRow(store.Alias{Address: "@e.test", Enabled: true, Internal: true}, "@d.test")
			w.alias("a@d.test", "b@e.test")
			w.alias("b@d.test", "a@d.test")
		}, []string{"a@d.test -> b@e.test -> b@d.test -> a@d.test"}},
		{"by extension", func(w *world) {
			w.alias("a@d.test", "b+x@d.test")
			w.alias("b@d.test", "a@d.test")
		}, []string{"a@d.test -> b@d.test -> a@d.test"}},
		{"by an extension of a way in", func(w *world) {
			w.alias("z@d.test", "b+x@d.test")
			w.alias("b@d.test", "c@d.test")
			w.alias("c@d.test", "b@d.test")
		}, []string{"b@d.test -> c@d.test -> b@d.test"}},
		{"that grows", func(w *world) { w.alias("a@d.test", "a@d.test", "a+x@d.test") }, []string{"a@d.test -> a@d.test"}},
		{"by an extension that an alias has", func(w *world) {
			w.alias("a@d.test", "b+x@d.test")
			w.alias("b@d.test", "c@d.test")
			w.alias("c+x@d.test", "a@d.test")
		}, []string{"a@d.test -> b+x@d.test -> c+x@d.test -> a@d.test"}},
		{"by an extension that goes along", func(w *world) {
			w.alias("a@d.test", "p@d.test")
			w.alias("p@d.test", "far@remote.test")
			w.alias("p+x@d.test", "a+x@d.test")
		}, []string{"a+x@d.test -> p+x@d.test -> a+x@d.test"}},
		{"past a catch-all's own recipient", func(w *world) {
			w.aliasRow(store.Alias{Address: "@e.test", Enabled: true, Internal: true}, "@d.test")
			w.alias("@d.test", "a@d.test", "a@e.test", "a+x@e.test")
		}, []string{"a+x@d.test -> a+x@e.test -> a+x@d.test"}},
		{"only with an extension", func(w *world) {
			w.alias("a@d.test", "b+x@d.test")
			w.alias("b+x@d.test", "far@remote.test") // mail to a@ ends here, mail to a+y@ does not
			w.alias("b@d.test", "a@d.test")
		}, []string{"a@d.test -> b@d.test -> a@d.test"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld()
			w.domain("d.test")
			w.domain("e.test")
			tc.rows(w)
			var got []string
			for _, f := range diagnose(t, w, "alias-loop") {
				got = append(got, f.Subject)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("loops %q, want %q", got, tc.want)
			}
		})
	}
}

// postfix is cleanup_map1n of Postfix, step by step, with limits that are enough
// for what the test draws: it reports whether an address expands to an end.
func postfix(e *lookup.Expander, address string) bool {
	list := []string{address}
	ended := map[string]bool{}
	steps := 0
	for arg := 0; arg < len(list); arg++ {
		for !ended[store.Fold(list[arg])] {
			from := list[arg]
			if steps++; steps > 1500 || len(from) > 200 {
				return false
			}
			to := e.Expand(from)
			if to == nil {
				break
			}
			list[arg] = to[0]
			list = append(list, to[1:]...)
			for _, a := range to {
				if store.Fold(a) == store.Fold(from) {
					ended[store.Fold(from)] = true
				}
			}
		}
	}
	return true
}

// TestLoopsAreThosePostfixRunsInto: over random aliases, an address leads to a
// loop that is reported if, and only if, Postfix does not come to an end with
// it.
func TestLoopsAreThosePostfixRunsInto(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"a@d.test", "b@d.test", "A@e.test", "c@e.test", "b+x@d.test", "a+x@e.test", "c+x+x@e.test", "@d.test", "@e.test", "b+y@d.test", "nobody@d.test", "n+x@e.test", "far@remote.test"})
		w := newWorld()
		w.domain("d.test")
		w.domain("e.test")
		w.box("a@d.test")
		var starts []string
		for range rapid.IntRange(1, 5).Draw(t, "aliases") {
			address := name.Draw(t, "alias")
			to := rapid.SliceOfN(name, 1, 2).Draw(t, "recipients")
			w.aliasRow(store.Alias{Address: address, Enabled: rapid.IntRange(0, 9).Draw(t, "on") > 0, Internal: rapid.Bool().Draw(t, "internal")}, to...)
			starts = append(starts, address)
		}
		s := w.build()
		r := &run{Input: &Input{Lookup: options(), GiveWay: func() {}}, ctx: t.Context(), s: s, expander: lookup.NewExpander(s, options(), now()), now: now().UnixMicro()}
		for a, to := range s.AllAliases() {
			r.noteLoopStart(&a, to)
		}
		g := r.aliasGraph()
		loops := g.loops()
		seen := map[string]bool{}
		for _, loop := range loops {
			path := addressesOf(loop)
			if key := strings.Join(turnToFirst(path), " "); seen[key] {
				t.Fatalf("the loop %s is there twice", key)
			} else {
				seen[key] = true
			}
		}
		for _, start := range starts {
			for _, extension := range []string{"", "+", "+x"} {
				from, like := begin(start, extension)
				if got, want := !reaches(g, from, loops), postfix(r.expander, like); got != want {
					t.Fatalf("%s: ends %v, with Postfix %v\nloops %v", like, got, want, seen)
				}
			}
		}
	})
}

// begin gives an address to start with for an alias: as the graph has it, and as
// a client could write it. "+" stands for some extension.
func begin(alias, extension string) (from, like string) {
	at := strings.LastIndexByte(alias, '@')
	local, domain := alias[:at], alias[at:]
	some, many := local, local
	if local == "" {
		some, many = "zz", anyone
	}
	switch extension {
	case "+":
		return many + "+" + anyone + domain, some + "+qq" + domain
	default:
		return many + extension + domain, some + extension + domain
	}
}

func addressesOf(loop []*aliasNode) (path []string) {
	for _, n := range loop {
		path = append(path, n.address)
	}
	return path
}

// reaches reports whether an address leads into a loop.
func reaches(g *aliasGraph, from string, loops [][]*aliasNode) bool {
	first, _ := g.canonical(from)
	seen := map[string]bool{first: true}
	for todo := []string{first}; len(todo) > 0; {
		address := todo[0]
		todo = todo[1:]
		if slices.ContainsFunc(loops, func(loop []*aliasNode) bool { return goesRound(g, address, addressesOf(loop)) }) {
			return true
		}
		for _, to := range g.r.expander.Expand(address) {
			if name, _ := g.canonical(to); !seen[name] {
				seen[name] = true
				todo = append(todo, name)
			}
		}
	}
	return false
}

// goesRound reports whether an address goes round in a loop. A loop without
// extensions is told of once, but every extension goes round in it that no
// address of it has an alias with; and so does everybody in a loop of catch-alls
// who has no alias of his own.
func goesRound(g *aliasGraph, address string, path []string) bool {
	if slices.Contains(path, address) || anybodyGoesRound(g, address, path) {
		return true
	}
	base, extension := lookup.SplitExtension(address, "+")
	for _, p := range path {
		at := strings.LastIndexByte(p, '@')
		if _, has := lookup.SplitExtension(p, "+"); has != "" || strings.HasPrefix(p, anyone) || g.r.liveAlias(g.r.s.At(p[:at]+extension+p[at:])) && extension != "" {
			return false
		}
	}
	return slices.Contains(path, base)
}

func anybodyGoesRound(g *aliasGraph, address string, path []string) bool {
	local := address[:strings.LastIndexByte(address, '@')]
	found := false
	for _, p := range path {
		domain, ok := strings.CutPrefix(p, anyone)
		own := local + domain
		base, _ := lookup.SplitExtension(own, "+")
		if !ok || domain[0] != '@' || g.r.liveAlias(g.r.s.At(own)) || g.r.liveAlias(g.r.s.At(base)) {
			return false
		}
		found = found || own == address
	}
	return found
}

// TestManyLoops: addresses that all lead to each other are told of in bounds.
func TestManyLoops(t *testing.T) {
	w := newWorld()
	w.domain("d.test")
	var all []string
	for i := range 60 {
		all = append(all, fmt.Sprintf("a%02d@d.test", i))
	}
	for i, a := range all {
		w.alias(a, slices.Concat(all[:i], all[i+1:])...)
	}
	list := diagnose(t, w, "alias-loop")
	if n := len(list); n != maxExamples+1 || list[n-1].Count < maxLoops-maxExamples {
		t.Errorf("%d findings, the last %+v", n, list[n-1])
	}
}
