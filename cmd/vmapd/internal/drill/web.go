package drill

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Web asks a vmapd over its http listener on a unix socket.
type Web struct{ client http.Client }

// NewWeb returns a Web for a socket. It connects for each request anew: the
// daemon may be another one.
func NewWeb(socket string) *Web {
	return &Web{http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// Get returns what is at a path. A status other than 200 is an error.
func (w *Web) Get(path string) ([]byte, error) {
	resp, err := w.client.Get("http://vmapd/" + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("/%s: %s: %s", path, resp.Status, text)
	}
	return text, err
}

// Do asks the API, with a token and a body in JSON. A status other than 2xx is an
// error.
func (w *Web) Do(method, path, token, body string) ([]byte, error) {
	request, err := http.NewRequest(method, "http://vmapd/"+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Token "+token)
	request.Header.Set("Content-Type", "application/json")
	resp, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s /%s: %s: %s", method, path, resp.Status, text)
	}
	return text, err
}

// Ready reports what /readyz says.
func (w *Web) Ready() bool {
	_, err := w.Get("readyz")
	return err == nil
}

// AwaitReady waits until /readyz says yes.
func (w *Web) AwaitReady(t testing.TB) {
	t.Helper()
	Await(t, time.Minute, "vmapd is ready", w.Ready)
}

// Metric returns the value of a metric, given with its labels. One that is not
// there is 0.
func (w *Web) Metric(t testing.TB, name string) float64 {
	t.Helper()
	value, _, err := w.FindMetric(name)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// FindMetric returns the value of a metric too, and whether it is there.
func (w *Web) FindMetric(name string) (value float64, there bool, err error) {
	text, err := w.Get("metrics")
	if err != nil {
		return 0, false, err
	}
	for line := range bytes.Lines(text) {
		if number, ok := strings.CutPrefix(strings.TrimSpace(string(line)), name+" "); ok {
			value, err = strconv.ParseFloat(number, 64)
			return value, true, err
		}
	}
	return 0, false, nil
}
