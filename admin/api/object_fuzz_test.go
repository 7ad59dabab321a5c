package api

import (
	"slices"
	"testing"
)

// FuzzObject reads any bytes as a body in all ways: values that are taken are
// within what a database holds, and whatever is not taken is told.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"a": 1}`, `{"a": "10GB"}`, `{"a": null}`, `{"a": [1, "x", null]}`, `{"a": {"a": {"a": true}}}`, `{"a": "{\"a\": 1}"}`,
		`{"a": "2030-01-01T00:00:00Z"}`, `{"a": 1e400}`, `{"a": "\ud800"}`, `{"a": -1}`, `{"a": ""}`, "{\"a\": \"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		read := func() *object {
			o, err := (&call{body: body}).object()
			if err != nil {
				return nil
			}
			return o
		}
		if read() == nil {
			return
		}
		for name, check := range map[string]func(o *object) (taken, right bool){
			"text":   func(o *object) (bool, bool) { v := o.text("a"); return v.Set, cleanText(v.Value) },
			"flag":   func(o *object) (bool, bool) { v := o.flag("a"); return v.Set, true },
			"quota":  func(o *object) (bool, bool) { v := o.quota("a"); return v.Set, v.Value >= 0 && v.Value <= maxInt },
			"number": func(o *object) (bool, bool) { v := o.number("a", -1); return v.Set, v.Value >= -1 && v.Value <= maxInt },
			"null":   func(o *object) (bool, bool) { v := o.numberOrNull("a"); return v.Set, v.Value == nil || *v.Value >= 0 },
			"list": func(o *object) (bool, bool) {
				v := o.list("a")
				return v.Set, !slices.ContainsFunc(v.Value, func(s string) bool { return !cleanText(s) })
			},
			"time":      func(o *object) (bool, bool) { v := o.time("a"); return v.Set, true },
			"part":      func(o *object) (bool, bool) { p, null, _ := o.part("a"); return p != nil || null, true },
			"mailbox":   func(o *object) (bool, bool) { v := o.mailbox("a"); return v.Set || o.err() != nil, true },
			"transport": func(o *object) (bool, bool) { v := o.transport("a"); return v.Set || o.err() != nil, true },
		} {
			o := read()
			_, there := o.fields["a"]
			taken, right := check(o)
			if !right {
				t.Errorf("%s took a wrong value of %q", name, body)
			}
			if there && !taken && o.err() == nil {
				t.Errorf("%s neither took nor refused %q", name, body)
			}
		}
	})
}
