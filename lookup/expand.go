package lookup

import (
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
)

// Expander expands addresses as Postfix does with the table aliases, one step
// at a time, for those who look at many. It is for one goroutine.
type Expander struct {
	q   query
	s   *store.Snapshot
	o   Options
	now time.Time
	buf []byte
}

// NewExpander returns an Expander over s as it is at now.
func NewExpander(s *store.Snapshot, o Options, now time.Time) *Expander {
	return &Expander{s: s, o: o, now: now}
}

// Expand returns the addresses that one step makes of an address, without
// quotes, nil if no alias answers. An address that expands to itself ends there
// (postfix src/cleanup/cleanup_map1n.c).
func (e *Expander) Expand(address string) []string {
	value, found := e.q.run(&aliases, e.s, &e.o, func() time.Time { return e.now }, e.buf[:0], []byte(address))
	e.buf = value
	if !found {
		return nil
	}
	list := recipientsIn(string(value), address)
	for i := range list {
		list[i] = unquote(list[i])
	}
	return list
}

// recipientsIn takes the table's answer for an address apart. To an answer that
// begins with @ Postfix itself adds the whole local part (postfix
// src/global/mail_addr_map.c).
func recipientsIn(answer, address string) []string {
	if answer[0] == '@' {
		answer = address[:strings.LastIndexByte(address, '@')] + answer
	}
	return splitList(answer)
}

// SplitExtension splits an address into itself without extension and the
// extension with its delimiter, "" if there is none to strip.
func SplitExtension(address, delimiters string) (base, extension string) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address, ""
	}
	cut := ExtensionAt(address[:at], delimiters)
	if cut < 0 {
		return address, ""
	}
	return address[:cut] + address[at:], address[cut:at]
}
