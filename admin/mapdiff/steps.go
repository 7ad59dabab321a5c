package mapdiff

import (
	"strings"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// Names of tables that steps depend on.
const (
	transport = "transport"
	split     = "spliteddomains-transport"
	relay     = "relay-domains"
	aliases   = "aliases"
	senders   = "sender-login"
)

// step is one question that Postfix puts to a map.
type step struct {
	of  int // which of the table's maps
	key string
	// extension, if not "", is added to every address of the answer.
	extension string
}

// steps are the questions that Postfix puts to the maps of a table about a key,
// in order; the first that is answered counts.
func steps(table string, maps []Map, raw string, o *lookup.Options) []step {
	key := strings.ToLower(raw)
	local, domain, base, extension := cut(raw, key, o.RecipientDelimiter)
	var out []step
	whole := func(k string) {
		for i := range maps {
			out = append(out, step{of: i, key: k})
		}
	}
	part := func(k, extension string) {
		for i, m := range maps {
			if m.Partial && k != "" {
				out = append(out, step{i, k, extension})
			}
		}
	}
	whole(key)
	switch {
	case table == relay && domain == "":
		if o.ParentDomains {
			eachParent(key, func(p string) { part(p, "") })
		}
	case table == transport || table == "autoreply-transport":
		part(base, "")
		if domain == "" {
			domain = key
		} else {
			part(domain, "")
		}
		eachParent(domain, func(p string) { part("."+p, "") })
		whole("*")
	case table == aliases || table == senders:
		part(base, map[bool]string{true: extension}[table == aliases])
		if local != "" {
			part("@"+domain, "")
		}
	case strings.Contains(key, "@"): // check_recipient_access
		part(base, "")
		part(domain, "")
		eachParent(domain, func(p string) { part(p, "") })
	}
	return out
}

func eachParent(domain string, f func(string)) {
	for rest := domain; ; {
		_, after, ok := strings.Cut(rest, ".")
		if !ok || after == "" {
			return
		}
		rest = after
		f(rest)
	}
}

// cut takes an address apart. base is the address without its extension, ""
// if it has none; extension is spelled as it came.
func cut(raw, key, delimiters string) (local, domain, base, extension string) {
	at := strings.LastIndexByte(key, '@')
	if at < 0 {
		return "", "", "", ""
	}
	local, domain = key[:at], key[at+1:]
	if i := lookup.ExtensionAt(local, delimiters); i >= 0 {
		base = local[:i] + "@" + domain
		extension = local[i:]
		if len(raw) == len(key) {
			extension = raw[i:at]
		}
	}
	return local, domain, base, extension
}

// withExtension adds an extension to every address of a list, as cleanup(8) does.
func withExtension(list, extension string) string {
	if extension == "" {
		return list
	}
	out := strings.Split(list, ",")
	for i, a := range out {
		if at := strings.LastIndexByte(a, '@'); at > 0 {
			out[i] = a[:at] + extension + a[at:]
		}
	}
	return strings.Join(out, ",")
}

// same compares answers: lists as sets and without case, others as they are.
func same(table, a, b string) bool {
	if table != aliases && table != senders {
		return a == b
	}
	return equalSets(a, b)
}

func equalSets(a, b string) bool {
	x, y := set(a), set(b)
	if len(x) != len(y) {
		return false
	}
	for v := range x {
		if !y[v] {
			return false
		}
	}
	return true
}

// set returns the addresses of a list. How a local part is quoted is not looked
// at, as long as it is.
func set(list string) map[string]bool {
	out := map[string]bool{}
	for v := range strings.SplitSeq(store.Fold(list), ",") {
		v = strings.TrimSpace(v)
		if at := strings.LastIndexByte(v, '@'); at > 0 && strings.ContainsRune(v[:at], '"') {
			v = `"` + unquoted(v[:at]) + `"` + v[at:]
		}
		out[v] = true
	}
	return out
}

func unquoted(s string) string { return strings.NewReplacer(`"`, "", `\`, "").Replace(s) }
