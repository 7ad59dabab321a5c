package socketmap

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// room is what is left free before a value: the header of most replies.
const room = "00:OK "

// notFound is the reply for a key that is not there.
const notFound = "9:NOTFOUND ,"

// maxReason bounds the text after TEMP; Postfix logs 200 bytes of it.
const maxReason = 200

// wire is the Server as a line.Protocol.
type wire struct{ *Server }

// Cut finds the end of a request.
func (w wire) Cut(b []byte) (int, error) {
	_, end, err := cutNetstring(b, w.maxRequest())
	if err != nil {
		return 0, &ProtocolError{"client " + err.Error() + ": closing"}
	}
	return end, nil
}

// Prompt reports whether Answer would not wait.
func (w wire) Prompt() bool { return w.Server.Prompt != nil && w.Server.Prompt() }

// Answer asks Lookup for one request. The value is appended to the reply
// buffer itself, behind room for the header, so that it is copied once.
func (w wire) Answer(ctx context.Context, dst, request []byte) []byte {
	head := bytes.IndexByte(request, ':') + 1
	payload := request[head : len(request)-1]
	sp := bytes.IndexByte(payload, ' ')
	if sp <= 0 {
		return w.noTable(dst, payload)
	}
	table, key := payload[:sp:sp], payload[sp+1:len(payload):len(payload)]

	start := len(dst)
	dst = append(dst, room...)
	slot := dst[len(dst):]
	value, found, err := w.Lookup(ctx, slot, table, key)
	switch {
	case err != nil:
		return appendTemp(dst[:start], err.Error())
	case !found:
		return append(dst[:start], notFound...)
	}
	if reason := unfit(value); reason != "" {
		return w.refuse(dst[:start], table, key, reason)
	}
	if cap(slot) > 0 && &slot[:1][0] == &value[0] {
		dst = dst[:len(dst)+len(value)]
	} else {
		dst = append(dst, value...)
	}
	return seal(dst, start)
}

// seal makes a reply of dst[start:], which is room and a value.
func seal(dst []byte, start int) []byte {
	body := start + len(room) // where the value is
	size := len(dst) - body
	var buf [16]byte
	head := strconv.AppendInt(buf[:0], int64(len("OK ")+size), 10)
	head = append(head, ":OK "...)
	if len(head) != len(room) {
		dst = append(dst, "0000"[:max(0, len(head)-len(room))]...)
		copy(dst[start+len(head):], dst[body:body+size])
	}
	copy(dst[start:], head)
	return append(dst[:start+len(head)+size], ',')
}

// unfit says why Postfix would misread a value, "" if it would not.
func unfit(value []byte) string {
	switch {
	case len(value) == 0:
		return "the value is empty, which Postfix takes for an error"
	case len(value) > MaxValue:
		return fmt.Sprintf("the value is %d bytes long, Postfix reads %d", len(value), MaxValue)
	case bytes.IndexByte(value, 0) >= 0:
		return "the value contains a NUL byte"
	case !utf8.Valid(value):
		return "the value is not UTF-8"
	}
	return ""
}

// refuse answers TEMP instead of a value and reports it.
func (w wire) refuse(dst, table, key []byte, reason string) []byte {
	if w.OnRefused != nil {
		w.OnRefused(&RefusedError{Table: string(table), Key: string(key[:min(len(key), 200)]), Reason: reason})
	}
	return appendTemp(dst, reason)
}

// noTable answers a netstring that is not a table name, a space and a key.
func (w wire) noTable(dst, payload []byte) []byte {
	const reason = "request names no table: expected \"table key\""
	if w.OnRefused != nil {
		w.OnRefused(&ProtocolError{fmt.Sprintf("%s, got %q", reason, payload[:min(len(payload), 100)])})
	}
	return appendTemp(dst, reason)
}

// appendTemp appends a TEMP reply. The reason is made one line of printable
// ASCII: other bytes become question marks, and it is cut after maxReason.
func appendTemp(dst []byte, reason string) []byte {
	if reason == "" {
		reason = "no reason given"
	}
	n := min(len(reason), maxReason)
	dst = strconv.AppendInt(dst, int64(len("TEMP ")+n), 10)
	dst = append(dst, ":TEMP "...)
	for i := range n {
		c := reason[i]
		if c < ' ' || c > '~' {
			c = '?'
		}
		dst = append(dst, c)
	}
	return append(dst, ',')
}
