package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

// object reads the fields of a JSON object. It takes what any release of
// Modoboa takes, collects what is wrong under the names of the fields, and
// knows afterwards which fields nobody asked for.
type object struct {
	prefix string // "mailbox." in a part
	fields map[string]json.RawMessage
	asked  map[string]bool
	bad    map[string][]string // shared with parts
}

// object reads the body of a request; an empty one is {}.
func (c *call) object() (*object, error) {
	o := &object{asked: map[string]bool{}, bad: map[string][]string{}}
	if len(c.body) == 0 {
		return o, nil
	}
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(c.body, &o.fields); {
	case errors.As(err, &syntax):
		return nil, refuse(http.StatusBadRequest, "JSON parse error - %v at byte %d", syntax, syntax.Offset)
	case err != nil:
		return nil, badField("non_field_errors", "Invalid data. Expected a dictionary.")
	}
	return o, nil
}

func (o *object) fail(name, format string, args ...any) {
	name = o.prefix + name
	o.bad[name] = append(o.bad[name], fmt.Sprintf(format, args...))
}

// err is an error that names all that was wrong.
func (o *object) err() error {
	if len(o.bad) == 0 {
		return nil
	}
	return &refusal{status: http.StatusBadRequest, text: "", fields: o.bad}
}

// require marks fields as missing that are not there.
func (o *object) require(names ...string) {
	for _, n := range names {
		if _, ok := o.fields[n]; !ok {
			o.fail(n, "This field is required.")
		}
	}
}

// ignore names fields that answers have and that nobody can set.
func (o *object) ignore(names ...string) {
	for _, n := range names {
		o.asked[n] = true
	}
}

// strict marks fields as wrong that nobody has asked for.
func (o *object) strict() {
	for n := range o.fields {
		if !o.asked[n] {
			o.fail(n, "There is no such field.")
		}
	}
}

// get returns a field, and whether it is there.
func (o *object) get(name string) (raw json.RawMessage, there bool) {
	o.asked[name] = true
	raw, there = o.fields[name]
	return bytes.TrimSpace(raw), there
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// value reads a field that may not be null.
func (o *object) value(name string) (raw json.RawMessage, ok bool) {
	raw, ok = o.get(name)
	if ok && isNull(raw) {
		o.fail(name, "This field may not be null.")
		return nil, false
	}
	return raw, ok
}

// text reads a string, or a number as one.
func (o *object) text(name string) (v manage.Opt[string]) {
	raw, ok := o.value(name)
	if !ok {
		return v
	}
	return o.asText(name, raw)
}

// textOrNull reads a string, and null as "".
func (o *object) textOrNull(name string) (v manage.Opt[string]) {
	if raw, ok := o.get(name); ok && isNull(raw) {
		return manage.Some("")
	}
	return o.text(name)
}

func (o *object) asText(name string, raw json.RawMessage) (v manage.Opt[string]) {
	var n json.Number
	switch {
	case json.Unmarshal(raw, &v.Value) == nil:
	case raw[0] != '"' && json.Unmarshal(raw, &n) == nil:
		v.Value = n.String()
	default:
		o.fail(name, "Not a valid string.")
		return v
	}
	if strings.ContainsFunc(v.Value, func(r rune) bool { return r == 0 || r == '\ufffd' }) {
		o.fail(name, "Null characters and broken UTF-8 are not allowed.")
		return manage.Opt[string]{}
	}
	v.Set = true
	return v
}

// flag reads a boolean as Django REST framework does.
func (o *object) flag(name string) (v manage.Opt[bool]) {
	raw, ok := o.value(name)
	if !ok {
		return v
	}
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true", "t", "yes", "y", "on", "1":
		return manage.Some(true)
	case "false", "f", "no", "n", "off", "0":
		return manage.Some(false)
	}
	o.fail(name, "Must be a valid boolean.")
	return v
}

// maxInt is what the columns of Modoboa hold.
const maxInt = math.MaxInt32

// number reads a whole number from least on.
func (o *object) number(name string, least int64) (v manage.Opt[int64]) {
	raw, ok := o.value(name)
	if !ok {
		return v
	}
	n, err := strconv.ParseInt(strings.TrimSpace(strings.Trim(string(raw), `"`)), 10, 64)
	if err != nil {
		o.fail(name, "A valid integer is required.")
		return v
	}
	return o.within(name, n, least)
}

func (o *object) within(name string, n, least int64) (v manage.Opt[int64]) {
	switch {
	case n < least:
		o.fail(name, "Ensure this value is greater than or equal to %d.", least)
	case n > maxInt:
		o.fail(name, "Ensure this value is less than or equal to %d.", maxInt)
	default:
		return manage.Some(n)
	}
	return v
}

// numberOrNull reads a whole number from 0 on, or null (or an empty string).
func (o *object) numberOrNull(name string) (v manage.Opt[*int64]) {
	if raw, ok := o.get(name); !ok || isNull(raw) || string(raw) == `""` {
		return manage.Opt[*int64]{Set: ok}
	}
	if n := o.number(name, 0); n.Set {
		return manage.Some(&n.Value)
	}
	return v
}
