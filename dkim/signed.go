package dkim

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// maxOwn is how many signatures of our own a message is searched for.
const maxOwn = 8

// earlier is a signature by one of our keys that the message came with.
type earlier struct {
	key          *Key
	header, body Canon
	hash         string // bh=
	names        string // h=
	signature    []byte // b=
	unsigned     []byte // the field without the value of b= and the last CRLF
}

// parseEarlier reads a DKIM-Signature field, which ends with CRLF, and says
// whether it could be one that we made with one of keys.
func parseEarlier(raw []byte, colon int, keys []*Key, now int64) (earlier, bool) {
	tags := map[string]string{}
	var e earlier
	raw = raw[:len(raw)-len("\r\n")]
	for at, rest := 0, string(raw[colon+1:]); rest != ""; {
		tag, after, found := strings.Cut(rest, ";")
		name, value, ok := strings.Cut(tag, "=")
		name = strings.Trim(name, " \t\r\n")
		if name == "b" && ok {
			begin := colon + 1 + at + len(tag) - len(value)
			e.unsigned = append(bytes.Clone(raw[:begin]), raw[begin+len(value):]...)
		}
		if _, twice := tags[name]; twice {
			return e, false
		}
		tags[name] = strings.Map(dropBlank, value)
		at += len(tag)
		if found {
			at++
		}
		rest = after
	}
	if tags["v"] != "1" || tags["l"] != "" || tags["b"] == "" {
		return e, false
	}
	for _, k := range keys {
		if k.Algorithm.String() == tags["a"] && isNamed(k, tags["d"], tags["s"]) {
			e.key = k
		}
	}
	if expire, err := strconv.ParseInt(tags["x"], 10, 64); tags["x"] != "" && (err != nil || expire < now) {
		return e, false
	}
	header, body, _ := strings.Cut(tags["c"], "/")
	var errHeader, errBody, errSignature error
	e.header, errHeader = ParseCanon(header)
	e.body, errBody = ParseCanon(body)
	e.signature, errSignature = base64.StdEncoding.DecodeString(tags["b"])
	e.hash, e.names = tags["bh"], tags["h"]
	return e, e.key != nil && errHeader == nil && errBody == nil && errSignature == nil
}

// isNamed says whether a key signs under these names.
func isNamed(k *Key, domain, selector string) bool {
	return strings.EqualFold(k.Domain, domain) && strings.EqualFold(k.Selector, selector)
}

func dropBlank(r rune) rune {
	if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
		return -1
	}
	return r
}

// findEarlier looks for signatures by the keys.
func (m *Message) findEarlier(keys []*Key) {
	m.earlier = m.earlier[:0]
	for _, f := range m.header.fields {
		if f.index != signatureField || len(m.earlier) == maxOwn {
			continue
		}
		e, ok := parseEarlier(m.header.raw[f.start:f.end], f.colon-f.start, keys, m.o.now().Unix())
		if ok {
			m.earlier = append(m.earlier, e)
		}
	}
}

// fits says whether the signature still fits header and body.
func (m *Message) fits(e earlier) bool {
	sum := m.body(e.body)
	if e.hash != base64.StdEncoding.EncodeToString(sum[:]) {
		return false
	}
	p := m.header.picker()
	input := m.input[:0]
	for name := range strings.SplitSeq(e.names, ":") {
		index := fieldIndex(name)
		if index < 0 {
			return false // not ours: we do not sign it
		}
		input = p.appendField(input, index, e.header)
	}
	input = appendLast(input, e.unsigned, bytes.IndexByte(e.unsigned, ':'), e.header)
	m.input = input[:0]
	digest := sha256.Sum256(input)
	return e.key.verify(digest[:], e.signature)
}
