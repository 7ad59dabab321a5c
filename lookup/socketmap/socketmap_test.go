package socketmap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testLookup is a table for each thing a Lookup may do.
func testLookup(_ context.Context, dst, table, key []byte) ([]byte, bool, error) {
	switch string(table) {
	case "aliases":
		return append(dst, "box@example.com"...), string(key) == "user@d1.test", nil
	case "echo":
		if utf := strconv.AppendQuote(nil, string(key)); len(utf) <= MaxValue {
			return append(dst, utf...), true, nil
		}
		return dst, false, nil
	case "one":
		return append(dst, '1'), true, nil
	case "size": // the key is a number of bytes
		n, err := strconv.Atoi(string(key))
		if err != nil {
			return nil, false, err
		}
		return append(dst, bytes.Repeat([]byte("v"), n)...), true, nil
	case "static": // does not use dst
		return []byte("static value"), true, nil
	case "empty":
		return dst, true, nil
	case "nul":
		return append(dst, "a\x00b"...), true, nil
	case "latin1":
		return append(dst, "b\xfccher"...), true, nil
	case "utf8":
		return append(dst, "bücher"...), true, nil
	case "temp":
		return append(dst, "unused"...), true, errors.New("snapshot not loaded\n yes")
	}
	return dst, false, fmt.Errorf("no table %q", table)
}

func ns(payload string) string { return string(appendNetstring(nil, []byte(payload))) }

func TestTranscripts(t *testing.T) {
	linetest.PlayAll(t, (&Server{Lookup: testLookup, Prompt: func() bool { return true }}).ServeConn)
}

// TestSplits cuts what the client sends at random places.
func TestSplits(t *testing.T) {
	linetest.PlaySplits(t, (&Server{Lookup: testLookup, Prompt: func() bool { return true }}).ServeConn)
}

// TestSizes sends random sizes of keys and values over one connection.
func TestSizes(t *testing.T) {
	s := &Server{Lookup: testLookup}
	property.Check(t, func(t *rapid.T) {
		var in, want strings.Builder
		for range rapid.IntRange(1, 20).Draw(t, "requests") {
			if n := rapid.SampledFrom([]int{1, 6, 7, 8, 95, 96, 97, 98, 996, 997, 9997, 50000, MaxValue}).Draw(t, "value"); rapid.Bool().Draw(t, "long value") {
				in.WriteString(ns("size " + strconv.Itoa(n)))
				want.WriteString(ns("OK " + strings.Repeat("v", n)))
				continue
			}
			key := strings.Repeat("k", rapid.SampledFrom([]int{0, 1, 500, 1010, 1020, 8180, 8190, 10000, DefaultMaxRequest - 5}).Draw(t, "key"))
			in.WriteString(ns("echo " + key))
			want.WriteString(ns("OK \"" + key + "\""))
		}
		var r io.Reader = strings.NewReader(in.String())
		if rapid.Bool().Draw(t, "halves") {
			r = iotest.HalfReader(r)
		}
		out, err := linetest.Run(s.ServeConn, r)
		if out != want.String() || err != nil {
			t.Fatalf("%d bytes of answers, want %d; error %v", len(out), want.Len(), err)
		}
	})
}

func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		name, in, out, err string
	}{
		{"key of 10,000 bytes", ns("echo " + strings.Repeat("k", 10000)), ns("OK \"" + strings.Repeat("k", 10000) + "\""), ""},
		{"largest request", ns("one " + strings.Repeat("k", 65532)), ns("OK 1"), ""},
		{"one byte more", ns("one " + strings.Repeat("k", 65533)), "", "announced a netstring of 65537 bytes, limit 65536"},
		{"largest value", ns("size 99997"), ns("OK " + strings.Repeat("v", 99997)), ""},
		{"value one byte longer", ns("size 99998") + ns("one x"), ns("TEMP the value is 99998 bytes long, Postfix reads 99997") + ns("OK 1"), ""},
		{"value not in dst", ns("static x"), ns("OK static value"), ""},
		{"unknown table", ns("nosuch x"), ns(`TEMP no table "nosuch"`), ""},
		{"long reason", ns(strings.Repeat("n", 300) + " x"), ns(`TEMP no table "` + strings.Repeat("n", 190)), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := linetest.Run((&Server{Lookup: testLookup}).ServeConn, strings.NewReader(tc.in))
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
	s := &Server{Lookup: testLookup, OnRefused: func(err error) { got = append(got, err.Error()) }}
	in := ns("empty a") + ns("nul b") + ns("latin1 c") + ns("size 99998") + ns("nothing") + ns("one fine")
	if _, err := linetest.Run(s.ServeConn, strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`table "empty", key "a": the value is empty, which Postfix takes for an error; answered TEMP`,
		`table "nul", key "b": the value contains a NUL byte; answered TEMP`,
		`table "latin1", key "c": the value is not UTF-8; answered TEMP`,
		`table "size", key "99998": the value is 99998 bytes long, Postfix reads 99997; answered TEMP`,
		`request names no table: expected "table key", got "nothing"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDrain stops the server while Lookup has a request and another is half
// read: the first is answered, and ServeConn returns nil.
func TestDrain(t *testing.T) {
	asked, goOn := make(chan struct{}), make(chan struct{})
	s := &Server{Lookup: func(_ context.Context, dst, _, _ []byte) ([]byte, bool, error) {
		close(asked)
		<-goOn
		return append(dst, "late"...), true, nil
	}}
	server, client := net.Pipe()
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := s.ServeConn(ctx, server)
		server.Close()
		done <- err
	}()
	io.WriteString(client, ns("aliases x")+"9:ali")
	<-asked
	cancel()
	server.SetReadDeadline(time.Now())
	close(goOn)
	out, err := io.ReadAll(client)
	if string(out) != ns("OK late") || err != nil {
		t.Errorf("client got %q, %v", out, err)
	}
	if err := <-done; err != nil {
		t.Errorf("ServeConn: %v", err)
	}
}

// TestAllocs asks over a pipe in steady state: short and long, found and not.
func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget")
	}
	long := bytes.Repeat([]byte("v"), 50000)
	s := &Server{Lookup: func(_ context.Context, dst, table, key []byte) ([]byte, bool, error) {
		if string(table) == "long" {
			return append(dst, long...), true, nil
		}
		return append(dst, key...), string(table) == "echo", nil
	}}
	server, client := net.Pipe()
	done := make(chan error)
	go func() { done <- s.ServeConn(context.Background(), server) }()
	for _, tc := range []struct{ name, request, reply string }{
		{"short", ns("echo user@d1.test"), ns("OK user@d1.test")},
		{"not found", ns("nothing user@d1.test"), ns("NOTFOUND ")},
		{"pipelined", strings.Repeat(ns("echo user@d1.test"), 20), strings.Repeat(ns("OK user@d1.test"), 20)},
		{"long value", ns("long x"), ns("OK " + string(long))},
	} {
		t.Run(tc.name, func(t *testing.T) { linetest.Allocs(t, client, 0, tc.request, tc.reply) })
	}
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
