package tcptable

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testLookup is a table with a key for each thing a Lookup may do.
func testLookup(_ context.Context, dst, table, key []byte) ([]byte, bool, error) {
	if string(table) != "aliases" {
		return nil, false, errors.New("not the table of the server")
	}
	if rest, ok := bytes.CutPrefix(key, []byte("echo:")); ok {
		return append(dst, rest...), true, nil
	}
	if rest, ok := bytes.CutPrefix(key, []byte("size:")); ok {
		n, err := strconv.Atoi(string(rest))
		return append(dst, strings.Repeat("v", min(max(n, 0), 10000))...), true, err
	}
	switch string(key) {
	case "user@d1.test":
		return append(dst, "box@example.com"...), true, nil
	case "static": // does not use dst
		return []byte("static value"), true, nil
	case "empty":
		return dst, true, nil
	case "nul":
		return append(dst, "a\x00b"...), true, nil
	case "latin1":
		return append(dst, "b\xfccher"...), true, nil
	case "temp":
		return append(dst, "unused"...), true, errors.New("50% of the\n snapshot")
	}
	return dst, false, nil
}

// newServer returns a server of the table above.
func newServer() *Server {
	return &Server{Table: "aliases", Lookup: testLookup, Prompt: func() bool { return true }}
}

func TestTranscripts(t *testing.T) { linetest.PlayAll(t, newServer().ServeConn) }

// TestSplits cuts what the client sends at random places.
func TestSplits(t *testing.T) { linetest.PlaySplits(t, newServer().ServeConn) }

func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		name, in, out, err string
	}{
		{"key of 10,000 bytes", "get size:" + strings.Repeat("0", 9994) + "1\n", "200 v\n", ""},
		{"key of 10,000 quoted bytes", "get " + strings.Repeat("%20", 10000) + "\n", "500 not found\n", ""},
		{"largest request", "get " + strings.Repeat("k", 65531) + "\n", "500 not found\n", ""},
		{"one byte more", "get " + strings.Repeat("k", 65532) + "\n", "", "a line of more than 65536 bytes: closing"},
		{"no end", strings.Repeat("k", 70000), "", "a line of more than 65536 bytes: closing"},
		{"largest value", "get size:4091\n", "200 " + strings.Repeat("v", 4091) + "\n", ""},
		{"value one byte longer", "get size:4092\nget user@d1.test\n", "400 the reply is 4097 bytes long, Postfix reads 4096; use a socketmap table for long values\n200 box@example.com\n", ""},
		{"value too long once quoted", "get echo:" + strings.Repeat("%20", 1364) + "\n", "400 the reply is 4097 bytes long, Postfix reads 4096; use a socketmap table for long values\n", ""},
		{"value that just fits quoted", "get echo:" + strings.Repeat("%20", 1363) + "\n", "200 " + strings.Repeat("%20", 1363) + "\n", ""},
		{"value not in dst", "get static\n", "200 static%20value\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := linetest.Run(newServer().ServeConn, strings.NewReader(tc.in))
			if diff := cmp.Diff(tc.out, out); diff != "" {
				t.Errorf("answers (-want +got):\n%.300s", diff)
			}
			var pe *ProtocolError
			if (tc.err != "") != errors.As(err, &pe) || pe != nil && !strings.Contains(pe.Reason, tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
		})
	}
}

