package mailops

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// API is a client of doveadm's HTTP API (Dovecot 2.3 and 2.4:
// https://doc.dovecot.org/2.3/admin_manual/doveadm_http_api/).
type API struct {
	URL string // of the server: http://host:port
	Key string // doveadm_api_key
}

// Exit codes of doveadm (src/doveadm/doveadm.h, sysexits.h).
const (
	exitNoUser   = 67
	exitNotFound = 68
)

// command is one command of a request.
type command struct {
	name   string
	params map[string]any
}

// exitError is a command that failed.
type exitError struct {
	command, kind string
	code          int // exit code of doveadm, 0 if it has none
}

func (e *exitError) Error() string {
	if e.code == 0 {
		return fmt.Sprintf("doveadm %s: %s", e.command, e.kind)
	}
	return fmt.Sprintf("doveadm %s ended with status %d: Dovecot's log says why", e.command, e.code)
}

// hasCode reports whether an error is one of a command that ended with a status.
func hasCode(err error, code int) bool {
	var e *exitError
	return errors.As(err, &e) && e.code == code
}

// maxReply is more than the names of a large mailbox's folders take.
const maxReply = 64 << 20

// How long a request may take: copying and removing a mailbox takes its time,
// all else takes moments.
const (
	patience     = time.Minute
	longPatience = 4 * time.Hour
)

// patienceFor is what the slowest of some commands needs.
func patienceFor(commands []command) time.Duration {
	for _, c := range commands {
		switch c.name {
		case "sync", "fsDelete", "fsCopy", "fsIter", "mailboxStatus":
			return longPatience
		}
	}
	return patience
}

// apiError says that the API could not be asked.
type apiError struct{ err error }

func (e *apiError) Error() string { return "doveadm's HTTP API: " + e.err.Error() }
func (e *apiError) Unwrap() error { return e.err }
func (e *apiError) Remedy() string {
	return "see whether Dovecot runs, whether \"service doveadm\" has an inet_listener http where mailboxes.doveadm_url says, and whether doveadm_api_key is what mailboxes.doveadm_key_file has"
}

// call has commands carried out, one after the other, by one process. Each reply
// goes to where the command's place in into says, nil for none. It ends with the
// first that failed.
func (a *API) call(ctx context.Context, commands []command, into ...any) error {
	request := make([][3]any, len(commands))
	for i, c := range commands {
		request[i] = [3]any{c.name, c.params, fmt.Sprint(i)}
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	text, err := a.do(ctx, http.MethodPost, body, patienceFor(commands))
	if err != nil {
		return err
	}
	return readReplies(text, commands, into)
}

// readReplies takes an answer apart: [[kind, payload, tag], ...].
func readReplies(text []byte, commands []command, into []any) error {
	var replies [][3]json.RawMessage
	if err := json.Unmarshal(text, &replies); err != nil {
		return &apiError{fmt.Errorf("the answer is not what it should be: %w", err)}
	}
	if len(replies) != len(commands) {
		return &apiError{fmt.Errorf("%d answers to %d commands", len(replies), len(commands))}
	}
	for i, r := range replies {
		var kind string
		if err := json.Unmarshal(r[0], &kind); err != nil {
			return &apiError{err}
		}
		if kind != "doveadmResponse" {
			var e struct {
				Type     string `json:"type"`
				ExitCode int    `json:"exitCode"`
			}
			_ = json.Unmarshal(r[1], &e)
			return &exitError{commands[i].name, e.Type, e.ExitCode}
		}
		if i < len(into) && into[i] != nil {
			if err := json.Unmarshal(r[1], into[i]); err != nil {
				return &apiError{fmt.Errorf("answer to %s: %w", commands[i].name, err)}
			}
		}
	}
	return nil
}

func (a *API) do(ctx context.Context, method string, body []byte, limit time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(a.URL, "/")+"/doveadm/v1", bytes.NewReader(body))
	if err != nil {
		return nil, &apiError{err}
	}
	request.Header.Set("Authorization", "X-Dovecot-API "+base64.StdEncoding.EncodeToString([]byte(a.Key)))
	request.Header.Set("Content-Type", "application/json")
	// One connection for each request: doveadm's processes serve one. It is not
	// said in the request: Dovecot 2.3 then never answers one with a wrong key.
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	reply, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, &apiError{err}
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, maxReply))
	if err != nil {
		return nil, &apiError{err}
	}
	if reply.StatusCode != http.StatusOK {
		return nil, &apiError{errors.New(reply.Status)}
	}
	return text, nil
}

// End ends the sessions of users, who may have none. Each has a request of his
// own: kick takes one mask, in which "*" and "?" would mean others too.
func (a *API) End(ctx context.Context, users ...string) error {
	for _, user := range users {
		if strings.ContainsAny(user, "*?") {
			return fmt.Errorf("the sessions of %s cannot be told from those of others", shown(user))
		}
		err := a.call(ctx, []command{{"kick", map[string]any{"mask": []string{user}}}}, nil)
		if err != nil && !hasCode(err, exitNotFound) {
			return err
		}
	}
	return nil
}

// Forget has Dovecot forget what its auth service remembers of users.
func (a *API) Forget(ctx context.Context, users ...string) error {
	return a.call(ctx, []command{{"authCacheFlush", map[string]any{"user": users}}}, nil)
}
