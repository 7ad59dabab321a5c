package socketmap

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

// FuzzServeConn sends anything, whole and byte by byte: both get the same
// answers, each a netstring that Postfix understands, one to each request.
func FuzzServeConn(f *testing.F) {
	for _, s := range []string{
		"20:aliases user@d1.test,20:aliases none@d1.test,", "0000000005:one x,", "00000000005:one x,",
		"7:nospace,0:,4: key,", "6:echo \xff,", "7:empty x,5:nul x,8:latin1 x,", "5:one x;", "9999999:one", "5:one", "-1:x,", ":", "10:size 99998,",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		requests := 0
		s := &Server{Lookup: func(ctx context.Context, dst, table, key []byte) ([]byte, bool, error) {
			if string(table) == "size" {
				table = []byte("echo") // not as large as the fuzzer wants it
			}
			return testLookup(ctx, dst, table, key)
		}, OnRefused: func(error) {}, Prompt: func() bool { return true }}
		out, err := linetest.Run(s.ServeConn, bytes.NewReader(in))
		slow, slowErr := linetest.Run(s.ServeConn, iotest.OneByteReader(bytes.NewReader(in)))
		if out != slow || (err == nil) != (slowErr == nil) {
			t.Fatalf("whole: %q, %v\nbytes: %q, %v", out, err, slow, slowErr)
		}
		looped, loopedErr := linetest.RunLooped(s.ServeConn, iotest.HalfReader(bytes.NewReader(in)))
		if out != looped || (err == nil) != (loopedErr == nil) {
			t.Fatalf("whole: %q, %v\non an event loop: %q, %v", out, err, looped, loopedErr)
		}
		var pe *ProtocolError
		if err != nil && !errors.As(err, &pe) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("error of an unknown kind: %v", err)
		}
		for rest := in; ; requests++ {
			_, end, err := cutNetstring(rest, DefaultMaxRequest)
			if end == 0 || err != nil {
				break
			}
			rest = rest[end:]
		}
		for rest := []byte(out); len(rest) > 0; requests-- {
			head, end, err := cutNetstring(rest, MaxReply)
			if end == 0 || err != nil {
				t.Fatalf("reply %.100q is no netstring: %v", rest, err)
			}
			if _, _, _, err := parseReply(rest[head : end-1]); err != nil {
				t.Fatal(err)
			}
			rest = rest[end:]
		}
		if requests != 0 {
			t.Fatalf("%d requests without a reply", requests)
		}
	})
}

// FuzzNetstring writes a payload and reads it back, and reads it as if it were
// a netstring itself: what is accepted is the same after another round.
func FuzzNetstring(f *testing.F) {
	for _, s := range []string{"", "x", "3:abc,", "03:abc,rest", "3:abc", "3:abcd", "99999999999:", "a:", "12"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 20
		if len(b) <= limit {
			wire := appendNetstring(nil, b)
			head, end, err := cutNetstring(append(wire, b...), limit)
			if err != nil || end != len(wire) || !bytes.Equal(wire[head:end-1], b) {
				t.Fatalf("%d bytes came back as [%d:%d], %v", len(b), head, end-1, err)
			}
		}
		head, end, err := cutNetstring(b, limit)
		if end == 0 || err != nil {
			return
		}
		// Of what was read, only leading zeros are lost.
		again := appendNetstring(nil, b[head:end-1])
		zeros := bytes.TrimSuffix(b[:end], again)
		if len(zeros)+len(again) != end || len(bytes.Trim(zeros, "0")) > 0 {
			t.Fatalf("read %q, wrote %q", b[:end], again)
		}
	})
}
