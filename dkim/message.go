package dkim

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
)

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
	o      *Options
	keys   []*Key
	header header
	bodies [2]body // by canonical form
	wanted [2]bool
	sums   [2][sha256.Size]byte
	ended  bool
	bytes  int64 // of the body

	domain string // of the author, once asked for
	why    Reason
	asked  bool

	earlier []earlier

	input, own, base64 []byte // what is hashed, the signature, its b=
}

// Reset begins a new message. The options must not change until the next Reset.
func (m *Message) Reset(o *Options) {
	m.o = o
	m.header.reset()
	m.keys, m.earlier = nil, m.earlier[:0]
	m.wanted, m.ended, m.bytes = [2]bool{}, false, 0
	m.asked = false
	if cap(m.input) > keepBuffers {
		m.input = nil
	}
}

// Field adds a header field as a milter gets it: folds in value are LF (or
// CRLF) and white space. With leadspc the value begins with what stands after
// the colon (SMFIP_HDR_LEADSPC); without it, one blank is put there.
func (m *Message) Field(name, value string, leadspc bool) {
	m.header.add(name, value, leadspc, m.o.maxHeader())
	m.asked = false
}

// Author returns the domain of the message's one author, as FoldDomain gives
// it, or why there is none.
func (m *Message) Author() (domain string, why Reason) {
	if !m.asked {
		m.domain, m.why = m.header.author()
		m.asked = true
	}
	return m.domain, m.why
}

func (h *header) author() (string, Reason) {
	switch {
	case h.oversized:
		return "", Oversized
	case h.counts[fromField] == 0:
		return "", NoFrom
	case h.counts[fromField] > 1:
		return "", ManyFrom
	}
	from := h.fields[h.lowest[fromField]]
	domain, err := authorDomain(string(h.raw[from.colon+1 : from.end]))
	switch {
	case errors.Is(err, errManyAuthors):
		return "", ManyAuthors
	case err != nil:
		return "", Malformed
	}
	return domain, ""
}

// StartBody ends the header. The keys are those that Sign signs with and that
// Signed knows.
func (m *Message) StartBody(keys []*Key) {
	m.keys = keys
	m.findEarlier(keys)
	m.wanted[m.o.BodyCanon] = true
	for _, e := range m.earlier {
		m.wanted[e.body] = true
	}
	for c, wanted := range m.wanted {
		if wanted {
			m.bodies[c].reset(Canon(c))
		}
	}
}

// Body adds a piece of the body, after StartBody. The chunk is not kept.
func (m *Message) Body(chunk []byte) {
	m.bytes += int64(len(chunk))
	for c, wanted := range m.wanted {
		if wanted {
			m.bodies[c].write(chunk)
		}
	}
}

// body returns the hash of a canonical form that StartBody saw wanted.
func (m *Message) body(c Canon) [sha256.Size]byte {
	if !m.ended {
		m.ended = true
		for c, wanted := range m.wanted {
			if wanted {
				m.sums[c] = m.bodies[c].sum()
			}
		}
	}
	return m.sums[c]
}

// Sign ends the message and returns the value of one DKIM-Signature field for
// each key, in the order in which they are to be inserted at the top: RSA last,
// so that it stands first, for verifiers that look at some signatures only. A
// value begins with the blank after the colon; its folds are LF and tab; no
// line is longer than 78 octets, unless one name alone is. It is an error to
// sign what has no one author.
func (m *Message) Sign(ctx context.Context) ([]string, error) { return m.SignWith(ctx, m.keys) }

// SignWith is Sign with some of the keys that StartBody was given.
func (m *Message) SignWith(ctx context.Context, keys []*Key) ([]string, error) {
	if _, why := m.Author(); why != "" {
		return nil, fmt.Errorf("not to be signed: %s", why)
	}
	m.input = m.input[:0]
	p := m.header.picker()
	m.eachSigned(func(index int) { m.input = p.appendField(m.input, index, m.o.HeaderCanon) })
	values := make([]string, 0, len(keys))
	for _, a := range []Algorithm{Ed25519SHA256, RSASHA256} {
		for _, k := range keys {
			if k.Algorithm != a {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			value, err := m.signWith(k)
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
	}
	return values, nil
}

// Signed says, after the body, whether the message already has a signature
// under these names by a key that was given to StartBody, and it still fits
// header and body: the message comes back from a content filter.
func (m *Message) Signed(domain, selector string) bool {
	for _, e := range m.earlier {
		if isNamed(e.key, domain, selector) && m.fits(e) {
			return true
		}
	}
	return false
}

// Facts returns what was seen of the message; it is whole after Sign or Signed.
func (m *Message) Facts() Facts {
	f := Facts{HeaderBytes: m.header.bytes, BodyBytes: m.bytes, LongLines: m.header.longLines}
	if m.o != nil && m.wanted[m.o.BodyCanon] {
		b := &m.bodies[m.o.BodyCanon]
		f.LongLines += b.longLines
		f.EightBit, f.BareCR = b.eightBit, b.bareCR
	}
	return f
}
