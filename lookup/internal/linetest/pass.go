package linetest

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// PlayPassedOn sends input to a server, which is drained after the first cut
// bytes, and the rest to another that goes on with the connection, and returns
// all that both have sent. next is called in between, with no server at work.
func PlayPassedOn(t *testing.T, input string, cut int, first ServeFunc, next func() ServeFunc) string {
	t.Helper()
	server, client := net.Pipe()
	_ = client.SetDeadline(time.Now().Add(time.Minute)) // instead of hanging
	var out strings.Builder
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&out, client) })

	ctx, drain := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- first(ctx, server) }()
	send := func(s string) {
		if s != "" { // which would wait for a reader
			_, _ = io.WriteString(client, s)
		}
	}
	send(input[:cut])
	drain()
	_ = server.SetReadDeadline(time.Unix(1, 0))
	if err := <-ended; err != nil {
		t.Errorf("cut at %d: the first server: %v", cut, err)
	}
	_ = server.SetReadDeadline(time.Time{})

	ctx, drain = context.WithCancel(t.Context())
	defer drain()
	second := next()
	go func() { ended <- second(ctx, server) }()
	send(input[cut:])
	drain()
	_ = server.SetReadDeadline(time.Unix(1, 0))
	if err := <-ended; err != nil {
		t.Errorf("cut at %d: the second server: %v", cut, err)
	}
	server.Close()
	reading.Wait()
	return out.String()
}