func TestOnRefused(t *testing.T) {
	var got []string
	s := newServer()
	s.OnRefused = func(err error) { got = append(got, err.Error()) }
	in := "get empty\nget nul\nget size:5000\nput a b\nget a%\nget user@d1.test\n"
	if _, err := linetest.Run(s.ServeConn, strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`table "aliases", key "empty": the value is empty, which Postfix takes for an error; answered 400`,
		`table "aliases", key "nul": the value contains a NUL byte; answered 400`,
		`table "aliases", key "size:5000": the reply is 5005 bytes long, Postfix reads 4096; use a socketmap table for long values; answered 400`,
		`table "aliases": put is not supported, this table is read only, got "put a b"`,
		`table "aliases": broken %XX in the key, got "get a%"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestQuote writes any bytes with %XX and reads them back.
func TestQuote(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		line := appendRequest(nil, string(in))
		for _, c := range line[len("get ") : len(line)-1] {
			if c != '%' && !plain(c) {
				t.Fatalf("%q is not quoted in %q", c, line)
			}
		}
		out, ok := unquoteInPlace(line[len("get ") : len(line)-1])
		if !ok || !bytes.Equal(in, out) {
			t.Fatalf("%q came back as %q", in, out)
		}
	})
}

// TestAllocs asks over a pipe in steady state.
func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget")
	}
	server, client := net.Pipe()
	done := make(chan error)
	go func() { done <- newServer().ServeConn(context.Background(), server) }()
	for _, tc := range []struct{ name, request, reply string }{
		{"found", "get user@d1.test\n", "200 box@example.com\n"},
		{"quoted", "get echo:a%20b%c3%a9\n", "200 a%20b%C3%A9\n"},
		{"not found", "get none@d1.test\n", "500 not found\n"},
	} {
		t.Run(tc.name, func(t *testing.T) { linetest.Allocs(t, client, 0, tc.request, tc.reply) })
	}
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestClient(t *testing.T) {
	server, nc := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- newServer().ServeConn(context.Background(), server) }()
	c := NewClient(nc)
	type answer struct {
		Value string
		Found bool
		Temp  string
	}
	for key, want := range map[string]answer{
		"user@d1.test":         {"box@example.com", true, ""},
		"none\n":               {},
		"":                     {},
		"echo:a b%\r\nc é\xff": {Temp: "server answered 400: the value is not UTF-8"},
		"echo:a b%\r\nc é":     {"a b%\r\nc é", true, ""},
		"temp":                 {Temp: "server answered 400: 50% of the? snapshot"},
		"size:4091":            {strings.Repeat("v", 4091), true, ""},
	} {
		var got answer
		var err error
		got.Value, got.Found, err = c.Lookup(t.Context(), key)
		var temp *TempError
		if errors.As(err, &temp) {
			got.Temp = temp.Error()
		} else if err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%.300s", key, diff)
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
		{"empty value", "200 \n", "server sent an empty value"},
		{"unknown code", "300 x\n", "which is no reply"},
		{"broken quoting", "200 a%zz\n", "which is no reply"},
		{"no code", "\n", "which is no reply"},
		{"too long", "200 " + strings.Repeat("v", 4092) + "\n", "more than 4096 bytes"},
		{"hangs up within", "200 a", "unexpected EOF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server, nc := net.Pipe()
			defer nc.Close()
			go func() {
				io.ReadFull(server, make([]byte, len("get x\n")))
				io.WriteString(server, tc.reply)
				server.Close()
			}()
			_, found, err := NewClient(nc).Lookup(t.Context(), "x")
			if found || err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%v, %v; want %q", found, err, tc.err)
			}
		})
	}
}

// FuzzServeConn sends anything: every line is answered by one line that
// Postfix understands, and Lookup sees keys as they were before quoting.
func FuzzServeConn(f *testing.F) {
	for _, s := range []string{
		"get user@d1.test\nget none\n", "get echo:%41%5a%20\n", "get a%4\n", "get a%zz\n", "get a b\r\n", "put a b\n", "\n\n",
		"get echo:%\n", "get size:4092\nget size:4091\n", "get empty\nget nul\nget latin1\nget temp\n", "get \xff\n", "get x",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := linetest.Run(newServer().ServeConn, bytes.NewReader(in))
		looped, loopedErr := linetest.RunLooped(newServer().ServeConn, iotest.HalfReader(bytes.NewReader(in)))
		if out != looped || (err == nil) != (loopedErr == nil) {
			t.Fatalf("whole: %q, %v\non an event loop: %q, %v", out, err, looped, loopedErr)
		}
		var pe *ProtocolError
		if err != nil && !errors.As(err, &pe) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("error of an unknown kind: %v", err)
		}
		replies := strings.SplitAfter(out, "\n")
		if last := replies[len(replies)-1]; last != "" {
			t.Fatalf("reply %q does not end", last)
		}
		replies = replies[:len(replies)-1]
		if pe == nil && len(replies) != bytes.Count(in, []byte("\n")) || len(replies) > bytes.Count(in, []byte("\n")) {
			t.Fatalf("%d replies to %d lines", len(replies), bytes.Count(in, []byte("\n")))
		}
		for _, reply := range replies {
			if len(reply) > MaxReply {
				t.Fatalf("reply of %d bytes", len(reply))
			}
			if _, _, _, err := parseReply([]byte(strings.TrimSuffix(reply, "\n"))); err != nil {
				t.Fatalf("reply %q: %v", reply, err)
			}
		}
	})
}
