package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// readBody reads the body of a request, as JSON. Forms are turned into it.
func readBody(w http.ResponseWriter, r *http.Request, route *Route) ([]byte, error) {
	if !route.Write() || route.Method == http.MethodDelete {
		return nil, nil
	}
	limit := int64(requestSize)
	if route.Name == "bulk" {
		limit = bulkSize
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, refuse(http.StatusRequestEntityTooLarge, "The request has more than %d bytes.", limit)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "The request did not arrive whole.")
	case len(b) == 0:
		return nil, nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Header.Get("Content-Type") == "", err == nil && kind == "application/json":
		return b, nil
	case err == nil && kind == "application/x-www-form-urlencoded":
		return formJSON(b)
	}
	return nil, refuse(http.StatusUnsupportedMediaType, "Unsupported media type %q in request: send application/json.", r.Header.Get("Content-Type"))
}

// formJSON makes of a form what JSON would say: "mailbox.quota=10" is
// {"mailbox": {"quota": "10"}}, and a name that comes twice is a list.
func formJSON(b []byte) ([]byte, error) {
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "The form cannot be read: %v.", err)
	}
	o := map[string]any{}
	for name, values := range form {
		if len(values) == 1 {
			nest(o, name, values[0])
		} else {
			nest(o, name, values)
		}
	}
	return json.Marshal(o)
}
