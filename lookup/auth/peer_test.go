package auth

import (
	"bufio"
	"context"
	"encoding/base64"
	"net"
	"strings"
	"testing"
	"time"
)

// talker is a client in a test.
type talker struct {
	t      *testing.T
	nc     net.Conn
	r      *bufio.Reader
	cookie string
	cancel context.CancelFunc // drains, with SetReadDeadline
	server net.Conn
	done   chan error // what Serve returned; the connection is closed then
}

// talk serves one end of a pipe and returns the other.
func talk(t *testing.T, serve func(context.Context, net.Conn) error) *talker {
	server, nc := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	k := &talker{t: t, nc: nc, r: bufio.NewReader(nc), cancel: cancel, server: server, done: make(chan error, 1)}
	go func() {
		err := serve(ctx, server)
		server.Close()
		k.done <- err
	}()
	t.Cleanup(func() {
		cancel()
		nc.Close()
	})
	return k
}

// wrap makes a talker of a connection that something else serves.
func wrap(t *testing.T, nc net.Conn) *talker {
	return &talker{t: t, nc: nc, r: bufio.NewReader(nc)}
}

// newClient speaks auth-client with s.
func newClient(t *testing.T, s *Server, minor, cpid string) *talker {
	k := talk(t, s.ServeClient)
	for line := ""; line != "DONE"; {
		line = k.line()
		if cookie, ok := strings.CutPrefix(line, "COOKIE\t"); ok {
			k.cookie = cookie
		}
	}
	k.send("VERSION\t1\t" + minor + "\nCPID\t" + cpid + "\n")
	return k
}

// newMaster speaks auth-master with s.
func newMaster(t *testing.T, s *Server, rights func(Peer) Rights) *talker {
	k := talk(t, func(ctx context.Context, nc net.Conn) error { return s.ServeMaster(ctx, nc, rights) })
	k.want("VERSION\t1\t1")
	k.want("SPID\t4242")
	k.send("VERSION\t1\t0\n")
	return k
}

// drain asks the server to end the connection.
func (k *talker) drain() {
	k.cancel()
	k.server.SetReadDeadline(time.Unix(1, 0))
}

// send writes.
func (k *talker) send(s string) {
	k.t.Helper()
	if _, err := k.nc.Write([]byte(s)); err != nil {
		k.t.Fatalf("send %.100q: %v", s, err)
	}
}

// line reads a line.
func (k *talker) line() string {
	k.t.Helper()
	s, err := k.r.ReadString('\n')
	if err != nil {
		k.t.Fatalf("read: %v after %q", err, s)
	}
	return strings.TrimSuffix(s, "\n")
}

// want reads a line and compares it.
func (k *talker) want(s string) {
	k.t.Helper()
	if got := k.line(); got != s {
		k.t.Fatalf("got %q, want %q", got, s)
	}
}

// ended waits for the server to be through with the connection.
func (k *talker) ended() error {
	k.t.Helper()
	if rest, err := k.r.ReadString('\n'); err == nil {
		k.t.Fatalf("got %q, want the end", rest)
	}
	return <-k.done
}

// plainText makes an AUTH PLAIN line.
func plainText(id, service, login, password string) string {
	return "AUTH\t" + id + "\tPLAIN\tservice=" + service + "\tresp=" +
		base64.StdEncoding.EncodeToString([]byte("\x00"+login+"\x00"+password)) + "\n"
}
