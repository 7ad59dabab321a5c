package daemon

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/socketmap"
)

// A request that was read gets its answer although the daemon ends; a
// connection that waits ends at once.
func TestDrain(t *testing.T) {
	for _, kind := range []EndpointKind{Unix, Inet} {
		l := defaultListen()
		if kind == Inet {
			l.endpoint = Endpoint{Kind: Inet, Host: "127.0.0.1"}
		}
		asked, answer := make(chan struct{}), make(chan struct{})
		s := &socketmap.Server{Lookup: func(_ context.Context, dst, _, _ []byte) ([]byte, bool, error) {
			close(asked)
			<-answer
			return append(dst, strings.Repeat("x", 50000)...), true, nil
		}}
		p, _ := testPort(t, l, s)
		idle, slow := dial(t, p), dial(t, p)
		result := make(chan string, 1)
		go func() {
			v, _, err := socketmap.NewClient(slow).Lookup(context.Background(), "aliases", "a")
			if err != nil {
				v = err.Error()
			}
			result <- v
		}()
		<-asked
		drained := make(chan struct{})
		p.stop()
		p.socket.Close()
		go func() {
			defer close(drained)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			p.drain(ctx)
		}()
		if !closed(idle) {
			t.Error("an idle connection stayed open")
		}
		if _, err := net.Dial(p.socket.Addr().Network(), dialAddress(p)); err == nil {
			t.Error("a new connection was accepted")
		}
		close(answer)
		if got := <-result; len(got) != 50000 {
			t.Errorf("got %.80q of %d bytes", got, len(got))
		}
		<-drained
	}
}

// A handler that does not end is cut off when the time is over.
func TestDrainTimeout(t *testing.T) {
	forever := make(chan struct{})
	entered := make(chan struct{})
	p, log := testPort(t, defaultListen(), serverFunc(func(_ context.Context, c net.Conn) error {
		close(entered)
		<-forever
		return nil
	}))
	c := dial(t, p)
	<-entered
	p.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	p.drain(ctx)
	if !closed(c) {
		t.Error("the connection stayed open")
	}
	if log.count("did not end in time") != 1 {
		t.Errorf("log: %s", log)
	}
	close(forever)
}
