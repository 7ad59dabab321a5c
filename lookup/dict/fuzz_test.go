package dict

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
	"github.com/vmapd/vmapd/lookup/internal/strescape"
)

// wild is a Dict that answers what its bytes say, and begins again with each
// connection.
type wild struct{ rest []byte }

// take gives the next n bytes, or as many as are left.
func (w *wild) take(n int) []byte {
	b := w.rest[:min(n, len(w.rest))]
	w.rest = w.rest[len(b):]
	return b
}

// choose gives a number below n.
func (w *wild) choose(n int) int {
	if b := w.take(1); len(b) > 0 {
		return int(b[0]) % n
	}
	return 0
}

// text gives a few bytes.
func (w *wild) text() []byte { return w.take(w.choose(16)) }

func (w *wild) Lookup(_ context.Context, r *Request, dst []byte) ([]byte, bool, error) {
	if !bytes.HasPrefix(r.Key, []byte("shared/")) && (!bytes.HasPrefix(r.Key, []byte("priv/")) || len(r.User) == 0) {
		panic(fmt.Sprintf("asked for %q of %q", r.Key, r.User))
	}
	switch w.choose(6) {
	case 0:
		return nil, false, nil
	case 1:
		return nil, true, errors.New(string(w.text()))
	case 2:
		return w.text(), true, nil
	case 3:
		return nil, true, nil
	case 4:
		return append(append(dst, "xx"...), w.text()...)[2:], true, nil
	}
	return append(dst, w.text()...), true, nil
}

func (w *wild) Iterate(_ context.Context, r *IterateRequest, yield func(key, value []byte) bool) error {
	for range w.choose(20) {
		var key []byte
		if n := w.choose(len(r.Paths) + 4); n < len(r.Paths) || n > len(r.Paths) {
			key = slices.Clone(r.Paths[min(n, len(r.Paths)-1)])
		}
		yield(append(key, w.text()...), w.text()) // goes on when it is told not to
	}
	if w.choose(4) == 1 {
		return errors.New(string(w.text()))
	}
	return nil
}

func (w *wild) Commit(_ context.Context, t *Transaction, done func(error)) {
	for _, op := range t.Ops {
		if !strings.HasPrefix(op.Key, "shared/") && (!strings.HasPrefix(op.Key, "priv/") || t.User == "") {
			panic(fmt.Sprintf("%v of %q", op, t.User))
		}
	}
	switch w.choose(6) {
	case 0:
		done(nil)
	case 1:
		done(ErrKeyMissing)
	case 2:
		done(fmt.Errorf("%w: %s", ErrUncertain, w.text()))
	case 3:
		done(errors.New(string(w.text())))
	case 4:
		go done(nil)
	case 5:
		done(nil)
		done(errors.New("again"))
	}
}

// FuzzServeConn sends anything, to a Dict that answers anything, whole and byte
// by byte: both get the same answers, one to each command that one is due to, in
// order, and a strict client takes them all.
func FuzzServeConn(f *testing.F) {
	behave := []byte("\x05\x08a\tb\nc\rd\x01\x02\x04a\x00bc\x01\x03\n\n\n\x04\x02xy\x03")
	for _, in := range []string{
		hello + "Lshared/a\tann\nLpriv/a\tann\nLpriv/a\t\nLa\n",
		hello + "I0\t0\tshared/a\t\nI1\t3\tpriv/a\tann\nI25\t0\tshared/a\t\nI8\t0\tshared/\t\n",
		hello + "B1\tann\nS1\tpriv/a\tb\nA1\tpriv/a\t-3\nU1\tpriv/b\nT1\t1\t2\nV1\tyes\nC1\nB2\t\nR2\nC2\n",
		"H2\t2\t0\tann\tx\nLpriv/a\nI1\t0\tpriv/\tshared/a\nB1\nS1\tpriv/a\tb\nD1\nD1\nP1\ta\tb\n",
		"H4\t0\t0\t\tx\nB1\tann\t60\nC1\nB1\tann\tx\n",
		"H3\t2\t0\t\tnosuch\nLshared/a\nI0\t0\tshared/a\nB1\nC1\nD2\n",
		hello + "Lshared/\x01t\x01n\x010\x01\n", hello + "C0001\n", "H9\n", "Lshared/a\n", hello + hello, "\n",
	} {
		for skip := range 4 {
			f.Add([]byte(in), behave[skip*3:])
		}
	}
	f.Fuzz(func(t *testing.T, in, behaviour []byte) {
		s := &Server{OnRefused: func(error) {}, Prompt: func() bool { return true }, Open: func(c *Client) (Dict, error) {
			if c.Name == "nosuch" {
				return nil, errors.New("no\nsuch")
			}
			return &wild{behaviour}, nil
		}}
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
		due, bad := expect(in)
		if bad != (pe != nil) {
			t.Fatalf("a line outside the grammar: %v, error %v", bad, err)
		}
		if n, err := judge(out, due); n != len(due) || err != nil {
			t.Fatalf("%q\n%d of %d commands were answered: %v", out, n, len(due), err)
		}
	})
}

