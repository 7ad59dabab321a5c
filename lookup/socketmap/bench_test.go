package socketmap

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"
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
	benchConnections(b, func(nc net.Conn) {
		if err := s.ServeConn(context.Background(), nc); err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkEcho is the limit that BenchmarkServe is measured against.
func BenchmarkEcho(b *testing.B) { benchConnections(b, echo) }

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

// benchConnections measures b.N requests over 1, 4 and 16 connections.
func benchConnections(b *testing.B, serve func(net.Conn)) {
	for _, conns := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("conns=%d", conns), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "s")
			ln, err := net.Listen("unix", path)
			if err != nil {
				b.Fatal(err)
			}
			defer ln.Close()
			go func() {
				for {
					nc, err := ln.Accept()
					if err != nil {
						return
					}
					go func() {
						defer nc.Close()
						serve(nc)
					}()
				}
			}()
			benchClients(b, path, conns)
		})
	}
}

// benchClients sends b.N requests in all and waits for each reply.
func benchClients(b *testing.B, path string, conns int) {
	request := appendNetstring(nil, []byte("aliases user@d1.example.com"))
	want := len(appendNetstring(nil, []byte("OK "+benchValue)))
	start, done := make(chan struct{}), make(chan error)
	for i := range conns {
		nc, err := net.Dial("unix", path)
		if err != nil {
			b.Fatal(err)
		}
		defer nc.Close()
		n := b.N / conns
		if i < b.N%conns {
			n++
		}
		go func() {
			buf := make([]byte, want)
			<-start
			for range n {
				if _, err := nc.Write(request); err != nil {
					done <- err
					return
				}
				if _, err := io.ReadFull(nc, buf); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	b.ReportAllocs()
	b.ResetTimer()
	close(start)
	for range conns {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}
