package tcptable

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

// Client asks a tcp_table server over one connection, one request at a time.
// It is not safe for concurrent use.
type Client struct {
	c   *line.Client
	out []byte
}

// NewClient returns a client on nc, which the caller dials and closes.
func NewClient(nc net.Conn) *Client { return &Client{c: line.NewClient(nc)} }

// Lookup asks for key. found is false if the server says that there is none.
// The error is a *TempError if the server cannot say; else a *ProtocolError if
// it did not answer in the protocol, io.ErrUnexpectedEOF if it hung up, one of
// ctx, or one of the connection, all wrapped, and then the connection is of no
// use any more.
func (c *Client) Lookup(ctx context.Context, key string) (value string, found bool, err error) {
	c.out = appendRequest(c.out[:0], key)
	var temp *TempError
	err = c.c.Do(ctx, c.out, func(r *bufio.Reader) error {
		reply, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return &ProtocolError{fmt.Sprintf("server sent a line of more than %d bytes", len(reply))}
		}
		if err != nil {
			return err
		}
		value, found, temp, err = parseReply(reply[:len(reply)-1])
		return err
	})
	if err != nil {
		return "", false, fmt.Errorf("ask tcp table: %w", err)
	}
	if temp != nil {
		return "", false, temp
	}
	return value, found, nil
}

// appendRequest appends the request for key to dst.
func appendRequest(dst []byte, key string) []byte {
	dst = append(append(dst, "get "...), key...)
	head := dst[len(dst)-len(key):]
	size := quotedLen(head)
	dst = slices.Grow(dst, size-len(key))
	start := len(dst) - len(key)
	dst = dst[:start+size]
	quoteInPlace(dst[start:], len(key))
	return append(dst, '\n')
}

// parseReply takes a reply without its line feed apart. temp is what the server
// said if it cannot say.
func parseReply(reply []byte) (value string, found bool, temp *TempError, err error) {
	code, text, _ := bytes.Cut(reply, []byte(" "))
	text, ok := unquoteInPlace(text)
	if !ok || len(code) != 3 {
		return "", false, nil, &ProtocolError{fmt.Sprintf("server sent %q, which is no reply", reply[:min(len(reply), 40)])}
	}
	switch code[0] {
	case '2':
		if len(text) == 0 {
			return "", false, nil, &ProtocolError{"server sent an empty value"}
		}
		return string(text), true, nil, nil
	case '4':
		return "", false, &TempError{Reason: string(text)}, nil
	case '5':
		return "", false, nil, nil
	}
	return "", false, nil, &ProtocolError{fmt.Sprintf("server sent %q, which is no reply", reply[:min(len(reply), 40)])}
}
