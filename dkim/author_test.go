package dkim

import (
	"regexp"
	"strings"
	"testing"
)

const (
	malformed = "!malformed"
	many      = "!many"
)

// authorCases are values of From with the domain that is expected, or one of
// the two above.
var authorCases = []struct{ value, want string }{
	{"a@b.example", "b.example"},
	{" <a@b.example>\r\n", "b.example"},
	{"A <a@b.example>", "b.example"},
	{`"A, x@y.example" <a@b.example>`, "b.example"},
	{`"q\"uote <x@y.example>" <a@b.example>`, "b.example"},
	{"(x@y.example) a@b.example (c (d) \\) )", "b.example"},
	{"a\r\n (c)\r\n\t.(d) b @ (e) b (f) . \r\n example", "b.example"},
	{`"a b"@b.example`, "b.example"},
	{`"x@y.example"@b.example`, "b.example"},
	{`a."b".c@b.example`, "b.example"},
	{`""@b.example`, "b.example"},
	{"a..b@b.example", "b.example"},
	{".a@b.example", "b.example"},
	{"J. R. <a@b.example>", "b.example"},
	{"a@work <a@b.example>", "b.example"},
	{"A [team] <a@b.example>", "b.example"},
	{"Doe, A <a@b.example>", "b.example"},
	{"Doe, A, Dr. <a@b.example>", "b.example"},
	{`A \ B <a@b.example>`, "b.example"},
	{"A ) <a@b.example>", "b.example"},
	{"=?windows-1251?B?yOLg7Q==?= <a@b.example>", "b.example"},
	{"=?utf-8?Q?A:_B;_C,_D?= <a@b.example>", "b.example"},
	{"=?utf-8?q?x=40y.example?= <a@b.example>", "b.example"},
	{"Iv\xe1n <a@b.example>", "b.example"},
	{"J\u00f6rg <j\u00f6rg@b.example>", "b.example"},
	{"u@b\u00fccher.example", "xn--bcher-kva.example"},
	{"u@B\u00dcCHER.example", "xn--bcher-kva.example"},
	{"u@XN--Bcher-KVA.example", "xn--bcher-kva.example"},
	{"A@B.EXAMPLE", "b.example"},
	{"a@b.example.", "b.example"},
	{"a@r3---sn.example", "r3---sn.example"},
	{"a@localhost", "localhost"},
	{"<@r.example,@s.example:a@b.example>", "b.example"},
	{"G: a@b.example;", "b.example"},
	{"G: A <a@b.example>, ;", "b.example"},
	{"G:;, a@b.example", "b.example"},
	{"A: B <a@b.example>", "b.example"}, // a group without an end, or a name with a colon: the author is the same
	{", ,a@b.example,", "b.example"},

	{"a@b.example, c@b.example", many},
	{"a@b.example, c@d.example", many},
	{"G: a@b.example, c@d.example;", many},
	{"G: a@b.example;, c@d.example", many},
	{"a@work, B <a@b.example>", many},

	{"", malformed},
	{" \r\n\t", malformed},
	{"(a@b.example)", malformed},
	{"G:;", malformed},
	{"a", malformed},
	{"A <a>", malformed},
	{"<>", malformed},
	{"@b.example", malformed},
	{"<@b.example>", malformed},
	{"a@", malformed},
	{"a@b@c.example", malformed},
	{"a@[192.0.2.1]", malformed},
	{"a@[IPv6:2001:db8::1]", malformed},
	{"a@[x:b@c.example;", malformed},
	{"A a@b.example", malformed},
	{"a b@b.example", malformed},
	{"a@b.example c", malformed},
	{"a@b example", malformed},
	{"a@.b.example", malformed},
	{"a@b..example", malformed},
	{"a@b.example..", malformed},
	{"a@-b.example", malformed},
	{"a@b_c.example", malformed},
	{`a@"b".example`, malformed},
	{"a@b\x00.example", malformed},
	{"a@b\xe9.example", malformed},
	{"a@" + strings.Repeat("b", 64) + ".example", malformed},
	{"a@" + strings.Repeat("b.", 125) + "example", malformed},
	{"<a@b.example> <c@d.example>", malformed},
	{"<a@b.example> A", malformed},
	{"<<a@b.example>>", malformed},
	{"<a@b.example", malformed},
	{"a@b.example>", malformed},
	{`"A <a@b.example>`, malformed},
	{"(A <a@b.example>", malformed},
	{"A <a@b.example>, B", malformed},
	{"Doe, a@b.example", malformed},
	{"a@b.example;", malformed},
	{"G: H: a@b.example;;", malformed},
	{"G: a@b.example; B", malformed},
	{`a\b@b.example`, malformed},
	{"=?utf-8?Q?a?=@b.example", malformed},
	{"=?utf-8?Q?a=40b.example?=", malformed},
	{"=?utf-8?Q?<x@y.example>?= <a@b.example>", malformed},
}

func TestAuthorDomain(t *testing.T) {
	for _, c := range authorCases {
		for name, f := range map[string]func(string) (string, error){"scanner": authorDomain, "slow parser": slowAuthor} {
			domain, err := f(c.value)
			switch err {
			case errMalformed:
				domain = malformed
			case errManyAuthors:
				domain = many
			}
			if domain != c.want {
				t.Errorf("%s: %q: %q, want %q", name, c.value, domain, c.want)
			}
		}
	}
}

