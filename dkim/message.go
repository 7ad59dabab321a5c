package dkim

import "context"

// Reason says in one word why a message has no author to sign for. It is fit
// for a metric's label.
type Reason string

// The reasons.
const (
	NoFrom      Reason = "no_from"      // no From field
	ManyFrom    Reason = "many_from"    // more than one From field
	ManyAuthors Reason = "many_authors" // more than one mailbox in From
	Malformed   Reason = "malformed"    // From has no address that could be read in one way only
	Oversized   Reason = "oversized"    // the header block passes Options.MaxHeader, or has over 1,000 fields to sign
)

// Facts are what may be worth a line in a log, or a counter.
type Facts struct {
	HeaderBytes int   // of the header block, as far as it was read
	BodyBytes   int64 // of the body as it came
	LongLines   int   // lines over 998 octets, in header and body: smtp(8) breaks them, and the signature with them
	EightBit    bool  // the body has octets over 127: the next hop may want it recoded, which breaks the signature
	BareCR      int   // CRs in the body without LF: verifiers do not agree what they are
}

// Message takes one message in pieces, in order. Its memory does not depend on
// the message's size. It can be used again after Reset, by one goroutine at a
// time.
type Message struct {
	o *Options
}

// Reset begins a new message. The options must not change until the next Reset.
func (m *Message) Reset(o *Options) { m.o = o }

// Field adds a header field as a milter gets it: folds in value are LF (or
// CRLF) and white space. With leadspc the value begins with what stands after
// the colon (SMFIP_HDR_LEADSPC); without it, one blank is put there.
func (m *Message) Field(name, value string, leadspc bool) {}

// Author returns the domain of the message's one author, as FoldDomain gives
// it, or why there is none.
func (m *Message) Author() (domain string, why Reason) { return "", "" }

// StartBody ends the header. The keys are those that Sign signs with and that
// Signed knows.
func (m *Message) StartBody(keys []*Key) {}

// Body adds a piece of the body. The chunk is not kept.
func (m *Message) Body(chunk []byte) {}

// Sign ends the message and returns the value of one DKIM-Signature field for
// each key, in the order in which they are to be inserted at the top: RSA last,
// so that it stands first, for verifiers that look at some signatures only. A
// value begins with the blank after the colon; its folds are LF and tab; no
// line is longer than 78 octets, unless one name alone is.
func (m *Message) Sign(ctx context.Context) ([]string, error) { return nil, nil }

// Signed says, after the body, whether the message already has a signature
// under these names by the key that was given to StartBody, and it still fits
// header and body: the message comes back from a content filter.
func (m *Message) Signed(domain, selector string) bool { return false }

// Facts returns what was seen of the message so far.
func (m *Message) Facts() Facts { return Facts{} }
