package parameters

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parse reads a stored value of the kind that a parameter has.
func parse(d *definition, raw json.RawMessage) (value any, null bool, err error) {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil, true, nil
	}
	switch d.value.(type) {
	case bool:
		var b bool
		if json.Unmarshal(raw, &b) != nil {
			return nil, false, errors.New("is neither true nor false")
		}
		return b, false, nil
	case string:
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return nil, false, errors.New("is no text")
		}
		return s, false, nil
	}
	n, err := wholeNumber(raw)
	return n, false, err
}

// wholeNumber reads a number. Forms with a list to choose from gave texts
// ("2048"), and what became a fraction on its way (30.0) is one as well.
func wholeNumber(raw json.RawMessage) (int64, error) {
	text := string(bytes.TrimSpace(raw))
	var s string
	if json.Unmarshal(raw, &s) == nil {
		text = strings.TrimSpace(s)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f == float64(int64(f)) && f > -1e15 && f < 1e15 {
		return int64(f), nil
	}
	return 0, errors.New("is no whole number")
}

// Overrides are parameters that are set in vmapd's file, by their names. They
// win over what is stored. nil is none.
type Overrides map[string]override

type override struct {
	value any
	place string
}

// Set adds one that is written "app.name=value"; place says where.
func (o Overrides) Set(text, place string) error {
	name, value, ok := strings.Cut(text, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok {
		return fmt.Errorf("%q is not app.name=value, such as core.log_maximum_age=90", text)
	}
	d, ok := find(name)
	if !ok {
		return fmt.Errorf("there is no parameter %q", name)
	}
	v, err := d.own(value)
	if err != nil {
		return fmt.Errorf("%s: %q %w", name, value, err)
	}
	o[name] = override{v, place}
	return nil
}

// Shown returns what is written for [Overrides.Set] without the value of a
// secret.
func Shown(text string) string {
	name, _, ok := strings.Cut(text, "=")
	if d, found := find(strings.TrimSpace(name)); ok && found && d.secret {
		return name + "=" + Hidden
	}
	return text
}

// Hidden stands where a secret is not shown.
const Hidden = "(not shown)"

// own reads a value as somebody writes it in a file.
func (d *definition) own(s string) (any, error) {
	switch d.value.(type) {
	case bool:
		if s != "true" && s != "false" {
			return nil, errors.New("is neither true nor false")
		}
		return s == "true", nil
	case string:
		return s, nil
	case *int64:
		if s == "" || s == "null" {
			return nil, nil
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, errors.New("is no whole number")
	}
	return n, nil
}
