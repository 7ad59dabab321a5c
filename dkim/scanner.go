package dkim

import "strings"

// tokenKind is a kind of token, or the special that it is.
type tokenKind byte

const (
	tokenEnd     tokenKind = 0
	tokenWord    tokenKind = 'w'
	tokenEncoded tokenKind = 'e' // an encoded-word (RFC 2047)
	tokenQuoted  tokenKind = '"'
	tokenBroken  tokenKind = '!' // a quoted string or comment without an end
)

// specials end a word. A backslash does not: it means nothing outside quotes.
const specials = `()<>[]:;@,."`

// scanner splits the value of an address field into tokens. Comments and white
// space, folds included, stand between tokens and are no tokens.
type scanner struct {
	text       string
	kind       tokenKind
	start, end int // of the token
}

// word returns the text of the token.
func (s *scanner) word() string { return s.text[s.start:s.end] }

// next goes to the next token. The last one is tokenEnd or tokenBroken for ever.
func (s *scanner) next() {
	if s.kind == tokenBroken {
		return
	}
	s.start = skipCFWS(s.text, s.end)
	switch {
	case s.start < 0:
		s.kind, s.start, s.end = tokenBroken, len(s.text), len(s.text)
	case s.start == len(s.text):
		s.kind, s.end = tokenEnd, s.start
	case s.text[s.start] == '"':
		s.kind, s.end = tokenQuoted, quotedEnd(s.text, s.start+1)
		if s.end < 0 {
			s.kind, s.end = tokenBroken, len(s.text)
		}
	case strings.IndexByte(specials, s.text[s.start]) >= 0:
		s.kind, s.end = tokenKind(s.text[s.start]), s.start+1
	default:
		s.kind, s.end = tokenWord, s.start
		if end := encodedEnd(s.text, s.start); end > 0 {
			s.kind, s.end = tokenEncoded, end
		}
		for s.end < len(s.text) && !isWSP(s.text[s.end]) && strings.IndexByte(specials, s.text[s.end]) < 0 {
			s.end++
		}
	}
}

func isWSP(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// skipCFWS returns where white space and comments end, -1 if a comment does not.
func skipCFWS(text string, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c == '(':
			depth++
		case depth == 0 && !isWSP(c):
			return i
		case c == ')':
			depth--
		case c == '\\':
			i++
		}
	}
	if depth > 0 {
		return -1
	}
	return len(text)
}

// quotedEnd returns where the quoted string ends whose text begins at i, -1
// if it does not.
func quotedEnd(text string, i int) int {
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// encodedEnd returns where the encoded-word ends that begins at i, -1 if there
// is none. Some programs leave marks like : and , in encoded names, which
// this covers; with marks that could hide an address or a piece of one it
// counts as the words it is made of.
func encodedEnd(text string, i int) int {
	if !strings.HasPrefix(text[i:], "=?") {
		return -1
	}
	i += 2
	for part := range 3 {
		begin := i
		for i < len(text) && text[i] > ' ' && text[i] < 0x7f && strings.IndexByte(`"()<>@\?`, text[i]) < 0 {
			i++
		}
		if i == len(text) || text[i] != '?' || i == begin && part < 2 {
			return -1
		}
		i++
	}
	if i == len(text) || text[i] != '=' {
		return -1
	}
	return i + 1
}
