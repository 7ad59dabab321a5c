package daemon

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// clients ask without a pause, as Postfix does: a request that gets no byte of
// an answer before the connection ends is asked once more, at once, on a new
// connection. Anything else is a failure.
type clients struct {
	ending chan struct{}
	wg     sync.WaitGroup
	asked  atomic.Int64
	again  atomic.Int64

	mu       sync.Mutex
	failures []string
}

const (
	socketmapRequest, socketmapAnswer = "24:aliases info@example.com,", "19:OK user@example.com,"
	tableRequest, tableAnswer         = "get info@example.com\n", "200 user@example.com\n"
)

// startClients asks every listener, over connections that stay and over new
// ones.
func startClients(t *testing.T, dir string, s *Status) *clients {
	t.Helper()
	c := &clients{ending: make(chan struct{})}
	t.Cleanup(func() { c.stop(t) })
	for _, l := range s.Listeners {
		network, address := "tcp", strings.TrimPrefix(l.Address, "inet:")
		if path, ok := strings.CutPrefix(l.Address, "unix:"); ok {
			network, address = "unix", path
		}
		for _, keep := range []bool{true, false} {
			switch l.Protocol {
			case "socketmap":
				c.run(&lineClient{network: network, address: address, request: socketmapRequest, want: socketmapAnswer, keep: keep})
			case "tcp_table":
				c.run(&lineClient{network: network, address: address, request: tableRequest, want: tableAnswer, keep: keep})
			case "http":
				c.run(newWebClient(network, address, keep))
			}
		}
	}
	c.run(newWebClient("unix", filepath.Join(dir, "control.sock"), false))
	return c
}

// asker asks one question; early tells that not a byte of an answer came.
type asker interface {
	ask() (early bool, err error)
	close()
}

func (c *clients) run(a asker) {
	c.wg.Go(func() {
		defer a.close()
		for {
			select {
			case <-c.ending:
				return
			default:
			}
			early, err := a.ask()
			if early {
				c.again.Add(1)
				_, err = a.ask()
			}
			c.asked.Add(1)
			if err != nil {
				c.mu.Lock()
				c.failures = append(c.failures, fmt.Sprintf("%+v: %v", a, err))
				c.mu.Unlock()
			}
		}
	})
}

func (c *clients) stop(t *testing.T) {
	t.Helper()
	select {
	case <-c.ending:
		return
	default:
	}
	close(c.ending)
	c.wg.Wait()
	t.Logf("%d requests, %d of them asked twice", c.asked.Load(), c.again.Load())
	for i, f := range c.failures {
		if i == 10 {
			t.Errorf("… %d failures", len(c.failures))
			break
		}
		t.Error(f)
	}
}

// lineClient speaks a line protocol.
type lineClient struct {
	network, address string
	request, want    string
	keep             bool
	conn             net.Conn
	reader           *bufio.Reader
}

func (l *lineClient) ask() (early bool, err error) {
	if l.conn == nil {
		if l.conn, err = net.Dial(l.network, l.address); err != nil {
			return false, err // refused: nobody asks again
		}
		l.reader = bufio.NewReader(l.conn)
	}
	defer func() {
		if err != nil || !l.keep {
			l.close()
		}
	}()
	if _, err := io.WriteString(l.conn, l.request); err != nil {
		return true, err
	}
	answer, err := l.reader.ReadString(l.want[len(l.want)-1])
	if err != nil {
		return answer == "", fmt.Errorf("%q, then %w", answer, err)
	}
	if answer != l.want {
		return false, fmt.Errorf("wrong answer %q", answer)
	}
	return false, nil
}

func (l *lineClient) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// webClient asks for /readyz, or for /status of the control socket.
type webClient struct {
	network, address string
	client           *http.Client
}

func newWebClient(network, address string, keep bool) *webClient {
	dial := func(context.Context, string, string) (net.Conn, error) { return net.Dial(network, address) }
	return &webClient{network, address, &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: !keep}}}
}

func (w *webClient) ask() (early bool, err error) {
	path := "/readyz"
	if strings.HasSuffix(w.address, "control.sock") {
		path = "/status"
	}
	resp, err := w.client.Get("http://vmapd" + path)
	if err != nil {
		return !strings.Contains(err.Error(), "dial"), err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != 200 || !strings.Contains(string(body), "ready")) {
		err = fmt.Errorf("wrong answer %d %q", resp.StatusCode, body)
	}
	return false, err
}

func (w *webClient) close() { w.client.CloseIdleConnections() }
