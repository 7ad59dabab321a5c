package page

import (
	"strconv"
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// sent returns the field if the form has it and it was sent.
func (f *form) sent(name string) *field {
	x := f.field(name)
	if x == nil || x.Kind != "checkbox" && !f.typed.Has(name) {
		return nil
	}
	return x
}

// text is what a field says, not set if there is no such field.
func (f *form) text(name string) (o manage.Opt[string]) {
	if x := f.sent(name); x != nil {
		return manage.Some(strings.TrimSpace(x.Value))
	}
	return o
}

// password is one that was typed; an empty field asks for nothing.
func (f *form) password(name string) (o manage.Opt[string]) {
	if v := f.typed.Get(name); v != "" && f.field(name) != nil {
		return manage.Some(v)
	}
	return o
}

func (f *form) flag(name string) (o manage.Opt[bool]) {
	if x := f.sent(name); x != nil {
		return manage.Some(x.Checked())
	}
	return o
}

// number reads a number; an empty field is 0.
func (f *form) number(name string) (o manage.Opt[int64]) {
	if n := f.limit(name); n.Set && n.Value != nil {
		return manage.Some(*n.Value)
	} else if n.Set {
		return manage.Some(int64(0))
	}
	return o
}

// limit reads a number that may be left out.
func (f *form) limit(name string) (o manage.Opt[*int64]) {
	x := f.sent(name)
	if x == nil {
		return o
	}
	value := strings.TrimSpace(x.Value)
	if value == "" {
		return manage.Some[*int64](nil)
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		x.Errors = append(x.Errors, "A whole number is wanted here, such as 500.")
		return o
	}
	return manage.Some(&n)
}

// lines reads a list: entries end at a line's end or a comma. They are kept as
// they are otherwise; a quoted local part may have commas of its own.
func (f *form) lines(name string) (o manage.Opt[[]string]) {
	x := f.sent(name)
	if x == nil {
		return o
	}
	list := []string{}
	quoted := false
	for _, s := range strings.FieldsFunc(x.Value, func(r rune) bool {
		quoted = quoted != (r == '"') && r != '\n'
		return r == '\n' || r == '\r' || r == ',' && !quoted
	}) {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return manage.Some(list)
}

func (f *form) time(name string) (o manage.Opt[*time.Time]) {
	x := f.sent(name)
	if x == nil {
		return o
	}
	value := strings.TrimSpace(x.Value)
	if value == "" {
		return manage.Some[*time.Time](nil)
	}
	for _, layout := range []string{timeLayout, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, value); err == nil {
			return manage.Some(&t)
		}
	}
	x.Errors = append(x.Errors, "A time is wanted here, such as 2030-12-31T18:00.")
	return o
}
