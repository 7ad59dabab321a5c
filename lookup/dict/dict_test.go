package dict

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
	"github.com/vmapd/vmapd/lookup/internal/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hello begins a connection as 2.3.19 does.
const hello = "H3\t2\t0\t\ttest\n"

func TestTranscripts(t *testing.T) { linetest.PlayAll(t, testServer().ServeConn) }

// TestSplits cuts what the client sends at random places.
func TestSplits(t *testing.T) { linetest.PlaySplits(t, testServer().ServeConn) }

func TestLineLimit(t *testing.T) {
	long := strings.Repeat("k", DefaultMaxLine)
	for _, tc := range []struct {
		name, in, out, err string
		limit              int
	}{
		{"largest line", "Lshared/" + long[:DefaultMaxLine-9] + "\t\n", "N\n", "", 0},
		{"one byte more", "Lshared/" + long[:DefaultMaxLine-8] + "\t\n", "", "a line of more than 1048576 bytes", 0},
		{"no end", "Lshared/" + long, "", "a line of more than 1048576 bytes", 0},
		{"set limit", "Lshared/empty\t\nLshared/empty4567\t\n", "O\n", "a line of more than 17 bytes", 17},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := testServer()
			s.MaxLine = tc.limit
			out, err := linetest.Run(s.ServeConn, strings.NewReader(hello+tc.in))
			var pe *ProtocolError
			if out != tc.out || (tc.err != "") != errors.As(err, &pe) || pe != nil && !strings.Contains(pe.Reason, tc.err) {
				t.Errorf("answers %.100q, %v; want %q, %q", out, err, tc.out, tc.err)
			}
		})
	}
}

// TestTransaction looks at what the Dict gets.
func TestTransaction(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{
			"major 3", "H3\t2\t0\t\tx\nB7\tann@d1.test\t60\nU7\tpriv/a\nS7\tpriv/a\tv\nA7\tshared/n\t-5\nC7\n",
			`ann@d1.test expire=0s time=0001-01-01 00:00:00 secret=false unset(priv/a) set(priv/a, "v") add(shared/n, -5)`,
		},
		{
			"major 4", "H4\t0\t0\t\tx\nB7\tann@d1.test\t60\nV7\tyes\nT7\t1795350973\t5\nC7\n",
			`ann@d1.test expire=1m0s time=2026-11-22 12:36:13.000000005 secret=true`,
		},
		{
			"major 2", "H2\t2\t0\tann@d1.test\tx\nB7\nT7\t-1\t0\nV7\tno\nC7\n",
			`ann@d1.test expire=0s time=1969-12-31 23:59:59 secret=false`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMemory()
			s := &Server{Open: func(*Client) (Dict, error) { return m, nil }}
			if _, err := linetest.Run(s.ServeConn, strings.NewReader(tc.in)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tc.want}, m.log); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLimits opens too much; what fits goes on.
func TestLimits(t *testing.T) {
	var many, ops, large strings.Builder
	for i := range MaxTransactions + 1 {
		fmt.Fprintf(&many, "B%d\t\n", i)
	}
	many.WriteString("C64\nC0\nB64\t\nC64\n")
	ops.WriteString("B1\t\nB2\t\n")
	for range MaxOperations {
		ops.WriteString("S1\tshared/a\tb\nS2\tshared/a\tb\n")
	}
	ops.WriteString("S1\tshared/a\tb\nC1\nC2\n")
	half := strings.Repeat("v", MaxBytes/8)
	large.WriteString("B1\t\nB2\t\nB3\t\n")
	for range 4 {
		large.WriteString("S1\tshared/a\t" + half + "\n")
	}
	for range 4 {
		large.WriteString("S2\tshared/a\t" + half + "\n")
	}
	large.WriteString("C2\nS3\tshared/a\t" + half + "\nC1\nC3\n")
	for _, tc := range []struct{ name, in, want string }{
		{"transactions", many.String(), "F64\ttransaction 64 is not open\nO0\nO64\n"},
		{"operations", ops.String(), "F1\ttransaction 1 has more than 1000 operations\nO2\n"},
		{"bytes", large.String(), "F2\topen transactions have more than 4194304 bytes\nO1\nO3\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := linetest.Run(testServer().ServeConn, strings.NewReader(hello+tc.in))
			if out != tc.want || err != nil {
				t.Errorf("answers %q, %v; want %q", out, err, tc.want)
			}
		})
	}
}

func TestOnRefused(t *testing.T) {
	var got []string
	s := testServer()
	s.OnRefused = func(err error) { got = append(got, err.Error()) }
	in := "Lpriv/a\t\nLpriv/b\t\nLa\t\nLb\t\nLshared/nul\t\nLshared/nul\t\nI0\t0\tshared/stray/\t\nI0\t0\tshared/nuls/\t\n" +
		"C5\nC6\nB1\t\nB1\t\nP1\tshared/a\tb\nLshared/unsure\t\nB2\t\nS2\tpriv/c\td\nC2\nC1\n"
	if _, err := linetest.Run(s.ServeConn, strings.NewReader(hello+in)); err != nil {
		t.Fatal(err)
	}
	if _, err := linetest.Run(s.ServeConn, strings.NewReader("H3\t2\t0\t\tnosuch\nLpriv/a\t\nC1\nB1\nC1\n")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`dict "test", key "priv/a": a priv/ key needs a user; answered F`,
		`dict "test", key "a": the key begins neither with priv/ nor with shared/; answered F`,
		`dict "test", key "shared/nul": the value contains a NUL byte, where Dovecot would cut it; answered F`,
		`dict "test", key "shared/nul": the value contains a NUL byte, where Dovecot would cut it; answered F`,
		`dict "test", key "shared/other": the key of a row is outside the path that was asked for; answered F`,
		`dict "test", key "shared/nuls/b": the value of a row contains a NUL byte, where Dovecot would cut it; answered F`,
		`dict "test": transaction 5 is not open; answered F`,
		`dict "test": transaction 1 was begun twice; answered F`,
		`dict "test", key "shared/a": appending to values is not supported; answered F`,
		`dict "nosuch": no dict is called "nosuch"; answered F`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestClientIsKnown connects over a unix socket and looks at what Open learns.
func TestClientIsKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(nc, "H2\t2\t0\tann@d1.test\tquota\nLpriv/quota/storage\n")
	nc.(*net.UnixConn).CloseWrite()
	defer nc.Close()
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var got Client
	s := &Server{Open: func(c *Client) (Dict, error) { got = *c; return newMemory(), nil }}
	if err := s.ServeConn(context.Background(), server); err != nil {
		t.Fatal(err)
	}
	want := Client{
		Name: "quota", User: "ann@d1.test", Major: 2, Minor: 2, PeerKnown: true,
		Peer: peer.Cred{PID: os.Getpid(), UID: uint32(os.Getuid()), GID: uint32(os.Getgid())},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
