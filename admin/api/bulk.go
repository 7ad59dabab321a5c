package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

// maxActions is how many actions one bulk request may have.
const maxActions = 10000

// bulkInput is the body of a bulk request.
type bulkInput struct {
	DryRun  bool `json:"dry_run"`
	Actions []struct {
		Method string          `json:"method"`
		Path   string          `json:"path"` // may lack /api/v1/
		Body   json.RawMessage `json:"body"`
	} `json:"actions"`
}

// bulkAnswer tells what became of each action, in their order, up to the first
// that failed.
type bulkAnswer struct {
	DryRun    bool         `json:"dry_run"`
	Committed bool         `json:"committed"`
	Failed    *int         `json:"failed"` // index of the action that failed
	Results   []bulkResult `json:"results"`
	RequestID string       `json:"request_id"`
}

type bulkResult struct {
	Status int `json:"status"`
	Body   any `json:"body,omitempty"`
}

// actionError says which action failed.
type actionError struct {
	index int
	err   error
}

func (e *actionError) Error() string { return e.err.Error() }
func (e *actionError) Unwrap() error { return e.err }

// bulk carries out many actions in one transaction: all, or nothing. What is
// wrong with their bodies is found, and passwords are hashed, before it begins.
func bulk(c *call) (*answer, error) {
	in, err := c.bulkInput()
	if err != nil {
		return nil, err
	}
	c.dryRun, c.inBulk = in.DryRun, true
	steps := make([]step, len(in.Actions))
	for i, a := range in.Actions {
		if steps[i], err = c.planOf(a.Method, a.Path, a.Body); err != nil {
			return c.bulkFailed(&actionError{i, err}, nil)
		}
	}
	var results []bulkResult
	run := c.o.Manager().Write
	if in.DryRun {
		run = c.o.Manager().Try
	}
	err = run(c.ctx, c.caller, func(t *manage.Tx) error {
		results = make([]bulkResult, 0, len(steps))
		for i, do := range steps {
			a, err := do(t)
			if err != nil {
				return &actionError{i, err}
			}
			results = append(results, bulkResult{a.status, a.body})
		}
		return nil
	})
	if err != nil {
		return c.bulkFailed(err, results)
	}
	return ok(bulkAnswer{DryRun: in.DryRun, Committed: !in.DryRun, Results: results, RequestID: c.record.ID}), nil
}

func (c *call) bulkInput() (*bulkInput, error) {
	o, err := c.object()
	if err != nil {
		return nil, err
	}
	o.require("actions")
	o.ignore("dry_run", "actions")
	o.strict()
	if err := o.err(); err != nil {
		return nil, err
	}
	in := new(bulkInput)
	if err := json.Unmarshal(c.body, in); err != nil {
		return nil, badField("actions", "Want a list of {\"method\", \"path\", \"body\"}.")
	}
	if len(in.Actions) > maxActions {
		return nil, badField("actions", "At most %d actions fit into one request.", maxActions)
	}
	return in, nil
}

// planOf makes a step of one action, as if it had come alone.
func (c *call) planOf(method, path string, body json.RawMessage) (step, error) {
	u, err := url.Parse(path)
	if err != nil || u.Host != "" || u.Scheme != "" {
		return nil, badField("path", "%q is not a path.", path)
	}
	if !strings.HasPrefix(u.Path, "/") {
		u.Path = base + u.Path
		if u.RawPath != "" {
			u.RawPath = base + u.RawPath
		}
	}
	m := c.find(strings.ToUpper(method), u)
	switch {
	case m.allowed() != "":
		return nil, refuse(http.StatusMethodNotAllowed, "Method %q not allowed.", method)
	case m.route == nil:
		return nil, refuse(http.StatusNotFound, "There is no such path: %s.", path)
	case m.route.plan == nil || !m.route.Write():
		return nil, badField("path", "%s %s cannot be an action of a bulk request.", method, path)
	case !m.route.May(c.caller):
		return nil, errForbidden
	}
	one := *c
	one.route, one.path, one.query, one.body = m.route, m.path, u.Query(), body
	if isNull(body) {
		one.body = nil
	}
	return m.route.plan(&one)
}

// bulkFailed answers with the status of the action that failed, and with the
// answers to those before it, which were taken back.
func (c *call) bulkFailed(err error, results []bulkResult) (*answer, error) {
	var at *actionError
	if !errors.As(err, &at) {
		return nil, err
	}
	f := failure(c.record, at.err)
	b := bulkAnswer{DryRun: c.dryRun, Failed: &at.index, Results: append(append([]bulkResult{}, results...), bulkResult{f.status, f.body}), RequestID: c.record.ID}
	a := &answer{status: f.status, body: b, header: f.header}
	if c.dryRun && f.status < http.StatusInternalServerError {
		a.status = http.StatusOK // the question was answered
	}
	return a, nil
}
