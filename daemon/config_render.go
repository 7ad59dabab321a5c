package daemon

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// Commented gives the default configuration file, every setting with its
// documentation. Load accepts it and gets the defaults.
func Commented() string {
	c := Default()
	r := renderer{comments: true}
	r.overview(c)
	r.section(reflect.ValueOf(c).Elem(), "")
	return r.b.String()
}

// overview is the head of the file: what to do with it, and what the sections
// are for.
func (r *renderer) overview(c *Config) {
	r.wrap("# vmapd.toml:", "# ", "configuration of vmapd. Every setting has its default here; lines may be left out. Most hosts set [database] and [[listen]], [dovecot] "+
		"if mail lies elsewhere, and nothing else. 'vmapd config check' finds mistakes, 'systemctl reload vmapd' (SIGHUP) makes a change take effect.")
	r.line("#")
	for i := range reflect.TypeFor[Config]().NumField() {
		f := reflect.TypeFor[Config]().Field(i)
		if keyOf(f) == "" || !isSection(f.Type) {
			continue
		}
		name := "[" + keyOf(f) + "]"
		if f.Type.Kind() == reflect.Slice {
			name = "[" + name + "]"
		}
		r.wrap(fmt.Sprintf("# %-12s", name), "#"+strings.Repeat(" ", 14), f.Tag.Get("about"))
	}
	r.line("")
}

// Show gives the values in effect, without passwords, as a configuration file
// that says of each where it was set.
func (c *Config) Show() string {
	r := renderer{origin: c.origin}
	r.section(reflect.ValueOf(c.Redacted()).Elem(), "")
	return r.b.String()
}

// Redacted gives a copy without passwords.
func (c *Config) Redacted() *Config {
	shown := *c
	shown.Database.URL = db.Redact(c.Database.URL)
	if shown.Guard.PolicyKey != "" {
		shown.Guard.PolicyKey = parameters.Hidden
	}
	if u, err := url.Parse(c.Policy.Counters); err == nil && u.User != nil {
		shown.Policy.Counters = u.Redacted()
	}
	shown.Modoboa.Parameters = make([]string, len(c.Modoboa.Parameters))
	for i, text := range c.Modoboa.Parameters {
		shown.Modoboa.Parameters[i] = parameters.Shown(text)
	}
	return &shown
}

// Origins says of every setting where its value came from: "file:line:column",
// "-o key", or "default".
func (c *Config) Origins() map[string]string {
	all := map[string]string{}
	r := renderer{origin: func(key string) string {
		all[key] = c.origin(key)
		return ""
	}}
	r.section(reflect.ValueOf(c).Elem(), "")
	return all
}

func (c *Config) origin(key string) string {
	if p, ok := c.places[key]; ok {
		return p.String()
	}
	return "default"
}

// renderer writes TOML. go-toml's encoder knows comments too, but neither
// wraps them nor leaves out those of a second element of a list.
type renderer struct {
	b        strings.Builder
	comments bool
	origin   func(key string) string // of a value, where that is to be shown
}

func (r *renderer) line(format string, args ...any) {
	fmt.Fprintf(&r.b, format+"\n", args...)
}

// section writes the plain keys of a struct, then its sections.
func (r *renderer) section(v reflect.Value, path string) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); keyOf(f) != "" && !isSection(f.Type) && r.wanted(v, keyOf(f)) {
			r.comment(f)
			r.value(path+keyOf(f), keyOf(f), v.Field(i))
		}
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if keyOf(f) == "" || !isSection(f.Type) {
			continue
		}
		r.line("")
		r.comment(f)
		if v.Field(i).Kind() == reflect.Struct {
			r.line("[%s]", path+keyOf(f))
			r.section(v.Field(i), path+keyOf(f)+".")
			continue
		}
		r.list(v.Field(i), path+keyOf(f))
	}
}

// value writes one line.
func (r *renderer) value(path, key string, v reflect.Value) {
	if r.origin == nil {
		r.line("%s = %s", key, literal(v))
		return
	}
	r.line("%s = %s  # %s", key, literal(v), r.origin(path))
}

// list writes the elements of a list of sections, with comments in the first
// one only; in a commented file the others show what is not default.
func (r *renderer) list(v reflect.Value, path string) {
	commented := r.comments
	defer func() { r.comments = commented }()
	for i := range v.Len() {
		if i > 0 {
			r.line("")
		}
		r.line("[[%s]]", path)
		if commented && i > 0 {
			r.changed(v.Index(i), reflect.ValueOf(defaultListen()))
			continue
		}
		r.section(v.Index(i), fmt.Sprintf("%s[%d].", path, i))
		r.comments = false
	}
}

// wanted leaves out, where values are shown, what means nothing for a
// listener.
func (r *renderer) wanted(v reflect.Value, key string) bool {
	l, ok := v.Addr().Interface().(*Listen)
	return !ok || r.comments || l.applies(key)
}

func (r *renderer) changed(v, defaults reflect.Value) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); keyOf(f) != "" && literal(v.Field(i)) != literal(defaults.Field(i)) {
			r.line("%s = %s", keyOf(f), literal(v.Field(i)))
		}
	}
}

// comment writes the documentation of a field.
func (r *renderer) comment(f reflect.StructField) {
	if r.comments {
		r.wrap("#", "# ", textOf(f))
	}
}

// wrap writes a comment of at most 78 columns, whose lines after the first begin
// with next.
func (r *renderer) wrap(line, next, text string) {
	empty := true
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 78 && !empty {
			r.line("%s", line)
			line, empty = strings.TrimSuffix(next, " "), true
		}
		line, empty = line+" "+word, false
	}
	r.line("%s", line)
}

func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// isText reports whether a field is written as a TOML string.
func isText(v reflect.Value) bool {
	_, ok := v.Interface().(fmt.Stringer)
	return ok || v.Kind() == reflect.String
}

// literal gives a value as TOML.
func literal(v reflect.Value) string {
	switch {
	case isText(v):
		return quote(fmt.Sprint(v.Interface()))
	case v.Kind() == reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = literal(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	default:
		return fmt.Sprint(v.Interface())
	}
}

// quote gives a basic TOML string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
