package milter

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-milter"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/milter/miltertest"
)

// script is a connection whose client says what it has to say and is gone.
type script struct {
	net.Conn // nil: nothing else is called
	in       io.Reader
	out      bytes.Buffer
}

func (s *script) Read(b []byte) (int, error)       { return s.in.Read(b) }
func (s *script) Write(b []byte) (int, error)      { return s.out.Write(b) }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) LocalAddr() net.Addr              { return &net.UnixAddr{} }

// packet gives a packet.
func packet(code byte, data string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(1+len(data)))) + string(code) + data
}

// dialogue is a whole session with one message to be signed.
func dialogue(protocol uint32, body string) string {
	offer := string(binary.BigEndian.AppendUint32([]byte("\x00\x00\x00\x06\x00\x00\x01\xff"), protocol))
	var b strings.Builder
	packets := []string{
		"O" + offer, "DC{daemon_name}\x00ORIGINATING\x00", "Ch\x004\x00\x19192.0.2.1\x00", "DM{auth_type}\x00PLAIN\x00", "M<ann@example.org>\x00", "R<bob@far.test>\x00",
		"DLi\x004Q\x00", "LFrom\x00 ann@example.org\x00", "LSubject\x00 folded\n value\x00", "DN", "N",
	}
	for chunk := range slices.Chunk([]byte(body), milter.MaxBodyChunk) {
		packets = append(packets, "DBi\x004Q\x00", "B"+string(chunk))
	}
	for _, p := range append(packets, "E", "A", "A", "Q") {
		b.WriteString(packet(p[0], p[1:]))
	}
	return b.String()
}

// FuzzSession sends a session any bytes. It must end, with nothing but whole
// replies sent, and leave the server fit for a good session.
func FuzzSession(f *testing.F) {
	f.Add([]byte(dialogue(miltertest.AllProtocol, "Hello.\r\n")), uint8(0))
	f.Add([]byte(dialogue(0x7f, "Hello.\r\n")), uint8(1))
	f.Add([]byte(dialogue(0, "")), uint8(3))
	f.Add([]byte("\x00\x00\x00\x00"), uint8(0))
	keys, err := testKeys()
	if err != nil {
		f.Fatal(err)
	}
	s := newServer(f)
	s.Keys = func(_ context.Context, domain string) ([]*dkim.Key, string) {
		if domain != "example.org" {
			return nil, ""
		}
		return keys[1:], "" // the quick one
	}
	var results []string
	s.Report = func(e *Event) { results = append(results, e.Result) }
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		results = results[:0]
		c := &script{in: bytes.NewReader(in)}
		if step > 0 { // in small pieces
			c.in = &pieces{c.in, int(step)}
		}
		err := s.ServeConn(t.Context(), c)
		checkReplies(t, c.out.Bytes())
		if signed := bytes.Count(c.out.Bytes(), []byte("DKIM-Signature\x00")); signed > len(results) {
			t.Errorf("%d signatures for %d messages", signed, len(results))
		}
		for _, r := range results {
			if r == Failed {
				t.Errorf("a message could not be signed (the session ended with %v)", err)
			}
		}
		results = results[:0]
		c = &script{in: strings.NewReader(dialogue(miltertest.AllProtocol, "Hello.\r\n"))}
		if err := s.ServeConn(t.Context(), c); err != nil || len(results) != 1 || results[0] != Signed {
			t.Errorf("a good session afterwards: %v, results %v", err, results)
		}
	})
}

// pieces reads a few bytes at a time.
type pieces struct {
	io.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.n)]) }

// checkReplies checks that what was sent is a sequence of whole packets with
// codes that milters send.
func checkReplies(t *testing.T, b []byte) {
	t.Helper()
	for len(b) > 0 {
		if len(b) < 5 {
			t.Fatalf("half a packet: %q", b)
		}
		n := int(binary.BigEndian.Uint32(b))
		if n == 0 || n > len(b)-4 || !strings.ContainsRune("Ociast", rune(b[4])) {
			t.Fatalf("no reply: %.60q", b)
		}
		b = b[4+n:]
	}
}

// TestPieces has a session arrive byte by byte, and in pieces of other sizes.
func TestPieces(t *testing.T) {
	s := newServer(t)
	body := lines(2000)
	for _, n := range []int{1, 2, 3, 4, 5, 7, 100, 4096, bufferSize, 1 << 20} {
		var result string
		s.Report = func(e *Event) { result = e.Result }
		c := &script{in: &pieces{strings.NewReader(dialogue(miltertest.AllProtocol, body[:60000])), n}}
		if err := s.ServeConn(t.Context(), c); err != nil || result != Signed {
			t.Errorf("pieces of %d bytes: %q, %v", n, result, err)
		}
		checkReplies(t, c.out.Bytes())
	}
}
