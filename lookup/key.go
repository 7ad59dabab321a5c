package lookup

import (
	"strings"
	"unsafe"

	"github.com/vmapd/vmapd/store"
)

// key is a lookup key in all the forms that Postfix would ask a SQL map for.
// Its strings point into a query's buffer.
type key struct {
	full    string // folded
	address bool   // has an @
	local   string // before the last @, folded
	domain  string // after it, folded; the whole key if there is no @
	// base is the address without extension, "" if there is none to strip.
	base      string
	baseLocal string
	extension string // with its delimiter, as the client spelled it
}

// parse takes raw apart. It appends to buf what the key points into.
func (k *key) parse(buf, raw []byte, delimiters string) []byte {
	buf = store.AppendFold(buf[:0], raw)
	n := len(buf)
	*k = key{full: view(buf)}
	k.domain = k.full
	at := strings.LastIndexByte(k.full, '@')
	if at < 0 {
		return buf
	}
	k.address, k.local, k.domain = true, k.full[:at], k.full[at+1:]
	cut := ExtensionAt(k.local, delimiters)
	if cut < 0 {
		return buf
	}
	buf = append(append(buf, k.local[:cut]...), k.full[at:]...)
	// The buffer may have moved; the folded key itself lives on where it was.
	k.base = view(buf[n:])
	k.baseLocal = k.base[:cut]
	rawText := view(raw)
	rawLocal := rawText[:strings.LastIndexByte(rawText, '@')]
	if rawCut := ExtensionAt(rawLocal, delimiters); rawCut >= 0 {
		k.extension = rawLocal[rawCut:]
	}
	return buf
}

// view returns b as a string without a copy; b must not be changed while the
// string is in use.
func view(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}

// ExtensionAt returns where the extension of a local part begins, or -1. The
// delimiters are a set of characters; the split is at the first one. Nothing is
// split off the addresses that mail itself depends on, nor at the ends, nor,
// where "-" is a delimiter, off owner-list and list-request (postfix
// src/global/split_addr.c).
func ExtensionAt(local, delimiters string) int {
	if delimiters == "" {
		return -1
	}
	i := strings.IndexAny(local, delimiters)
	if i <= 0 || i == len(local)-1 {
		return -1
	}
	for _, special := range [...]string{"postmaster", "mailer-daemon", "double-bounce"} {
		if strings.EqualFold(local, special) {
			return -1
		}
	}
	if strings.IndexByte(delimiters, '-') >= 0 {
		const owner, request = "owner-", "-request"
		if len(local) >= len(owner) && strings.EqualFold(local[:len(owner)], owner) {
			return -1
		}
		if len(local) > len(request) && strings.EqualFold(local[len(local)-len(request):], request) {
			return -1
		}
	}
	return i
}
