package line

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// owing answers a line "now" at once, "late" when it settles, "long" with 100
// lines each of which is written by itself, and ends at a line "bad".
type owing struct {
	echo
	flush func([]byte) ([]byte, bool)
	owed  int
	lost  bool
}

func (o *owing) Cut(b []byte) (int, error) {
	if strings.HasPrefix(string(b), "bad\n") {
		return 0, errLong
	}
	return o.echo.Cut(b)
}

func (o *owing) Stream(flush func([]byte) ([]byte, bool)) { o.flush = flush }

func (o *owing) Answer(_ context.Context, dst, request []byte) []byte {
	switch string(request) {
	case "late\n":
		o.owed++
		return dst
	case "long\n":
		for range 100 {
			var ok bool
			if dst, ok = o.flush(append(dst, "row\n"...)); !ok {
				o.lost = true
				return dst
			}
		}
	}
	return append(dst, request...)
}

func (o *owing) Settle(_ context.Context, dst []byte) []byte {
	for ; o.owed > 0; o.owed-- {
		dst = append(dst, "settled\n"...)
	}
	return dst
}

// serveOwing serves o over a pipe.
func serveOwing(t *testing.T, o *owing, l Limits) (client net.Conn, done <-chan error) {
	t.Helper()
	server, client := net.Pipe()
	t.Cleanup(func() { client.Close() })
	result := make(chan error, 1)
	l.MaxFrame, l.RequestTimeout = 1000, time.Hour
	go func() {
		var pool Pool
		err := Serve(context.Background(), server, o, l, &pool)
		server.Close()
		result <- err
	}()
	return client, result
}

// TestStreamAndSettle asks in one write: what is owed comes when the input is
// used up, also before the error of Cut.
func TestStreamAndSettle(t *testing.T) {
	rows := strings.Repeat("row\n", 100)
	for _, tc := range []struct{ in, out string }{
		{"late\n", "settled\n"},
		{"late\nlate\nnow\nlate\n", "now\nsettled\nsettled\nsettled\n"},
		{"now\nlong\nlate\nlong\n", "now\n" + rows + "long\n" + rows + "long\nsettled\n"},
	} {
		for _, end := range []string{"", "bad\n"} {
			client, done := serveOwing(t, &owing{echo: echo{1000}}, Limits{WriteTimeout: time.Hour})
			go io.WriteString(client, tc.in+end)
			buf := make([]byte, len(tc.out))
			if _, err := io.ReadFull(client, buf); err != nil || string(buf) != tc.out {
				t.Errorf("%q: answered %q, %v", tc.in+end, buf, err)
			}
			if end == "" {
				client.Close()
			}
			if err := <-done; errors.Is(err, errLong) != (end != "") || err != nil && end == "" {
				t.Errorf("%q: %v", tc.in+end, err)
			}
		}
	}
}

// TestStreamToNobody asks for a long reply and reads the beginning of it.
func TestStreamToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owing{echo: echo{1000}}
		client, done := serveOwing(t, o, Limits{WriteTimeout: 20 * time.Millisecond})
		go io.WriteString(client, "long\n")
		if _, err := io.ReadFull(client, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) || !o.lost {
			t.Errorf("Serve: %v, Answer was told: %v", err, o.lost)
		}
	})
}
