package dict

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"testing"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

const (
	benchRequest = "Lshared/userdb/user@d1.example.com\tuser@d1.example.com\n"
	benchValue   = `{"uid":5000,"gid":5000,"home":"/srv/vmail/d1.example.com/user","quota_rule":"*:bytes=200M"}`
)

// constant finds the same value for every key.
type constant struct{ *memory }

func (constant) Lookup(_ context.Context, _ *Request, dst []byte) ([]byte, bool, error) {
	return append(dst, benchValue...), true, nil
}

// headStart is a connection whose client has already said H.
type headStart struct {
	net.Conn
	first io.Reader
}

func (c *headStart) Read(p []byte) (int, error) {
	if c.first != nil {
		if n, err := c.first.Read(p); err == nil {
			return n, nil
		}
		c.first = nil
	}
	return c.Conn.Read(p)
}

// BenchmarkServe and BenchmarkEcho ask the Server and a do-nothing line server
// for the same value over a unix socket. The ratio of their rates is what the
// Server costs beside the system calls.
func BenchmarkServe(b *testing.B) {
	s := &Server{Open: func(*Client) (Dict, error) { return constant{}, nil }}
	linetest.Bench(b, func(nc net.Conn) {
		if err := s.ServeConn(context.Background(), &headStart{nc, bytes.NewReader([]byte(hello))}); err != nil {
			b.Error(err)
		}
	}, []byte(benchRequest), []byte("O"+benchValue+"\n"))
}

// BenchmarkEcho is the limit that BenchmarkServe is measured against.
func BenchmarkEcho(b *testing.B) {
	reply := []byte("O" + benchValue + "\n")
	linetest.Bench(b, func(nc net.Conn) {
		for r := bufio.NewReader(nc); ; {
			if _, err := r.ReadSlice('\n'); err != nil {
				return
			}
			if _, err := nc.Write(reply); err != nil {
				return
			}
		}
	}, []byte(benchRequest), reply)
}

// BenchmarkIterate reads 1,000 rows.
func BenchmarkIterate(b *testing.B) {
	s := &Server{Open: func(*Client) (Dict, error) { return many{}, nil }}
	var reply []byte
	for i := range 1000 {
		reply = appendRow(reply, many{}.key(nil, i), nil)
	}
	linetest.Bench(b, func(nc net.Conn) {
		if err := s.ServeConn(context.Background(), &headStart{nc, bytes.NewReader([]byte(hello))}); err != nil {
			b.Error(err)
		}
	}, []byte("I8\t1000\tshared/userdb/\t\n"), appendEnd(reply))
}
