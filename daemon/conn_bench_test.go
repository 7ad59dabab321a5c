package daemon

import (
	"net"
	"testing"
)

// instant is a connection that always has a byte.
type instant struct{ net.Conn }

func (instant) Read(b []byte) (int, error) { return 1, nil }

func BenchmarkConnRead(b *testing.B) {
	buf := make([]byte, 1)
	for _, bench := range []struct {
		name string
		c    net.Conn
	}{{"without", instant{}}, {"with", &conn{Conn: instant{}}}} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				bench.c.Read(buf)
			}
		})
	}
}
