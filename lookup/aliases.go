package lookup

import "strings"

var aliases = Table{
	Name:  "aliases",
	Param: "virtual_alias_maps",
	Doc: "Where mail for an address goes. Answers the recipients of the enabled, unexpired aliases of the address; else those of the address without " +
		"its extension, each with the extension put back; else those of the catch-all or domain alias @domain.",
	find: findAlias,
}

func findAlias(q *query) {
	if q.addAliases(q.key.full, ""); q.found() {
		return
	}
	if q.key.base != "" {
		if q.addAliases(q.key.base, q.key.extension); q.found() {
			return
		}
	}
	if q.key.local != "" {
		q.addAliases(q.key.full[len(q.key.local):], "")
	}
}

// addAliases adds the recipients of the live aliases of an address, with an
// extension put back into each.
func (q *query) addAliases(address, extension string) {
	at := q.At(address)
	if at.OnlyItself() {
		q.add(q.recipient(address, true, extension))
		return
	}
	for a := at.Aliases(); a.Next(); {
		if !q.live(&a.Alias) {
			continue
		}
		for r := a.Recipients(); r.Next(); {
			q.add(q.recipient(r.Address(), r.Known(), extension))
		}
	}
}

// recipient writes a recipient as Postfix must read it; known ones are a
// mailbox or alias here. "@domain" stays: there
// Postfix itself puts the whole original local part in front (postfix
// src/global/mail_addr_map.c).
func (q *query) recipient(address string, known bool, extension string) string {
	at := strings.LastIndexByte(address, '@')
	if at == 0 {
		return address
	}
	local, rest := address, ""
	if at > 0 {
		local, rest = address[:at], address[at:]
	}
	switch {
	case isQuoted(local):
		if extension == "" {
			return address
		}
		return q.join(local[:len(local)-1], extension, `"`, rest)
	case known && !isDotAtom(local):
		// A list of addresses is split at spaces and commas. The row says that
		// this is one address, so its odd local part wants quotes.
		return q.join(`"`, quoteEscape.Replace(local), extension, `"`, rest)
	case extension == "":
		return address
	default:
		return q.join(local, extension, rest)
	}
}

var quoteEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func isQuoted(local string) bool {
	return len(local) >= 2 && local[0] == '"' && local[len(local)-1] == '"'
}

// isDotAtom reports whether a local part can stand without quotes (RFC 5321
// section 4.1.2, RFC 6531 section 3.3). Dots in odd places are let pass, as
// Postfix lets them pass.
func isDotAtom(local string) bool {
	for i := 0; i < len(local); i++ {
		if c := local[i]; c <= ' ' || strings.IndexByte(`()<>[]:;@\,"`, c) >= 0 {
			return false
		}
	}
	return true
}
