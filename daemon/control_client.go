package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"github.com/vmapd/vmapd/lookup"
)

// Control asks a running daemon over its control socket.
type Control struct {
	Path string // see ControlPath
}

// Errors of Control, wrapped with the path and what to do.
var (
	ErrNotRunning = errors.New("no daemon answers")
	ErrNoData     = errors.New("the daemon has no data yet")
)

// Status asks for the state of the daemon.
func (c Control) Status(ctx context.Context) (*Status, error) {
	s := new(Status)
	return s, c.do(ctx, http.MethodGet, "/status", s)
}

// Reload makes the daemon read the database again and waits for the end. A
// read that failed is an error with the remedy in it; the result is there all
// the same.
func (c Control) Reload(ctx context.Context) (*ReloadResult, error) {
	r := new(ReloadResult)
	if err := c.do(ctx, http.MethodPost, "/reload", r); err != nil {
		return nil, err
	}
	if r.Error == "" {
		return r, nil
	}
	if r.Remedy != "" {
		return r, fmt.Errorf("%s: %s", r.Error, r.Remedy)
	}
	return r, errors.New(r.Error)
}

// Explain asks what becomes of mail for an address, by the data being served.
func (c Control) Explain(ctx context.Context, address string) (*lookup.Explanation, error) {
	x := new(lookup.Explanation)
	return x, c.do(ctx, http.MethodGet, "/explain?address="+url.QueryEscape(address), x)
}

// ExplainLogin asks whether a login to a service works, by the data being
// served.
func (c Control) ExplainLogin(ctx context.Context, name, service string) (*lookup.Explanation, error) {
	x := new(lookup.Explanation)
	return x, c.do(ctx, http.MethodGet, "/explain?"+url.Values{"login": {name}, "service": {service}}.Encode(), x)
}

// Forgive makes the guard forget the wrong passwords for an account.
func (c Control) Forgive(ctx context.Context, account string) (*ForgiveResult, error) {
	return c.forgive(ctx, "account", account)
}

// ForgiveNetwork makes it forget those from a network, and from those that
// contain it or are in it.
func (c Control) ForgiveNetwork(ctx context.Context, network netip.Prefix) (*ForgiveResult, error) {
	return c.forgive(ctx, "network", network.String())
}

func (c Control) forgive(ctx context.Context, kind, name string) (*ForgiveResult, error) {
	r := new(ForgiveResult)
	return r, c.do(ctx, http.MethodPost, "/forgive?"+url.Values{kind: {name}}.Encode(), r)
}

// HTTP sends a request, of the REST API for one. The host in its address does
// not matter.
func (c Control) HTTP(r *http.Request) (*http.Response, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", c.Path)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return nil, c.explain(err)
	}
	return resp, nil
}

func (c Control) do(ctx context.Context, method, path string, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://vmapd"+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.HTTP(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") == "application/json" {
		return json.NewDecoder(resp.Body).Decode(answer)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return err
	}
	line := strings.TrimSpace(string(text))
	if resp.StatusCode == http.StatusServiceUnavailable {
		return fmt.Errorf("%w: %s", ErrNoData, line)
	}
	return fmt.Errorf("daemon at %s: %s: %s", c.Path, resp.Status, line)
}

func (c Control) explain(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w at %s: start it (vmapd serve), or check state_dir", ErrNotRunning, c.Path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to use %s: be root or the user that runs vmapd", c.Path)
	}
	return fmt.Errorf("daemon at %s: %w", c.Path, err)
}
