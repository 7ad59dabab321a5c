package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
)

// answer is what is sent back.
type answer struct {
	status int
	body   any    // JSON, nil = none
	raw    []byte // instead of body
	header http.Header
}

func ok(body any) *answer      { return &answer{status: http.StatusOK, body: body} }
func created(body any) *answer { return &answer{status: http.StatusCreated, body: body} }
func gone() *answer            { return &answer{status: http.StatusNoContent} }

func (a *answer) set(name, value string) {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(name, value)
}

func (a *answer) write(w http.ResponseWriter, r *http.Request, id string) {
	text := a.raw
	if text == nil && a.body != nil {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // it is never shown as HTML, and addresses have an &
		if err := e.Encode(a.body); err != nil {
			a.status = http.StatusInternalServerError
			b.Reset()
			fmt.Fprintf(&b, "{\"detail\":\"The answer cannot be written.\",\"request_id\":%q}\n", id)
		}
		text = b.Bytes()
		w.Header().Set("Content-Type", "application/json")
	}
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // who has gone does not hear that
	}
}

// refusal is an error that knows its status.
type refusal struct {
	status int
	text   string
	fields map[string][]string
	header http.Header
}

func (e *refusal) Error() string { return e.text }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// with adds a header to the answer.
func (e *refusal) with(name, value string) *refusal {
	e.header = http.Header{}
	e.header.Set(name, value)
	return e
}

// badField is an error about one field or parameter.
func badField(field, format string, args ...any) error {
	return &refusal{status: http.StatusBadRequest, fields: map[string][]string{field: {fmt.Sprintf(format, args...)}}}
}

// statuses of manage's errors.
var statuses = map[manage.Kind]int{
	manage.Invalid: http.StatusBadRequest, manage.Denied: http.StatusForbidden, manage.NotFound: http.StatusNotFound,
	manage.Conflict: http.StatusConflict, manage.Exhausted: http.StatusFailedDependency,
}

// failure makes an answer of an error. Only what nobody else is to blame for
// stays in the record, to be logged.
func failure(rec *Record, err error) *answer {
	var refused *refusal
	var blamed *manage.Error
	var away *db.ConnectError
	switch {
	case errors.As(err, &refused):
		return &answer{status: refused.status, body: errorBody(refused.text, refused.fields, rec.ID), header: refused.header}
	case errors.As(err, &blamed):
		return &answer{status: statuses[blamed.Kind], body: errorBody(blamed.Text, blamed.Fields, rec.ID)}
	}
	rec.Err = err
	a := &answer{status: http.StatusServiceUnavailable}
	a.set("Retry-After", "5")
	var remedy interface{ Remedy() string }
	switch {
	case errors.As(err, &away):
		a.body = map[string]string{"detail": "The database is not available: " + away.Error(), "remedy": away.Remedy(), "request_id": rec.ID}
	case errors.Is(err, errTooLong), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		a.body = map[string]string{"detail": "The request took too long and was given up.", "request_id": rec.ID}
	case errors.As(err, &remedy):
		a.body = map[string]string{"detail": err.Error(), "remedy": remedy.Remedy(), "request_id": rec.ID}
	default:
		a = &answer{status: http.StatusInternalServerError, body: map[string]string{
			"detail": "This is an error of vmapd: its log says more under the request id.", "request_id": rec.ID,
		}}
	}
	return a
}

// errorBody is {"field": ["..."], ...} or {"detail": "...", "error": "..."}, as
// Modoboa has it, with the id of the request. Fields of a part are nested.
func errorBody(text string, fields map[string][]string, id string) map[string]any {
	body := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		nest(body, name, fields[name])
	}
	if text != "" || len(fields) == 0 {
		// Which of the two Modoboa says depends on the place in its code.
		body["detail"], body["error"] = text, text
	}
	body["request_id"] = id
	return body
}
