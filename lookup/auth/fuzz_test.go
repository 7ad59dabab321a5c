package auth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
	"github.com/vmapd/vmapd/lookup/internal/strescape"
)

// fuzzInput sends anything, whole and byte by byte: both get the same answers,
// and all of them are what clients understand.
func fuzzInput(t *testing.T, serve linetest.ServeFunc, in []byte, master bool) {
	out, err := linetest.Run(serve, bytes.NewReader(in))
	slow, slowErr := linetest.Run(serve, iotest.OneByteReader(bytes.NewReader(in)))
	if out != slow || (err == nil) != (slowErr == nil) {
		t.Fatalf("whole: %q, %v\nbytes: %q, %v", out, err, slow, slowErr)
	}
	looped, loopedErr := linetest.RunLooped(serve, iotest.HalfReader(bytes.NewReader(in)))
	if out != looped || (err == nil) != (loopedErr == nil) {
		t.Fatalf("whole: %q, %v\non an event loop: %q, %v", out, err, looped, loopedErr)
	}
	var pe *ProtocolError
	if err != nil && !errors.As(err, &pe) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("error of an unknown kind: %v", err)
	}
	replies, err := parseAll(out, master)
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(in, []byte{'\n'}); len(replies) > lines {
		t.Fatalf("%d replies to %d lines", len(replies), lines)
	}
}

// FuzzClient is a client of auth-client that sends anything.
func FuzzClient(f *testing.F) {
	for _, s := range []string{
		"VERSION\t1\t4\nCPID\t1\n" + plainText("1", "imap", "alice@d1.test", "secret") + "CANCEL\t1\n",
		"VERSION\t1\t2\nCPID\t1\nAUTH\t1\tLOGIN\tservice=a\x01\x01nb\tresp=\nCONT\t1\tYQ==\nCONT\t1\tYQ\nCONT\t1\tYQ==\n",
		"VERSION\t1\t1\r\nCPID\t1\r\nAUTH\t1\tPLAIN\trip=::1\tlip=x\trport=65536\tservice=smtp\tresp=\r\nCONT\t1\t=\r\n",
		"VERSION\t1\t2\nCPID\t1\nAUTH\t1\tPLAIN\tservice=imap\tclient_id=\x01\tresp=AA==\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) { fuzzInput(t, serveClient, in, false) })
}

// FuzzMaster is a client of auth-master that sends anything.
func FuzzMaster(f *testing.F) {
	for _, s := range []string{
		"VERSION\t1\t0\nUSER\t1\talice@d1.test\t\tservice=lmtp\t=\trip=1\nPASS\t2\t\x01t\nCANCEL\t1\n",
		"VERSION\t1\t1\nREQUEST\t1\t2\t3\tab\tsession_pid=\trequest_auth_token\nCACHE-FLUSH\t2\t\ta\x01\nLIST\t3\tuser=*\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) { fuzzInput(t, serveMaster, in, true) })
}

// FuzzReplies has functions that answer anything, and a client that must be
// able to read it: with the values that were given, or else a failure.
func FuzzReplies(f *testing.F) {
	f.Add(uint8(1), "alice@d1.test", "uid", "5000", "why", "original", "admin", "code")
	f.Add(uint8(2), "", "a=b", "\x00\x01\t\r\n", "\n", "\t", "\x01", "\r")
	f.Add(uint8(0), "\xff", "", "", "", "", "", "")
	f.Add(uint8(9), "a\nb", "name\t", strings.Repeat("\t", 5000), "x", "", "\n", "")
	f.Fuzz(func(t *testing.T, verdict uint8, user, name, value, reason, original, master, code string) {
		var fields Fields
		fields.Add(name, value)
		fields.Flag(name)
		fields.AddBytes(name, []byte(value))
		var refused int
		s := &Server{
			SPID: 4242, OnRefused: func(error) { refused++ },
			Check: func(*Attempt) (Outcome, Rest) {
				return Outcome{
					Verdict: Verdict(verdict & 3), User: user, Fields: fields, NoLogin: verdict&4 != 0,
					Code: Code(code), Reason: reason, Original: original, Master: master,
				}, nil
			},
			User: func(context.Context, *UserRequest) UserReply {
				return UserReply{Verdict: Verdict(verdict & 3), User: user, Fields: fields, Reason: reason}
			},
			Flush: func(context.Context, []string) (int, error) { return int(verdict) - 5, errors.New(reason) },
		}
		s.Pass = s.User
		in := "VERSION\t1\t2\nCPID\t7\n" + plainText("1", "imap", "someone", "secret")
		out, err := linetest.Run(s.ServeClient, strings.NewReader(in))
		replies, bad := parseAll(out, false)
		if err != nil || bad != nil || len(replies) != 1 {
			t.Fatalf("%q: %v, %v", out, err, bad)
		}
		if r := replies[0]; r.command == "OK" {
			sent := append([]string{"user=" + user}, r.args[len(r.args)-3:]...)
			if diff := cmp.Diff([]string{r.args[0], name + "=" + value, name, name + "=" + value}, sent); diff != "" {
				t.Fatalf("(-sent +read):\n%s", diff)
			}
		}
		in = "VERSION\t1\t0\nUSER\t1\tsomeone\tservice=x\nPASS\t1\tsomeone\tservice=x\nCACHE-FLUSH\t1\nREQUEST\t1\t7\t1\tx\n"
		out, err = linetest.Run(func(ctx context.Context, nc net.Conn) error { return s.ServeMaster(ctx, nc, nil) }, strings.NewReader(in))
		replies, bad = parseAll(out, true)
		if err != nil || bad != nil || len(replies) != 4 {
			t.Fatalf("%q: %v, %v", out, err, bad)
		}
		if r := replies[0]; r.command == "USER" && cmp.Diff([]string{name + "=" + value, name, name + "=" + value}, r.args[1:]) != "" {
			t.Fatalf("sent %q=%q, read %q", name, value, r.args)
		}
	})
}

// FuzzEscape reads what was written, and anything.
func FuzzEscape(f *testing.F) {
	f.Add([]byte("tab\there\nand\rthere\x00\x01"), []byte("a\x01tb\x01xc\x01"))
	f.Fuzz(func(t *testing.T, plain, raw []byte) {
		written := strescape.Append(nil, plain)
		if bytes.ContainsAny(written, "\x00\t\r\n") {
			t.Fatalf("%q is written %q", plain, written)
		}
		if read := strescape.Unescape(bytes.Clone(written)); !bytes.Equal(read, plain) {
			t.Fatalf("%q is read as %q", plain, read)
		}
		if strict, err := strictUnescape(string(written)); err != nil || strict != string(plain) {
			t.Fatalf("%q is read as %q, %v", plain, strict, err)
		}
		if n := len(strescape.Unescape(bytes.Clone(raw))); n > len(raw) {
			t.Fatalf("%q grew to %d bytes", raw, n)
		}
	})
}
