package socketmap

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

const benchValue = "lmtp:unix:private/dovecotlmt"

// BenchmarkServe and BenchmarkEcho ask the Server and a do-nothing netstring
// server the same request over a unix socket, one request in flight on each of
// some connections, as Postfix does. The ratio of their rates is what the
// Server costs beside the system calls.
func BenchmarkServe(b *testing.B) {
	s := &Server{Lookup: func(_ context.Context, dst, _, _ []byte) ([]byte, bool, error) {
		return append(dst, benchValue...), true, nil
	}}
	bench(b, func(nc net.Conn) {
		if err := s.ServeConn(context.Background(), nc); err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkEcho is the limit that BenchmarkServe is measured against.
func BenchmarkEcho(b *testing.B) { bench(b, echo) }

// bench asks for the value over and over.
func bench(b *testing.B, serve func(net.Conn)) {
	linetest.Bench(b, serve, appendNetstring(nil, []byte("aliases user@d1.example.com")), appendNetstring(nil, []byte("OK "+benchValue)))
}

// echo reads netstrings and answers each with the same reply.
func echo(nc net.Conn) {
	r := bufio.NewReaderSize(nc, 4096)
	reply := appendNetstring(nil, []byte("OK "+benchValue))
	var buf []byte
	for {
		var err error
		if buf, err = readEcho(r, buf); err != nil {
			return
		}
		if _, err := nc.Write(reply); err != nil {
			return
		}
	}
}

// readEcho is the plainest netstring reader there is.
func readEcho(r *bufio.Reader, buf []byte) ([]byte, error) {
	n := 0
	for {
		c, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		if c == ':' {
			break
		}
		n = n*10 + int(c-'0')
	}
	if cap(buf) < n+1 {
		buf = make([]byte, n+1)
	}
	_, err := io.ReadFull(r, buf[:n+1])
	return buf[:n], err
}
