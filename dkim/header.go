package dkim

import "strings"

// maxSigned is how many fields are signed at most. A message with more is not
// signed at all: h= would grow out of what verifiers and MTAs take.
const maxSigned = 1000

// keepBuffers is the size in bytes up to which a Message keeps its buffers for
// the next one.
const keepBuffers = 128 << 10

// field is a field of the header that may be signed, kept as it will leave the
// MTA, with CRLF.
type field struct {
	index      int // among signables, or signatureField
	start, end int // in header.raw
	colon      int
	above      int // in header.fields: the instance of the same name above this one, or -1
}

// header keeps the fields that may be signed.
type header struct {
	raw    []byte
	fields []field
	lowest [len(signables)]int // in fields: the last instance of each name, or -1
	counts [len(signables)]int
	signed int // how many of fields may be signed

	bytes     int // of the whole block
	longLines int
	oversized bool
}

func (h *header) reset() {
	raw, fields := h.raw, h.fields
	if cap(raw) > keepBuffers {
		raw, fields = nil, nil
	}
	*h = header{raw: raw[:0], fields: fields[:0]}
	for i := range h.lowest {
		h.lowest[i] = -1
	}
}

// add takes a field. Past the limit it only counts.
func (h *header) add(name, value string, leadspc bool, limit int) {
	h.bytes += len(name) + len(":") + len(value) + len("\r\n") + strings.Count(value, "\n")
	h.longLines += longLines(len(name)+len(":"), value)
	index := fieldIndex(strings.TrimRight(name, " \t"))
	if index >= 0 {
		h.signed++
	}
	if h.bytes > limit || h.signed > maxSigned {
		h.oversized = true
	}
	if index == otherField || h.oversized {
		return
	}
	f := field{index: index, start: len(h.raw), colon: len(h.raw) + len(name), above: -1}
	h.raw = append(append(h.raw, name...), ':')
	if !leadspc {
		h.raw = append(h.raw, ' ')
	}
	h.raw = append(appendWire(h.raw, value), "\r\n"...)
	f.end = len(h.raw)
	if index >= 0 {
		f.above, h.lowest[index] = h.lowest[index], len(h.fields)
		h.counts[index]++
	}
	h.fields = append(h.fields, f)
}

// longLines counts the lines of a field that are longer than SMTP carries.
func longLines(before int, value string) (n int) {
	for line := range strings.SplitSeq(value, "\n") {
		if before+len(strings.TrimSuffix(line, "\r")) > maxLine {
			n++
		}
		before = 0
	}
	return n
}

// appendWire appends text with LF and CRLF as CRLF.
func appendWire(dst []byte, text string) []byte {
	for {
		i := strings.IndexByte(text, '\n')
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(append(dst, strings.TrimSuffix(text[:i], "\r")...), "\r\n"...)
		text = text[i+1:]
	}
}

// appendCanonical appends a whole field, which ends with CRLF, in its canonical
// form (RFC 6376, sections 3.4.1 and 3.4.2); colon is the index of its colon.
func appendCanonical(dst, raw []byte, colon int, c Canon) []byte {
	if c == Simple {
		return append(dst, raw...)
	}
	name := raw[:colon]
	for len(name) > 0 && (name[len(name)-1] == ' ' || name[len(name)-1] == '\t') {
		name = name[:len(name)-1]
	}
	for _, b := range name {
		dst = append(dst, lower(b))
	}
	dst = append(dst, ':')
	begin := len(dst)
	blank := false
	value := raw[colon+1:]
	for i := 0; i < len(value); i++ {
		switch b := value[i]; {
		case b == ' ' || b == '\t':
			blank = true
		case b == '\r' && i+1 < len(value) && value[i+1] == '\n':
			i++
		default:
			if blank && len(dst) > begin {
				dst = append(dst, ' ')
			}
			blank = false
			dst = append(dst, b)
		}
	}
	return append(dst, "\r\n"...)
}

// pick walks up the instances of each name, as verifiers do for each time that
// h= has the name (RFC 6376, section 5.4.2).
type pick struct {
	h    *header
	next [len(signables)]int
}

func (h *header) picker() pick { return pick{h: h, next: h.lowest} }

// appendField appends the canonical form of the next instance up, or nothing
// if there is none.
func (p *pick) appendField(dst []byte, index int, c Canon) []byte {
	i := p.next[index]
	if i < 0 {
		return dst
	}
	f := p.h.fields[i]
	p.next[index] = f.above
	return appendCanonical(dst, p.h.raw[f.start:f.end], f.colon-f.start, c)
}
