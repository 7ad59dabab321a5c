package api

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// list reads a list of strings; a single string is a list of one.
func (o *object) list(name string) (v manage.Opt[[]string]) {
	raw, ok := o.value(name)
	if !ok {
		return v
	}
	if raw[0] == '"' {
		if one := o.asText(name, raw); one.Set {
			return manage.Some([]string{one.Value})
		}
		return v
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		o.fail(name, "Expected a list of items.")
		return v
	}
	v.Value = []string{}
	for _, item := range items {
		if isNull(item) {
			o.fail(name, "This field may not be null.")
			return v
		}
		one := o.asText(name, item)
		if !one.Set {
			return v
		}
		v.Value = append(v.Value, one.Value)
	}
	v.Set = true
	return v
}

// time reads a time of RFC 3339, or null.
func (o *object) time(name string) (v manage.Opt[*time.Time]) {
	raw, ok := o.get(name)
	if !ok || isNull(raw) || string(raw) == `""` {
		return manage.Opt[*time.Time]{Set: ok}
	}
	text := o.asText(name, raw)
	if !text.Set {
		return v
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		at, err := time.Parse(layout, text.Value)
		switch {
		case err != nil:
		case at.Year() < 1970 || at.Year() > 9998: // what every database holds in every time zone
			o.fail(name, "Datetime value out of range.")
			return v
		default:
			return manage.Some(&at)
		}
	}
	o.fail(name, "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].")
	return v
}

// part reads an object inside the object, or one that is written in a string.
func (o *object) part(name string) (p *object, null, there bool) {
	raw, there := o.get(name)
	if !there || isNull(raw) {
		return nil, there, there
	}
	var text string
	if raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	p = &object{prefix: o.prefix + name + ".", asked: map[string]bool{}, bad: o.bad}
	if json.Unmarshal(raw, &p.fields) != nil || p.fields == nil {
		o.fail(name, "Invalid data. Expected a dictionary.")
		return nil, false, true
	}
	return p, false, true
}

// choice reads one of several words.
func (o *object) choice(name string, words ...string) (v manage.Opt[string]) {
	v = o.text(name)
	if v.Set && !slices.Contains(words, v.Value) {
		o.fail(name, "%q is not a valid choice.", v.Value)
		return manage.Opt[string]{}
	}
	return v
}
