package dkim

import "fmt"

// Headers is a choice of the fields that are oversigned: signed once more than
// they are there, so that another instance breaks the signature.
type Headers uint8

// The choices. All sign the same fields; List-* and Resent-* are never
// oversigned, for lists and resenders add them by right.
const (
	// Balanced oversigns what a reader or his program goes by, most of it also
	// when it is absent: a list that adds a Reply-To breaks the signature.
	Balanced Headers = iota
	// Compat oversigns From alone.
	Compat
	// Strict oversigns all the others, also when they are absent.
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

// over says when a field is signed once more than it is there.
type over uint8

const (
	never over = iota
	present
	always
)

// signable is a field that is signed, and when each choice oversigns it.
type signable struct {
	name                     string // in small letters
	compat, balanced, strict over
}

// signables are the fields of RFC 6376, section 5.4.1, and those that a
// reader's program goes by besides. The order is that of h=. From is the first.
var signables = [...]signable{
	{"from", always, always, always},
	{"sender", never, present, always},
	{"reply-to", never, always, always},
	{"subject", never, always, always},
	{"date", never, always, always},
	{"message-id", never, always, always},
	{"to", never, always, always},
	{"cc", never, always, always},
	{"mime-version", never, always, always},
	{"content-type", never, always, always},
	{"content-transfer-encoding", never, always, always},
	{"content-id", never, never, always},
	{"content-description", never, never, always},
	{"in-reply-to", never, present, always},
	{"references", never, present, always},
	{"resent-date", never, never, never},
	{"resent-from", never, never, never},
	{"resent-sender", never, never, never},
	{"resent-to", never, never, never},
	{"resent-cc", never, never, never},
	{"resent-message-id", never, never, never},
	{"list-id", never, never, never},
	{"list-help", never, never, never},
	{"list-unsubscribe", never, never, never},
	{"list-unsubscribe-post", never, never, never},
	{"list-subscribe", never, never, never},
	{"list-post", never, never, never},
	{"list-owner", never, never, never},
	{"list-archive", never, never, never},
	{"autocrypt", never, never, always},
}

const (
	fromField      = 0  // index of From among signables
	otherField     = -1 // a field that is not signed
	signatureField = -2 // DKIM-Signature
)

// fieldIndex finds a name, in any case, among signables.
func fieldIndex[S ~string | ~[]byte](name S) int {
	if equalFold(name, "dkim-signature") {
		return signatureField
	}
	for i := range signables {
		if equalFold(name, signables[i].name) {
			return i
		}
	}
	return otherField
}

// equalFold compares a name with one in small letters.
func equalFold[S ~string | ~[]byte](name S, small string) bool {
	if len(name) != len(small) {
		return false
	}
	for i := 0; i < len(small); i++ {
		if lower(name[i]) != small[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// oversigned says whether a field that is there n times is signed once more.
func (h Headers) oversigned(field, n int) bool {
	s := signables[field]
	when := s.balanced
	switch h {
	case Compat:
		when = s.compat
	case Strict:
		when = s.strict
	}
	return when == always || when == present && n > 0
}
