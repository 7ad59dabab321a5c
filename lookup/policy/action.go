package policy

import (
	"strconv"
	"unicode/utf8"
)

// Verb is what an Action does.
type Verb uint8

// The verbs, all of access(5) that cannot let anything through.
const (
	VerbDunno         Verb = iota // look on: the next restriction decides
	VerbDeferIfPermit             // later, unless another restriction says no
	VerbDefer                     // later: 450
	VerbReject                    // no: 554
	VerbCode                      // a reply code of one's own
	VerbNone                      // no reply: the connection ends, and the entry's default_action decides
)

// Action is the answer to a request. The zero Action is [Dunno].
type Action struct {
	Verb Verb
	Code int    // of VerbCode: 400 to 599
	Text string // for the client, an enhanced status code (RFC 3463) at its beginning
}

// Dunno leaves the decision to the restrictions that follow.
func Dunno() Action { return Action{} }

// DeferIfPermit has the client try again later, unless another restriction
// refuses it for good.
func DeferIfPermit(text string) Action { return Action{Verb: VerbDeferIfPermit, Text: text} }

// Defer has the client try again later.
func Defer(text string) Action { return Action{Verb: VerbDefer, Text: text} }

// Reject refuses for good.
func Reject(text string) Action { return Action{Verb: VerbReject, Text: text} }

// Reply answers with an SMTP reply code from 400 to 599. With 421 and 521
// Postfix also closes the connection. Any other code becomes a Defer.
func Reply(code int, text string) Action { return Action{Verb: VerbCode, Code: code, Text: text} }

// None leaves a request without a reply.
func None() Action { return Action{Verb: VerbNone} }

// maxText bounds the text of a reply: with the code in front, and what Postfix
// puts there, it has to fit into an SMTP reply line (RFC 5321 section 4.5.3.1.5).
const maxText = 400

// String is what goes behind "action=".
func (a Action) String() string { return string(a.append(nil)) }

func (a Action) append(dst []byte) []byte {
	switch {
	case a.Verb == VerbNone: // for a log: it is never sent
		return append(dst, "(none)"...)
	case a.Verb == VerbDunno:
		return append(dst, "DUNNO"...)
	case a.Verb == VerbDeferIfPermit:
		dst = append(dst, "DEFER_IF_PERMIT"...)
	case a.Verb == VerbReject:
		dst = append(dst, "REJECT"...)
	case a.Verb == VerbCode && a.Code >= 400 && a.Code <= 599:
		dst = strconv.AppendInt(dst, int64(a.Code), 10)
		if a.Text == "" { // digits alone are leave to pass
			return append(dst, " Refused"...)
		}
	default:
		dst = append(dst, "DEFER"...)
	}
	return appendText(dst, a.Text)
}

// appendText appends a blank and a text, made one line of UTF-8.
func appendText(dst []byte, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(dst, ' ')
	end := len(dst) + maxText
	for _, c := range text {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == utf8.RuneError {
			c = '?'
		}
		if len(dst)+utf8.RuneLen(c) > end {
			break
		}
		dst = utf8.AppendRune(dst, c)
	}
	return dst
}
