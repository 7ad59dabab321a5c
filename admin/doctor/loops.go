package doctor

import (
	"slices"
	"strings"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// Loops of aliases.
//
// Postfix expands an address, then each address that this made, and so on. It
// leaves an address alone that has once expanded to itself, among others or not:
// that is where mail is delivered (postfix src/cleanup/cleanup_map1n.c). So a
// cycle is a loop unless one of its addresses expands to itself; after a
// thousand turns Postfix gives up and tells the client to try again.
//
// Addresses are not just those of the rows: an extension is passed on to what an
// address expands to, a catch-all takes what nobody else takes. Both are endless
// in number, so one stands for all:
//
//	+\x01      an extension that no alias has in its address
//	\x01@d     an address of d that no alias and no mailbox has
//
// No row has a control byte in it. An extension that was put together and is
// longer than all in the rows is +\x01 as well. If each turn makes it longer, as
// with a -> a+x, addresses are new in each turn, and expanding to itself ends
// nothing.

const anyone = "\x01"

func checkLoops() Check {
	return Check{
		Name: "alias-loop", Group: "aliases",
		Text: "Aliases that lead back to themselves, directly, through each other, through catch-alls, domain aliases or extensions. " +
			"Postfix gives up after a thousand turns: mail for any of them waits at the sender and comes back after days.",
		Do:   "Take one step of the loop out: each finding names the rows that it goes through.",
		look: look{alias: (*run).noteLoopStart, finish: (*run).findLoops},
	}
}

// loopStarts are where the search for loops begins.
type loopStarts struct {
	addresses []string
	longest   int // extension of an alias or recipient, in bytes
}

// noteLoopStart keeps an alias that could be a part of a loop.
func (r *run) noteLoopStart(a *store.Alias, to store.RecipientRows) {
	if !a.Live(r.now) {
		return
	}
	r.noteExtension(a.Address)
	leads := false
	for to.Next() {
		address := store.Fold(to.Address())
		r.noteExtension(address)
		leads = leads || address != a.Address && !r.ends(address)
	}
	if leads {
		r.loops.addresses = append(r.loops.addresses, a.Address)
	}
}

func (r *run) noteExtension(address string) {
	_, extension := lookup.SplitExtension(address, r.Lookup.RecipientDelimiter)
	r.loops.longest = max(r.loops.longest, len(extension))
}

// ends reports whether an address surely expands to nothing else.
func (r *run) ends(address string) bool {
	base, extension := lookup.SplitExtension(address, r.Lookup.RecipientDelimiter)
	at := strings.LastIndexByte(base, '@')
	if at == 0 {
		return false // @domain
	}
	if extension != "" && hasAlias(r.s.At(address)) {
		return false
	}
	if a := r.s.At(base); hasAlias(a) {
		return a.OnlyItself()
	}
	return at < 0 || !hasAlias(r.s.At(base[at:]))
}

func hasAlias(a store.Address) bool {
	rows := a.Aliases()
	return rows.Next()
}

// findLoops reports each loop once.
func (r *run) findLoops() {
	for _, loop := range r.aliasGraph().loops() {
		r.sayLoop(loop)
	}
}

// aliasGraph draws all that the starts lead to.
func (r *run) aliasGraph() *aliasGraph {
	g := &aliasGraph{r: r, nodes: map[string]*aliasNode{}}
	for _, address := range r.loops.addresses {
		if r.stop() {
			break
		}
		if strings.HasPrefix(address, "@") {
			g.grow(anyone + address)
			continue
		}
		g.grow(address)
		if base, extension := lookup.SplitExtension(address, r.Lookup.RecipientDelimiter); r.Lookup.RecipientDelimiter != "" && extension == "" {
			g.grow(g.extend(base))
		}
	}
	return g
}

// sayLoop reports a loop; its nodes are in order, the first comes after the
// last.
func (r *run) sayLoop(loop []*aliasNode) {
	path := make([]string, 0, len(loop)+1)
	for _, n := range loop {
		path = append(path, shown(n.address, r.Lookup.RecipientDelimiter))
	}
	path = turnToFirst(path)
	path = append(path, path[0])
	remedy := "take out one of these steps: " + r.stepsOf(path)
	grown := ""
	if growing(loop) {
		grown = ", with a longer extension in each turn"
	}
	r.say(Error, strings.Join(path, " -> "), remedy, "the aliases come back to where they began%s: Postfix gives up after 1000 turns, and the sender is told to try again until he gives up", grown)
}

// stepsOf names the rows that a path goes through.
func (r *run) stepsOf(path []string) string {
	var steps []string
	for i, address := range path[:len(path)-1] {
		steps = append(steps, r.aliasRow(address)+" has a recipient that leads to "+path[i+1])
	}
	return strings.Join(steps, "; ")
}

// aliasRow names the live alias that answers for an address.
func (r *run) aliasRow(address string) string {
	base, _ := lookup.SplitExtension(address, r.Lookup.RecipientDelimiter)
	for _, key := range []string{address, base, base[strings.LastIndexByte(base, '@'):]} {
		for a := range r.s.Aliases(key).All() {
			if a.Live(r.now) {
				return row("admin_alias", a.ID) + " (" + key + ")"
			}
		}
	}
	return address
}

// shown is an address for people: what stands for many is left out.
func shown(address, delimiters string) string {
	if strings.HasPrefix(address, anyone) {
		return address[len(anyone):]
	}
	if base, extension := lookup.SplitExtension(address, delimiters); strings.Contains(extension, anyone) {
		return base
	}
	return address
}

// turnToFirst turns a cycle so that the smallest of its turns comes out, whichever
// goes in.
func turnToFirst(path []string) []string {
	first := path
	for i := range path {
		if turned := slices.Concat(path[i:], path[:i]); slices.Compare(turned, first) < 0 {
			first = turned
		}
	}
	return first
}
