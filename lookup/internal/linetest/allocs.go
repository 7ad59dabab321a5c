package linetest

import (
	"io"
	"net"
	"testing"
)

// Allocs asks the same again and again over one connection, and fails the test
// if a round makes more than most allocations, or if the last reply is another
// one.
func Allocs(t *testing.T, nc net.Conn, most float64, request, reply string) {
	t.Helper()
	ask, buf := []byte(request), make([]byte, len(reply))
	if n := testing.AllocsPerRun(200, func() {
		nc.Write(ask)
		io.ReadFull(nc, buf)
	}); n > most {
		t.Errorf("%v allocations a round, want %v", n, most)
	}
	if string(buf) != reply {
		t.Errorf("reply %.80q", buf)
	}
}
