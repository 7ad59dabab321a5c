package policy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
)

// State is where an SMTP session is (protocol_state).
type State uint8

// The states, and Postfix's names for them.
const (
	Unknown      State = iota // one that this package does not know
	Connect                   // CONNECT
	Helo                      // HELO or EHLO
	Mail                      // MAIL
	Rcpt                      // RCPT
	Data                      // DATA, or BDAT
	EndOfMessage              // END-OF-MESSAGE
	Vrfy                      // VRFY
	Etrn                      // ETRN
)

// String gives Postfix's name.
func (s State) String() string {
	return [...]string{"unknown", "CONNECT", "HELO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE", "VRFY", "ETRN"}[s]
}

func stateOf(b []byte) State {
	switch string(b) {
	case "CONNECT":
		return Connect
	case "HELO", "EHLO":
		return Helo
	case "MAIL":
		return Mail
	case "RCPT":
		return Rcpt
	case "DATA":
		return Data
	case "END-OF-MESSAGE":
		return EndOfMessage
	case "VRFY":
		return Vrfy
	case "ETRN":
		return Etrn
	}
	return Unknown
}

// Request is one question. What is unknown is empty, or 0; which attributes are
// there depends on the state. Texts are as they came, neither folded nor checked
// for UTF-8, and without control characters but tabs.
type Request struct {
	State State

	Instance      []byte // the same for all requests about one message, "" before RCPT
	QueueID       []byte // "" until the first recipient was accepted
	Sender        []byte // "" is also the null sender
	Recipient     []byte // at DATA and END-OF-MESSAGE only if there is one alone
	HeloName      []byte
	ClientName    []byte // "unknown" if its address has no name that leads back to it
	SASLUsername  []byte // "" if the client did not log in
	SASLMethod    []byte
	PolicyContext []byte // of the entry in main.cf

	RecipientCount int   // accepted recipients; at DATA and END-OF-MESSAGE
	Size           int64 // bytes; as announced before END-OF-MESSAGE, 0 if it was not

	address []byte
	lines   []byte // the attributes, a line each
}

// ClientAddress returns where the client is, the zero Addr if nobody knows.
func (r *Request) ClientAddress() netip.Addr { return parseAddr(r.address) }

// Get returns an attribute by its name; ok is false if it did not come.
func (r *Request) Get(name string) (value []byte, ok bool) {
	for rest := r.lines; len(rest) > 0; {
		var n, v []byte
		n, v, rest = cutAttribute(rest)
		if string(n) == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// cutAttribute cuts one line off. name is nil if the line has no "=".
func cutAttribute(b []byte) (name, value, rest []byte) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		end = len(b)
	}
	attribute, rest := b[:end], b[min(end+1, len(b)):]
	eq := bytes.IndexByte(attribute, '=')
	if eq < 0 {
		return nil, attribute, rest
	}
	return attribute[:eq:eq], attribute[eq+1 : len(attribute) : len(attribute)], rest
}

// parse takes apart the request that b begins with, up to the empty line at its
// end, into a blank Request, and returns its size in bytes. The error is a *ProtocolError.
func (r *Request) parse(b []byte) (size int, err error) {
	known, rest, next := false, b, attribute(0)
	for len(rest) > 0 && rest[0] != '\n' {
		a, eq := cutName(rest, next)
		if eq == len(rest) || rest[eq] != '=' {
			return 0, malformed(rest)
		}
		end := eq + 1 + valueSize(rest[eq+1:])
		if end < len(rest) && rest[end] != '\n' {
			return 0, malformed(rest)
		}
		value := rest[eq+1 : end : end]
		rest = rest[min(end+1, len(rest)):]
		if a-next < skipped {
			next = a + 1
		}
		switch {
		case a != requestAttr:
			r.set(a, value)
		case string(value) != "smtpd_access_policy":
			return 0, &ProtocolError{fmt.Sprintf("client sent request=%q, not smtpd_access_policy: closing", value[:min(len(value), 100)])}
		default:
			known = true
		}
	}
	if !known {
		return 0, &ProtocolError{"client sent a request without request=smtpd_access_policy: closing"}
	}
	r.lines = b[:len(b)-len(rest)]
	return len(r.lines) + 1, nil
}

// malformed says what is wrong with the line that b begins with.
func malformed(b []byte) *ProtocolError {
	name, value, _ := cutAttribute(b)
	if name == nil {
		return &ProtocolError{fmt.Sprintf("client sent %q where \"name=value\" should be: closing", value[:min(len(value), 100)])}
	}
	return &ProtocolError{fmt.Sprintf("client sent a control character in %q: closing", name[:min(len(name), 100)])}
}

// nameSize returns how many bytes are before the first "=" or end of a line.
// Both it and valueSize look at eight bytes at a time: a request is some six
// hundred, in short pieces.
func nameSize(b []byte) (n int) {
	for ; n+8 <= len(b); n += 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		eq, lf := w^'='*ones, w^'\n'*ones
		if found := ((eq-ones)&^eq | (lf-ones)&^lf) & tops; found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for n < len(b) && b[n] != '=' && b[n] != '\n' {
		n++
	}
	return n
}

// valueSize returns how many bytes are before the first control character but a
// tab, which should be the end of a line.
func valueSize(b []byte) (n int) {
	for n+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[n:])
		del := w ^ 0x7f*ones
		found := ((w-' '*ones)&^w | (del-ones)&^del) & tops
		if found == 0 {
			n += 8
			continue
		}
		n += bits.TrailingZeros64(found) / 8
		if b[n] != '\t' {
			return n
		}
		n++
	}
	for n < len(b) && (b[n] >= ' ' && b[n] != 0x7f || b[n] == '\t') {
		n++
	}
	return n
}

// Eight bytes of 1, and their highest bits. (w - n*ones) &^ w & tops marks the
// bytes of w that are below n, for n up to 0x80; what a borrow marks besides is
// above the first of them.
const ones, tops = 0x0101010101010101, 0x8080808080808080

// set takes one attribute.
func (r *Request) set(a attribute, value []byte) {
	switch a {
	case stateAttr:
		r.State = stateOf(value)
	case instanceAttr:
		r.Instance = value
	case queueIDAttr:
		r.QueueID = value
	case senderAttr:
		r.Sender = value
	case recipientAttr:
		r.Recipient = value
	case heloAttr:
		r.HeloName = value
	case clientNameAttr:
		r.ClientName = value
	case saslUsernameAttr:
		r.SASLUsername = value
	case saslMethodAttr:
		r.SASLMethod = value
	case policyContextAttr:
		r.PolicyContext = value
	case clientAddressAttr:
		r.address = value
	case recipientCountAttr:
		r.RecipientCount = int(parseCount(value, 31))
	case sizeAttr:
		r.Size = parseCount(value, 63)
	}
}

// parseAddr reads an address; a unix socket's client has "unknown".
func parseAddr(b []byte) netip.Addr {
	if len(b) > 64 {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(string(b))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}

// parseCount reads a number that is not negative and has so many bits, 0 if it is
// none.
func parseCount(b []byte, bits int) int64 {
	const most = 19 // digits, which fit into 64 bits
	if len(b) == 0 || len(b) > most || b[0] == '0' {
		return 0
	}
	n := uint64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0
		}
		n = 10*n + uint64(c-'0')
	}
	if n >= 1<<bits-1 {
		return 0
	}
	return int64(n)
}
