package page

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// form is a form: its fields with what is in them, and what is wrong with that.
type form struct {
	Action string
	Submit string // text of the button
	Cancel string // where to go instead
	Note   string // what to know before
	Fields []*field
	Errors []string // that belong to no field

	typed url.Values // what was sent, nil = nothing was
}

// field is a field of a form. Its name is the one that errors of package manage
// have for it.
type field struct {
	Name, Label string
	Kind        string // "text", "number", "checkbox", "select", "area", "password", "time"
	Value       string
	Help        string
	Choices     []choice // of a select
	Errors      []string
	Required    bool
	Fill        string // autocomplete, "" = "off"

	within string // of the id, where a page has several forms
}

// choice is one of a select.
type choice struct {
	Value, Label string
	Chosen       bool
}

// ID is the field's id in the page.
func (f *field) ID() string { return "f-" + f.within + strings.ReplaceAll(f.Name, ".", "-") }

// Checked reports whether a checkbox is on.
func (f *field) Checked() bool { return f.Value == on }

// on is the value of a checkbox that is.
const on = "on"

func checked(yes bool) string {
	if yes {
		return on
	}
	return ""
}

func text(name, label, value, help string) *field {
	return &field{Name: name, Label: label, Kind: "text", Value: value, Help: help}
}

func count(name, label string, value int64, help string) *field {
	return &field{Name: name, Label: label, Kind: "number", Value: strconv.FormatInt(value, 10), Help: help}
}

// limit is a number that may be left out.
func limit(name, label string, value *int64, help string) *field {
	f := &field{Name: name, Label: label, Kind: "number", Help: help}
	if value != nil {
		f.Value = strconv.FormatInt(*value, 10)
	}
	return f
}

func check(name, label string, value bool, help string) *field {
	return &field{Name: name, Label: label, Kind: "checkbox", Value: checked(value), Help: help}
}

// area is a list of texts, one a line.
func area(name, label string, value []string, help string) *field {
	return &field{Name: name, Label: label, Kind: "area", Value: strings.Join(value, "\n"), Help: help}
}

func secret(name, label, fill, help string) *field {
	return &field{Name: name, Label: label, Kind: "password", Fill: fill, Help: help}
}

func selection(name, label, value, help string, choices ...choice) *field {
	for i := range choices {
		choices[i].Chosen = choices[i].Value == value
	}
	return &field{Name: name, Label: label, Kind: "select", Value: value, Help: help, Choices: choices}
}

// timeLayout is that of <input type=datetime-local>; times are UTC.
const timeLayout = "2006-01-02T15:04"

func moment(name, label string, t *time.Time, help string) *field {
	f := &field{Name: name, Label: label, Kind: "time", Help: help}
	if t != nil {
		f.Value = t.UTC().Format(timeLayout)
	}
	return f
}

// required marks a field that must be filled in.
func (f *field) required() *field {
	f.Required = true
	return f
}

// fill puts what was sent into the fields. A checkbox that is off is not sent.
func (f *form) fill(sent url.Values) {
	f.typed = sent
	for _, x := range f.Fields {
		switch {
		case x.Kind == "checkbox":
			x.Value = checked(sent.Get(x.Name) != "")
		case x.Kind == "password" || !sent.Has(x.Name):
		default:
			x.Value = sent.Get(x.Name)
		}
		for i := range x.Choices {
			x.Choices[i].Chosen = x.Choices[i].Value == x.Value
		}
	}
}

func (f *form) field(name string) *field {
	for _, x := range f.Fields {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// wrong reports whether anything is.
func (f *form) wrong() bool {
	return len(f.Errors) > 0 || slices.ContainsFunc(f.Fields, func(x *field) bool { return len(x.Errors) > 0 })
}

// blame puts an error of package manage beside the fields that it is about, and
// reports whether it was one that a form can show.
func (f *form) blame(err error) bool {
	var e *manage.Error
	if !errors.As(err, &e) {
		return false
	}
	if e.Text != "" {
		f.Errors = append(f.Errors, e.Text)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		x := f.field(name)
		if x == nil {
			x = f.field(name[strings.LastIndexByte(name, '.')+1:])
		}
		if x == nil {
			f.Errors = append(f.Errors, name+": "+strings.Join(e.Fields[name], " "))
			continue
		}
		x.Errors = append(x.Errors, e.Fields[name]...)
	}
	if !f.wrong() {
		f.Errors = append(f.Errors, "That cannot be done.")
	}
	return true
}
