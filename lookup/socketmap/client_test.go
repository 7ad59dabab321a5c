package socketmap

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClient(t *testing.T) {
	server, nc := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- (&Server{Lookup: testLookup}).ServeConn(context.Background(), server) }()
	c := NewClient(nc)
	type answer struct {
		Value string
		Found bool
		Temp  string
	}
	for _, tc := range []struct {
		table, key string
		want       answer
	}{
		{"aliases", "user@d1.test", answer{"box@example.com", true, ""}},
		{"aliases", "none@d1.test", answer{}},
		{"temp", "x", answer{Temp: "server answered TEMP: snapshot not loaded? yes"}},
		{"echo", "a b:\"", answer{`"a b:\""`, true, ""}},
		{"echo", "", answer{`""`, true, ""}},
		{"size", "99997", answer{strings.Repeat("v", 99997), true, ""}},
	} {
		var got answer
		var err error
		got.Value, got.Found, err = c.Lookup(t.Context(), tc.table, tc.key)
		var temp *TempError
		if errors.As(err, &temp) {
			got.Temp = temp.Error()
		} else if err != nil {
			t.Fatalf("%s %q: %v", tc.table, tc.key, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s %q (-want +got):\n%.300s", tc.table, tc.key, diff)
		}
	}
	nc.Close()
	if err := <-done; err != nil {
		t.Errorf("ServeConn: %v", err)
	}
}

// TestClientBadServer has servers that do not answer in the protocol.
func TestClientBadServer(t *testing.T) {
	for _, tc := range []struct{ name, reply, err string }{
		{"empty value", "3:OK ,", "server sent an empty value"},
		{"unknown status", "6:ok 250,", `server sent "ok 250" where a status should be`},
		{"no netstring", "HTTP/1.1 400", `server sent "H" where the length of a netstring should be`},
		{"too long", "100001:OK ", "server announced a netstring of 100001 bytes, limit 100000"},
		{"no comma", "4:OK x;", "instead of a comma"},
		{"hangs up", "", "unexpected EOF"},
		{"hangs up within", "9:NOT", "unexpected EOF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server, nc := net.Pipe()
			defer nc.Close()
			go func() {
				io.ReadFull(server, make([]byte, len("9:aliases x,")))
				io.WriteString(server, tc.reply)
				server.Close()
			}()
			c := NewClient(nc)
			for _, call := range []string{"first", "second"} { // out of step for ever
				_, found, err := c.Lookup(t.Context(), "aliases", "x")
				if found || err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%s call: %v, %v; want %q", call, found, err, tc.err)
				}
			}
		})
	}
}

// TestClientContext ends ctx while the server is silent.
func TestClientContext(t *testing.T) {
	server, nc := net.Pipe()
	defer nc.Close()
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		io.ReadFull(server, make([]byte, len("9:aliases x,")))
		cancel()
	}()
	if _, _, err := NewClient(nc).Lookup(ctx, "aliases", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
