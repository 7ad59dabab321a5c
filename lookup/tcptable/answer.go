package tcptable

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"unicode/utf8"
)

// found is what comes before a value.
const found = "200 "

// notFound is the reply for a key that is not there.
const notFound = "500 not found\n"

// maxReason bounds the text after 400, before quoting.
const maxReason = 200

// What is wrong with a line that is no request.
const (
	reasonNoGet   = "request is not \"get KEY\""
	reasonPut     = "put is not supported, this table is read only"
	reasonPercent = "broken %XX in the key"
	reasonCR      = "request ends in CR LF, end it in LF alone"
	reasonSpace   = "white space or control byte in the key, write it %XX"
)

// wire is the Server as a line.Protocol.
type wire struct {
	*Server
	table []byte
}

// Cut finds the end of a request.
func (w *wire) Cut(b []byte) (int, error) {
	n := bytes.IndexByte(b, '\n') + 1
	if limit := w.maxRequest(); n > limit || n == 0 && len(b) >= limit {
		return 0, &ProtocolError{fmt.Sprintf("client sent a line of more than %d bytes: closing", limit)}
	}
	return n, nil
}

// Prompt reports whether Answer would not wait.
func (w *wire) Prompt() bool { return w.Server.Prompt != nil && w.Server.Prompt() }

// Answer asks Lookup for one request.
func (w *wire) Answer(ctx context.Context, dst, request []byte) []byte {
	request = request[:len(request)-1]
	key, ok := bytes.CutPrefix(request, []byte("get "))
	if !ok {
		if bytes.HasPrefix(request, []byte("put ")) {
			return w.noRequest(dst, "500 ", request, reasonPut)
		}
		return w.noRequest(dst, "400 ", request, reasonNoGet)
	}
	if i := unquoted(key); i >= 0 {
		if key[i] == '\r' && i == len(key)-1 {
			return w.noRequest(dst, "400 ", request, reasonCR)
		}
		return w.noRequest(dst, "400 ", request, reasonSpace)
	}
	key, ok = unquoteInPlace(key)
	if !ok {
		return w.noRequest(dst, "400 ", request, reasonPercent)
	}
	return w.find(ctx, dst, key[:len(key):len(key)])
}

// unquoted is where the first white space or control byte is, which ought to be
// written %XX; -1 if there is none.
func unquoted(key []byte) int {
	for i, c := range key {
		if c <= ' ' || c == 0x7f {
			return i
		}
	}
	return -1
}

// find answers the request for key. The value is appended to the reply buffer
// itself and quoted there, so that it is copied once.
func (w *wire) find(ctx context.Context, dst, key []byte) []byte {
	start := len(dst)
	dst = append(dst, found...)
	slot := dst[len(dst):]
	value, ok, err := w.Lookup(ctx, slot, w.table, key)
	switch {
	case err != nil:
		return appendText(dst[:start], "400 ", err.Error())
	case !ok:
		return append(dst[:start], notFound...)
	}
	size := quotedLen(value)
	if reason := unfit(value, size); reason != "" {
		return w.refuse(dst[:start], key, reason)
	}
	body := len(dst)
	if cap(slot) > 0 && &slot[:1][0] == &value[0] {
		dst = dst[:body+len(value)]
	} else {
		dst = append(dst, value...)
	}
	if size > len(value) {
		dst = slices.Grow(dst, size-len(value))[:body+size]
		quoteInPlace(dst[body:], len(value))
	}
	return append(dst, '\n')
}

// unfit says why Postfix would misread a value that takes size bytes quoted,
// "" if it would not.
func unfit(value []byte, size int) string {
	size += len(found) + len("\n")
	switch {
	case len(value) == 0:
		return "the value is empty, which Postfix takes for an error"
	case size > MaxReply:
		return fmt.Sprintf("the reply is %d bytes long, Postfix reads %d; use a socketmap table for long values", size, MaxReply)
	case bytes.IndexByte(value, 0) >= 0:
		return "the value contains a NUL byte"
	case !utf8.Valid(value):
		return "the value is not UTF-8"
	}
	return ""
}

// refuse answers 400 instead of a value and reports it.
func (w *wire) refuse(dst, key []byte, reason string) []byte {
	if w.OnRefused != nil {
		w.OnRefused(&RefusedError{Table: w.Table, Key: string(key[:min(len(key), 200)]), Reason: reason})
	}
	return appendText(dst, "400 ", reason)
}

// noRequest answers a line that cannot be served and reports it.
func (w *wire) noRequest(dst []byte, code string, request []byte, reason string) []byte {
	if w.OnRefused != nil {
		w.OnRefused(&ProtocolError{fmt.Sprintf("table %q: %s, got %q", w.Table, reason, request[:min(len(request), 100)])})
	}
	return appendText(dst, code, reason)
}

// appendText appends a reply with a text for people. It is made one line of
// printable ASCII: other bytes become question marks, "%" is written %25, and
// it is cut after maxReason. Spaces stay, as tcp_table(5) lets a server choose.
func appendText(dst []byte, code, text string) []byte {
	if text == "" {
		text = "no reason given"
	}
	dst = append(dst, code...)
	for i := range min(len(text), maxReason) {
		switch c := text[i]; {
		case c == '%':
			dst = append(dst, "%25"...)
		case c < ' ' || c > '~':
			dst = append(dst, '?')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '\n')
}
