package dict

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

// TestPassOn has a connection go from one server to another at every byte: the
// client and the dict must not notice.
func TestPassOn(t *testing.T) {
	for _, input := range []string{
		hello + "Lshared/bytes\tann@d1.test\nB1\tann@d1.test\nS1\tpriv/quota/storage\ta\x01tb\nB2\tbob@d1.test\nA2\tpriv/n\t-5\nT2\t1795350973\t5\nU1\tpriv/x\nC2\nC1\nLshared/none\t\nB3\t\nR3\nC3\n",
		"H4\t0\t0\t\ttest\nB7\tann@d1.test\t60\nV7\tyes\nS7\tshared/a\tb\nC7\nI0\t0\tshared/userdb/\t\n",
		"H2\t2\t0\tann@d1.test\ttest\nB7\nS7\tpriv/a\tb\nC7\nLpriv/a\n",
	} {
		serve := func(m *memory, cut int) string {
			var said []byte
			server := func() *Server {
				return &Server{
					Open:   func(*Client) (Dict, error) { return m, nil },
					PassOn: func(_ net.Conn, s []byte) { said = bytes.Clone(s) },
				}
			}
			return linetest.PlayPassedOn(t, input, cut, server().ServeConn, func() linetest.ServeFunc {
				before := said
				return func(ctx context.Context, nc net.Conn) error { return server().Resume(ctx, nc, before) }
			})
		}
		whole := newMemory()
		want := serve(whole, len(input))
		if len(whole.log) == 0 || want == "" {
			t.Fatalf("%q says nothing", input)
		}
		for cut := range len(input) {
			m := newMemory()
			got := serve(m, cut)
			if diff := cmp.Diff(want, got) + cmp.Diff(whole.log, m.log); diff != "" {
				t.Errorf("%q, cut at %d (-want +got):\n%s", input, cut, diff)
			}
		}
	}
}

// A connection on which something is wrong is not passed on.
func TestPassOnNot(t *testing.T) {
	for _, input := range []string{
		hello + "B1\t\nB1\t\n", // can only fail
		hello + "B1\t\nP1\tshared/a\tb\n",
	} {
		s := testServer()
		s.PassOn = func(_ net.Conn, said []byte) { t.Errorf("%q is passed on as %q", input, said) }
		linetest.PlayPassedOn(t, input, len(input), s.ServeConn, func() linetest.ServeFunc {
			return func(context.Context, net.Conn) error { return nil }
		})
	}
	long := hello + "B1\t\n" + strings.Repeat("S1\tshared/a\t"+strings.Repeat("x", 1000)+"\n", 900)
	s, passed := testServer(), 0
	s.PassOn = func(_ net.Conn, said []byte) { passed = len(said) }
	linetest.PlayPassedOn(t, long, len(long), s.ServeConn, func() linetest.ServeFunc {
		return func(context.Context, net.Conn) error { return nil }
	})
	if passed != len(long) {
		t.Errorf("a long transaction of %d bytes is passed on as %d", len(long), passed)
	}
}
