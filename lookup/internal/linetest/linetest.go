// Package linetest plays conversations with the servers of line protocols in
// tests.
//
// A transcript is a file of lines, each a letter, a colon, a space and a Go
// string literal: what the client sends ("C: "), what the server must answer to
// all of it ("S: "), and at most once, at the end, a part of the error that
// ServeConn must return ("E: "). Empty lines and lines that begin with "#" are
// left out.
package linetest

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// ServeFunc is the ServeConn of a server.
type ServeFunc = func(context.Context, net.Conn) error

// Conn is a connection made of a reader and a buffer. Deadlines are ignored.
type Conn struct {
	net.Conn // nil: what a server should not need panics
	In       io.Reader
	Out      bytes.Buffer
}

// Read reads from In.
func (c *Conn) Read(p []byte) (int, error) { return c.In.Read(p) }

// Write writes to Out.
func (c *Conn) Write(p []byte) (int, error) { return c.Out.Write(p) }

// SetReadDeadline does nothing.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Run serves everything that in has to give and returns the answers.
func Run(serve ServeFunc, in io.Reader) (string, error) {
	c := &Conn{In: in}
	err := serve(context.Background(), c)
	return c.Out.String(), err
}

// Transcript is a conversation, in turns.
type Transcript struct {
	Turns []Turn
	Error string // part of the error at the end, "" for none
}

// Turn is something the client sends and all that the server answers to it.
type Turn struct{ C, S string }

// Sent is all that the client sends.
func (tr *Transcript) Sent() (s string) {
	for _, t := range tr.Turns {
		s += t.C
	}
	return s
}

// Answered is all that the server answers.
func (tr *Transcript) Answered() (s string) {
	for _, t := range tr.Turns {
		s += t.S
	}
	return s
}

// Check compares what a server did with the transcript.
func (tr *Transcript) Check(t interface {
	Helper()
	Fatalf(string, ...any)
}, out string, err error,
) {
	t.Helper()
	if want := tr.Answered(); out != want {
		t.Fatalf("answers %.300q, want %.300q", out, want)
	}
	if tr.Error == "" && err != nil {
		t.Fatalf("ServeConn: %v", err)
	}
	if tr.Error != "" && (err == nil || !strings.Contains(err.Error(), tr.Error)) {
		t.Fatalf("ServeConn: %v, want an error that contains %q", err, tr.Error)
	}
}

// Each runs f on every transcript in testdata.
func Each(t *testing.T, f func(*testing.T, *Transcript)) { EachIn(t, "testdata", f) }

// EachIn runs f on every transcript in a folder.
func EachIn(t *testing.T, dir string, f func(*testing.T, *Transcript)) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { f(t, parse(t, file)) })
	}
}

// parse reads a transcript.
func parse(t *testing.T, file string) *Transcript {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tr, last := new(Transcript), byte('S')
	for i, l := range strings.Split(string(data), "\n") {
		if l == "" || l[0] == '#' {
			continue
		}
		s, err := strconv.Unquote(l[min(3, len(l)):])
		if err != nil {
			t.Fatalf("%s:%d: %v", file, i+1, err)
		}
		switch {
		case l[0] == 'C' && last != 'E':
			tr.Turns = append(tr.Turns, Turn{C: s})
		case l[0] == 'S' && len(tr.Turns) > 0:
			tr.Turns[len(tr.Turns)-1].S += s
		case l[0] == 'E':
			tr.Error = s
		default:
			t.Fatalf("%s:%d: %q is out of place", file, i+1, l)
		}
		last = l[0]
	}
	return tr
}

// PlayAll plays every transcript in four ways: turn by turn over a pipe, in
// one write, one byte at a time, and on an event loop.
func PlayAll(t *testing.T, serve ServeFunc) { PlayAllIn(t, "testdata", serve) }

// PlayAllIn is PlayAll for the transcripts in a folder.
func PlayAllIn(t *testing.T, dir string, serve ServeFunc) {
	EachIn(t, dir, func(t *testing.T, tr *Transcript) {
		t.Run("turns", func(t *testing.T) { playTurns(t, tr, serve) })
		t.Run("one write", func(t *testing.T) {
			out, err := Run(serve, strings.NewReader(tr.Sent()))
			tr.Check(t, out, err)
		})
		t.Run("one byte reads", func(t *testing.T) {
			out, err := Run(serve, iotest.OneByteReader(strings.NewReader(tr.Sent())))
			tr.Check(t, out, err)
		})
		t.Run("event loop", func(t *testing.T) {
			var turns []io.Reader
			for _, turn := range tr.Turns {
				turns = append(turns, strings.NewReader(turn.C))
			}
			out, err := RunLooped(serve, io.MultiReader(turns...))
			tr.Check(t, out, err)
		})
	})
}

// playTurns plays over a pipe: the client waits for the answers to each turn
// before the next, so an answer held back is a deadlock, ended by a deadline.
func playTurns(t *testing.T, tr *Transcript, serve ServeFunc) {
	server, client := net.Pipe()
	done := make(chan error, 1)
	go func() {
		err := serve(context.Background(), server)
		server.Close()
		done <- err
	}()
	if err := client.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, turn := range tr.Turns {
		sent := make(chan struct{})
		go func() {
			io.WriteString(client, turn.C) // fails if the server is through with us
			close(sent)
		}()
		if _, err := io.CopyN(&out, client, int64(len(turn.S))); err != nil {
			t.Errorf("answer to %.100q: %v", turn.C, err)
		}
		<-sent
	}
	if tr.Error != "" && !strings.Contains(tr.Error, "EOF") {
		io.Copy(&out, client) // it is the server that closes
	}
	client.Close()
	tr.Check(t, out.String(), <-done)
}
