package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/admin/api"
	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/daemon"
)

// admin asks the REST API as the administrator of this machine: that of the
// running daemon, over its control socket, or without one the same code on the
// database.
type admin struct {
	*app
	ctx context.Context
	do  func(*http.Request) (*http.Response, error)
}

// withAdmin runs f; its errors exit with 1.
func (a *app) withAdmin(cmd *cobra.Command, f func(s *admin) error) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	s := &admin{app: a, ctx: cmd.Context(), do: a.control(c).HTTP}
	if _, err := a.control(c).Status(cmd.Context()); errors.Is(err, daemon.ErrNotRunning) {
		d, err := a.open(cmd.Context(), c, false)
		if err != nil {
			return err
		}
		defer func() { _ = d.Close() }()
		m := manage.New(c.ManageOptions(d))
		h := api.New(api.Options{Root: true, Manager: func() *manage.Manager { return m }, Jobs: localJobs(c, d), Done: func(r api.Record) {
			if r.Err != nil {
				fmt.Fprintf(a.err, "vmapd: %v\n", r.Err)
			}
		}})
		s.do = func(r *http.Request) (*http.Response, error) {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			return rec.Result(), nil
		}
	} else if err != nil {
		return &exit{exitTryAgain, err}
	}
	err = f(s)
	var e *exit
	if err != nil && !errors.As(err, &e) {
		return &exit{exitNo, err}
	}
	return err
}

// ask sends a request and reads the answer, which is nil if it is empty. What
// is changed through a daemon is served when ask returns.
func (s *admin) ask(method, path string, query url.Values, body any) (any, error) {
	if query == nil {
		query = url.Values{}
	}
	var text []byte
	if method != http.MethodGet {
		query.Set("wait", "served")
	}
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(s.ctx, method, "http://vmapd/api/v1/"+path+"?"+query.Encode(), bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.do(r)
	if err != nil {
		return nil, &exit{exitTryAgain, err}
	}
	defer resp.Body.Close()
	if resp.Header.Get("X-Served") == "not yet" {
		fmt.Fprintln(s.err, "vmapd: done, but the daemon does not serve it yet, see \"vmapd status\"")
	}
	text, err = io.ReadAll(resp.Body)
	if err != nil {
		return nil, &exit{exitTryAgain, err}
	}
	var v any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &v); err != nil {
			return nil, &exit{exitTryAgain, fmt.Errorf("the daemon's answer cannot be read: %w", err)}
		}
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return nil, refusal(resp.StatusCode, v)
	}
	return v, nil
}

// byFlag names the flags of a command where the API names its fields.
func byFlag(fields []field, err error) error {
	var e *apiError
	if !errors.As(err, &e) {
		return err
	}
	for _, f := range fields {
		if rest, ok := strings.CutPrefix(e.text, f.name+": "); ok {
			e.text = "--" + f.flag + ": " + rest
		}
	}
	return err
}

// apiError is what the API refused, in one line.
type apiError struct{ text, remedy string }

func (e *apiError) Error() string  { return e.text }
func (e *apiError) Remedy() string { return e.remedy }

// refusal makes an error of an answer, with the exit code that says the same.
func refusal(status int, v any) error {
	o, _ := v.(map[string]any)
	e := &apiError{}
	if text, ok := o["detail"].(string); ok {
		e.text = text
		e.remedy, _ = o["remedy"].(string)
	} else {
		delete(o, "request_id")
		e.text = strings.Join(fieldErrors("", o), "; ")
	}
	switch {
	case status == http.StatusBadRequest:
		return &exit{exitUsage, e}
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		return &exit{exitTryAgain, e}
	}
	return &exit{exitNo, e}
}

// fieldErrors lists errors by field.
func fieldErrors(prefix string, o map[string]any) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		switch v := o[name].(type) {
		case map[string]any:
			all = append(all, fieldErrors(prefix+name+".", v)...)
		case []any:
			words := []string{}
			for _, w := range v {
				words = append(words, fmt.Sprint(w))
			}
			all = append(all, prefix+name+": "+strings.Join(words, " "))
		default:
			all = append(all, fmt.Sprintf("%s%s: %v", prefix, name, v))
		}
	}
	return all
}