// slowAuthor says what authorDomain says, by other means: it makes one letter
// of each token and lets regular expressions take the text of letters apart.
//
//	w word   q quoted string   x b what only a name may have   [ a bracket
//	. @ : ; , < > themselves   A an address in angle brackets
func slowAuthor(value string) (string, error) {
	letters, words, ok := slowTokens(value)
	if !ok {
		return "", errMalformed
	}
	p := slowParser{}
	p.angles(letters, words)
	segments := strings.Split(p.letters, ";")
	for i, segment := range segments {
		name, members, isGroup := strings.Cut(segment, ":")
		last := i == len(segments)-1
		if i > 0 && segment != "" && segment[0] != ',' || !last && !isGroup || strings.Contains(members, ":") {
			return "", errMalformed
		}
		p.list(name, isGroup)
		p.list(members, false)
	}
	switch {
	case p.wrong || len(p.domains) == 0:
		return "", errMalformed
	case len(p.domains) > 1:
		return "", errManyAuthors
	}
	return p.domains[0], nil
}

type slowParser struct {
	letters string
	words   []string // of letters
	at      int      // in words: how many are done
	domains []string
	wrong   bool
}

var (
	slowAngle   = regexp.MustCompile(`<[^<>]*>`)
	slowRoute   = regexp.MustCompile(`^@[wb.,@]*:`)
	slowAddress = regexp.MustCompile(`^\.*[wq](?:\.+[wq])*\.*@(w(?:\.w)*\.?)$`)
	slowNamed   = regexp.MustCompile(`^[^A@]*[^A,]*A`)
	slowBare    = regexp.MustCompile(`^[^@]*@?[^,]*`)
	slowGroup   = regexp.MustCompile(`^[^A@\[]*$`)
)

// angles puts an A for each address in angle brackets, whose word becomes its
// domain.
func (p *slowParser) angles(letters string, words []string) {
	done := 0
	for _, at := range slowAngle.FindAllStringIndex(letters, -1) {
		p.letters += letters[done:at[0]] + "A"
		p.words = append(p.words, words[done:at[0]]...)
		inner := letters[at[0]+1 : at[1]-1]
		route := len(slowRoute.FindString(inner))
		p.words = append(p.words, p.domain(inner[route:], words[at[0]+1+route:]))
		done = at[1]
	}
	p.letters += letters[done:]
	p.words = append(p.words, words[done:]...)
	p.wrong = p.wrong || strings.ContainsAny(p.letters, "<>")
}

// domain returns the domain of an address.
func (p *slowParser) domain(letters string, words []string) string {
	at := slowAddress.FindStringSubmatchIndex(letters)
	if at == nil {
		p.wrong = true
		return ""
	}
	domain, err := FoldDomain(strings.Join(words[at[2]:at[3]], ""))
	if err != nil {
		p.wrong = true
	}
	return domain
}

// list takes mailboxes with commas between them; the last item is the name of
// a group if a colon follows. Afterwards that and the mark after the list are
// done.
func (p *slowParser) list(letters string, isGroup bool) {
	rest := letters
	take := func(n int) []string {
		words := p.words[p.at : p.at+n]
		p.at += n
		rest = rest[n:]
		return words
	}
	for rest != "" {
		if rest[0] == ',' {
			take(1)
			continue
		}
		if isGroup && slowGroup.MatchString(rest) {
			break
		}
		if n := len(slowNamed.FindString(rest)); n > 0 {
			words := take(n)
			p.domains = append(p.domains, words[n-1])
		} else {
			bare := slowBare.FindString(rest)
			p.domains = append(p.domains, p.domain(bare, take(len(bare))))
		}
		if rest != "" && rest[0] != ',' || rest == "" && isGroup {
			p.wrong = true
		}
	}
	take(len(rest))
	if p.at < len(p.words) {
		p.at++
	}
}

var (
	slowBlank   = regexp.MustCompile(`^[ \t\r\n]+`)
	slowQuoted  = regexp.MustCompile(`^"(?s:[^"\\]|\\.)*"`)
	slowEncoded = regexp.MustCompile(`^=\?[!#-'*-;=A-\[\]-~]+\?[!#-'*-;=A-\[\]-~]+\?[!#-'*-;=A-\[\]-~]*\?=`)
	slowWord    = regexp.MustCompile(`^[^ \t\r\n()<>\[\]:;@,."]+`)
)

// slowTokens returns a letter and the text of each token; a word with a
// backslash is a b.
func slowTokens(text string) (letters string, words []string, ok bool) {
	for text != "" {
		letter, n := text[:1], 1
		switch c := text[0]; {
		case slowBlank.MatchString(text):
			text = text[len(slowBlank.FindString(text)):]
			continue
		case c == '(':
			if n = slowCommentEnd(text); n == 0 {
				return "", nil, false
			}
			text = text[n:]
			continue
		case c == '"':
			letter, n = "q", len(slowQuoted.FindString(text))
			if n == 0 {
				return "", nil, false
			}
		case c == ')':
			letter = "x"
		case c == ']':
			letter = "["
		case strings.IndexByte("<>[:;@,.", c) >= 0:
		case slowEncoded.MatchString(text):
			letter, n = "x", len(slowEncoded.FindString(text))
			n += len(slowWord.FindString(text[n:]))
		default:
			letter, n = "w", len(slowWord.FindString(text))
			if strings.Contains(text[:n], `\`) {
				letter = "b"
			}
		}
		letters += letter
		words = append(words, text[:n])
		text = text[n:]
	}
	return letters, words, true
}

// slowCommentEnd returns the length of the comment at the beginning of text, 0
// if it has no end.
func slowCommentEnd(text string) int {
	for i := 1; i < len(text); {
		switch text[i] {
		case ')':
			return i + 1
		case '\\':
			i += 2
		case '(':
			n := slowCommentEnd(text[i:])
			if n == 0 {
				return 0
			}
			i += n
		default:
			i++
		}
	}
	return 0
}
