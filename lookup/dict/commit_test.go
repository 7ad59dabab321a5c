package dict

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// connect serves one end of a pipe with m and returns the other, how to drain
// it, and what ServeConn returned.
func connect(t *testing.T, s *Server, d Dict) (client net.Conn, drain func(), done <-chan error) {
	t.Helper()
	s.Open = func(*Client) (Dict, error) { return d, nil }
	server, client := net.Pipe()
	client.SetDeadline(time.Now().Add(time.Minute)) // instead of hanging
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() {
		err := s.ServeConn(ctx, server)
		server.Close()
		result <- err
	}()
	t.Cleanup(func() { client.Close(); cancel() })
	return client, func() { cancel(); server.SetReadDeadline(time.Now()) }, result
}

// read wants s from client.
func read(t *testing.T, client net.Conn, s string) {
	t.Helper()
	buf := make([]byte, len(s))
	if n, err := io.ReadFull(client, buf); err != nil || string(buf) != s {
		t.Fatalf("read %q, %v, want %q", buf[:n], err, s)
	}
}

// set is a transaction that sets shared/x.
func set(id int, value string) string {
	return fmt.Sprintf("B%d\t\nS%d\tshared/x\t%s\nC%d\n", id, id, value, id)
}

// awaitHeld waits until n commits were begun and are held.
func awaitHeld(t *testing.T, m *memory, n int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); m.count() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d commits are held, want %d", m.count(), n)
		}
	}
}

// TestCommitsAreBegunTogether sends three commits, a lookup and another commit
// in one write: three are begun before the first is done, the last only after
// the lookup, which sees them. The lookup before them does not wait.
func TestCommitsAreBegunTogether(t *testing.T) {
	m := newMemory()
	m.hold = true
	client, _, done := connect(t, &Server{}, m)
	go io.WriteString(client, hello+"Lshared/empty\t\n"+set(1, "a")+set(2, "b")+set(3, "c")+"Lshared/x\t\n"+set(4, "d"))
	read(t, client, "O\n")
	awaitHeld(t, m, 3)
	m.release()
	read(t, client, "O1\nO2\nO3\nOc\n")
	awaitHeld(t, m, 1)
	m.release()
	read(t, client, "O4\n")
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestManyCommits begins more than are waited for at once.
func TestManyCommits(t *testing.T) {
	m := newMemory()
	m.hold = true
	client, _, done := connect(t, &Server{}, m)
	var in, want strings.Builder
	in.WriteString(hello)
	for i := range maxPending + 10 {
		in.WriteString(set(i, fmt.Sprint(i)))
		fmt.Fprintf(&want, "O%d\n", i)
	}
	go io.WriteString(client, in.String())
	stop, released := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(released)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				m.release()
			}
		}
	}()
	read(t, client, want.String())
	close(stop)
	<-released
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := m.rows[id{"", "shared/x"}]; got != fmt.Sprint(maxPending+9) {
		t.Errorf("the last write is %q", got)
	}
}

// TestCommitTimeout has a commit that is never done, and one that is done twice.
func TestCommitTimeout(t *testing.T) {
	m := newMemory()
	m.hold = true
	client, _, done := connect(t, &Server{CommitTimeout: 20 * time.Millisecond}, m)
	go io.WriteString(client, hello+set(1, "a")+set(2, "b"))
	const reason = "the writes may have been kept or not: no outcome after 20ms\n"
	read(t, client, "W1\t"+reason+"W2\t"+reason)
	m.release() // too late
	go io.WriteString(client, "Lshared/x\t\n")
	read(t, client, "Ob\n")
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// twice calls done twice.
type twice struct{ *memory }

func (d twice) Commit(_ context.Context, _ *Transaction, done func(error)) {
	done(nil)
	done(ErrKeyMissing)
}

func TestDoneTwice(t *testing.T) {
	client, _, done := connect(t, &Server{}, twice{newMemory()})
	go io.WriteString(client, hello+set(1, "a")+set(2, "b"))
	read(t, client, "O1\nO2\n")
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestDrain stops the server while a commit is under way and a line half read:
// the commit is answered, and ServeConn returns nil.
func TestDrain(t *testing.T) {
	m := newMemory()
	m.hold = true
	client, drain, done := connect(t, &Server{Idle: time.Hour}, m)
	io.WriteString(client, hello+set(1, "a")+"Lshared/")
	awaitHeld(t, m, 1)
	drain()
	m.release()
	out, err := io.ReadAll(client)
	if string(out) != "O1\n" || err != nil {
		t.Errorf("client got %q, %v", out, err)
	}
	if err := <-done; err != nil {
		t.Errorf("ServeConn: %v", err)
	}
}

// TestLeavesWhileCommitting closes the connection while a commit is under way:
// what was begun lasts.
func TestLeavesWhileCommitting(t *testing.T) {
	m := newMemory()
	m.hold = true
	client, _, done := connect(t, &Server{}, m)
	io.WriteString(client, hello+set(1, "a"))
	awaitHeld(t, m, 1)
	client.Close()
	m.release()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "write reply") {
		t.Errorf("ServeConn: %v", err)
	}
	if got := m.rows[id{"", "shared/x"}]; got != "a" {
		t.Errorf("shared/x is %q", got)
	}
}
