package policy

import (
	"bytes"
	"context"
	"fmt"
)

// wire is the Server as a line.Protocol.
type wire struct{ *Server }

// Cut finds the end of a request, and looks at it: one that makes no sense ends
// the connection.
func (w wire) Cut(b []byte) (int, error) {
	size := requestSize(b)
	if limit := w.maxRequest(); size > limit || size == 0 && len(b) >= limit {
		return 0, &ProtocolError{fmt.Sprintf("client sent a request of more than %d bytes: closing", limit)}
	}
	if size == 0 {
		return 0, nil
	}
	if err := check(b[:size-1]); err != nil {
		return 0, err
	}
	return size, nil
}

// requestSize is the size of the request that b begins with, its empty line
// included, 0 if it is not complete.
func requestSize(b []byte) int {
	if len(b) > 0 && b[0] == '\n' {
		return 1
	}
	if at := bytes.Index(b, []byte("\n\n")); at >= 0 {
		return at + len("\n\n")
	}
	return 0
}

func (w wire) request() *Request {
	r, ok := w.requests.Get().(*Request)
	if !ok {
		r = new(Request)
	}
	return r
}

// Answer asks Decide about one request.
func (w wire) Answer(ctx context.Context, dst, request []byte) []byte {
	r := w.request()
	defer w.requests.Put(r)
	r.parse(request[:len(request)-1])
	dst = append(dst, "action="...)
	dst = w.Decide(ctx, r).append(dst)
	*r = Request{}
	return append(dst, "\n\n"...)
}
