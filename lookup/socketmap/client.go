package socketmap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/vmapd/vmapd/lookup/internal/line"
)

// Client asks a socketmap server over one connection, one request at a time.
// It is not safe for concurrent use.
type Client struct {
	c        *line.Client
	out, buf []byte
}

// NewClient returns a client on nc, which the caller dials and closes.
func NewClient(nc net.Conn) *Client { return &Client{c: line.NewClient(nc)} }

// Lookup asks for key in table; the name of a table contains no space. found is
// false if the server says that there is none. The error is a *TempError if the
// server cannot say; else a *ProtocolError if it did not answer in socketmap,
// io.ErrUnexpectedEOF if it hung up, one of ctx, or one of the connection, all
// wrapped, and then the connection is of no use any more.
func (c *Client) Lookup(ctx context.Context, table, key string) (value string, found bool, err error) {
	c.buf = append(append(append(c.buf[:0], table...), ' '), key...)
	c.out = appendNetstring(c.out[:0], c.buf)
	var temp *TempError
	err = c.c.Do(ctx, c.out, func(r *bufio.Reader) error {
		reply, err := readNetstring(r, c.buf, MaxReply)
		var bad grammarError
		if errors.As(err, &bad) {
			return &ProtocolError{"server " + bad.Error()}
		}
		if err != nil {
			return err
		}
		value, found, temp, err = parseReply(reply)
		return err
	})
	if err != nil {
		return "", false, fmt.Errorf("ask table %s: %w", table, err)
	}
	if temp != nil {
		return "", false, temp
	}
	return value, found, nil
}

// parseReply splits the payload of a reply. temp is what the server said if it
// cannot say.
func parseReply(reply []byte) (value string, found bool, temp *TempError, err error) {
	status, text, _ := bytes.Cut(reply, []byte(" "))
	switch string(status) {
	case "OK":
		if len(text) == 0 {
			return "", false, nil, &ProtocolError{"server sent an empty value"}
		}
		return string(text), true, nil, nil
	case "NOTFOUND":
		return "", false, nil, nil
	case "TEMP", "TIMEOUT", "PERM":
		return "", false, &TempError{Status: string(status), Reason: string(text)}, nil
	}
	return "", false, nil, &ProtocolError{fmt.Sprintf("server sent %q where a status should be", reply[:min(len(reply), 40)])}
}