// FuzzParse takes any line apart and writes it again: that gives the same.
func FuzzParse(f *testing.F) {
	for _, in := range []string{
		"H3\t2\t0\tann\tauth", "Lshared/a\tann", "Lshared/a", "I1\t2\tshared/a\tann", "I1\t2\tpriv/a\tpriv/b", "B1\tann\t60", "S1\ta\tb", "U1\ta",
		"A1\ta\t-5", "T1\t2\t3", "V1\tyes", "R1", "C1", "D1", "P1\ta\tb", "Z1", "", "S1\ta\x01t\x01", "B4294967296", "A1\ta\t9223372036854775808",
	} {
		for major := range 5 {
			f.Add([]byte(in), major)
		}
	}
	f.Fuzz(func(t *testing.T, line []byte, major int) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		var first, second command
		if err := first.parse(bytes.Clone(line), major); err != nil {
			var pe *ProtocolError
			if !errors.As(err, &pe) || len(pe.Reason) > 300 {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		again := write(&first, major)
		if err := second.parse(bytes.Clone(again), major); err != nil {
			t.Fatalf("%q was read, %q is refused: %v", line, again, err)
		}
		if diff := cmp.Diff(first, second, cmp.AllowUnexported(command{})); diff != "" {
			t.Fatalf("%q and %q differ:\n%s", line, again, diff)
		}
	})
}

// write writes a command as a client does.
func write(c *command, major int) []byte {
	var b []byte
	add := func(v any) {
		if len(b) > 1 {
			b = append(b, '\t')
		}
		from := len(b)
		b = strescape.Tail(fmt.Append(b, v), from)
	}
	text := func(field []byte) { add(string(field)) }
	user := func() {
		if c.user != nil {
			text(c.user)
		}
	}
	b = append(b, c.letter)
	switch c.letter {
	case 'H':
		add(c.major)
		add(c.minor)
		add(0)
		text(c.user)
		text(c.name)
	case 'L':
		b = strescape.Tail(append(b, c.key...), 1)
		if c.user != nil {
			b = append(b, '\t')
			from := len(b)
			b = strescape.Tail(append(b, c.user...), from)
		}
	case 'I':
		add(uint32(c.flags))
		add(c.rows)
		for _, p := range c.paths {
			text(p)
		}
		user()
	default:
		add(c.id)
		switch c.letter {
		case 'B':
			user()
			if c.user != nil && major > 3 {
				add(c.expire)
			}
		case 'S', 'P':
			text(c.key)
			text(c.value)
		case 'U':
			text(c.key)
		case 'A':
			text(c.key)
			add(c.diff)
		case 'T':
			add(c.secs)
			add(c.nsecs)
		case 'V':
			add(map[bool]string{true: "yes", false: "no"}[c.secret])
		}
	}
	return b
}

// FuzzEscape escapes a field and reads it again.
func FuzzEscape(f *testing.F) {
	f.Add([]byte("a\x00b\x01c\td\re\nf"), 3)
	f.Add([]byte(""), 0)
	f.Fuzz(func(t *testing.T, field []byte, before int) {
		head := bytes.Repeat([]byte("\t"), before&15)
		b := strescape.Tail(append(bytes.Clone(head), field...), len(head))
		if !bytes.HasPrefix(b, head) || bytes.ContainsAny(b[len(head):], "\x00\t\r\n") {
			t.Fatalf("escaped as %q", b)
		}
		if got := strescape.Unescape(b[len(head):]); !bytes.Equal(got, field) {
			t.Fatalf("%q came back as %q", field, got)
		}
		if got := strescape.Unescape(bytes.Clone(field)); len(got) > len(field) {
			t.Fatalf("%q unescaped is longer: %q", field, got)
		}
	})
}
