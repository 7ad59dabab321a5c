package dkim

import "fmt"

// Headers is a choice of the fields that are oversigned: signed once more than
// they are there, so that another instance breaks the signature.
type Headers uint8

// The choices. All sign the same fields.
const (
	// Balanced oversigns what a reader or his program goes by, also when it is
	// absent: a mailing list that adds a Reply-To breaks the signature.
	Balanced Headers = iota
	// Compat oversigns From alone.
	Compat
	// Strict oversigns all of them, also when they are absent, save List-* and
	// Resent-*, which others add by right.
	Strict
)

// String returns the name as the configuration has it.
func (h Headers) String() string {
	switch h {
	case Compat:
		return "compat"
	case Strict:
		return "strict"
	}
	return "balanced"
}

// ParseHeaders reads a name as String writes it.
func ParseHeaders(name string) (Headers, error) {
	for _, h := range []Headers{Compat, Balanced, Strict} {
		if name == h.String() {
			return h, nil
		}
	}
	return 0, fmt.Errorf("no choice of fields is called %q: there are compat, balanced and strict", name)
}
