package linetest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"
)

// Bench serves on a unix socket and measures b.N requests over 1, 4 and 16
// connections, with one request in flight on each. Every reply must be as long
// as reply, and the last one of a connection equal to it. serve answers one
// connection until the client closes it.
func Bench(b *testing.B, serve func(net.Conn), request, reply []byte) {
	BenchAfter(b, func(net.Conn) {}, serve, request, reply)
}

// BenchAfter is Bench for protocols in which clients take part in a greeting
// first.
func BenchAfter(b *testing.B, greet, serve func(net.Conn), request, reply []byte) {
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
			benchClients(b, path, conns, greet, request, reply)
		})
	}
}

// benchClients sends b.N requests in all and waits for each reply.
func benchClients(b *testing.B, path string, conns int, greet func(net.Conn), request, reply []byte) {
	start, done := make(chan struct{}), make(chan error)
	for i := range conns {
		nc, err := net.Dial("unix", path)
		if err != nil {
			b.Fatal(err)
		}
		defer nc.Close()
		greet(nc)
		n := b.N / conns
		if i < b.N%conns {
			n++
		}
		go func() {
			buf := make([]byte, len(reply))
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
			if n > 0 && !bytes.Equal(buf, reply) {
				done <- fmt.Errorf("got %q, want %q", buf, reply)
				return
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
