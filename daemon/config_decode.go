package daemon

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// decoder sets a Config from TOML. go-toml's own decoder stops at the first
// wrong type and forgets where a key stood; this one walks the syntax tree,
// goes on after an error and notes the place of each key for the checks that
// come later.
type decoder struct {
	source string // file name, or "-o key"
	flat   bool   // the source has no lines
	parser unstable.Parser
	root   reflect.Value
	places places
	errs   ConfigErrors

	table  reflect.Value // section being filled; invalid after an unknown one
	prefix string        // its path, with a dot at the end unless it is the root
}

func newDecoder(source string, c *Config) *decoder {
	if c.places == nil {
		c.places = places{}
	}
	root := reflect.ValueOf(c).Elem()
	return &decoder{source: source, root: root, table: root, places: c.places}
}

// decode reads a whole file. Errors of syntax, and keys given twice, end it:
// what follows would be guesswork.
func (d *decoder) decode(text []byte) {
	var any map[string]any
	if err := toml.Unmarshal(text, &any); err != nil {
		d.syntaxError(err)
		return
	}
	d.parser.Reset(text)
	for d.parser.NextExpression() {
		switch e := d.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			d.enter(e)
		case unstable.KeyValue:
			if d.table.IsValid() {
				d.assign(d.table, d.prefix, e)
			}
		}
	}
}

func (d *decoder) syntaxError(err error) {
	e := &ConfigError{Source: d.source, Message: strings.TrimPrefix(err.Error(), "toml: ")}
	if de := (*toml.DecodeError)(nil); errors.As(err, &de) {
		e.Line, e.Column = de.Position()
	}
	d.errs = append(d.errs, e)
}

// enter begins the section a [table] or [[list]] header names.
func (d *decoder) enter(e *unstable.Node) {
	d.table = reflect.Value{}
	v, path, key := d.resolve(d.root, "", e.Key())
	if !v.IsValid() {
		return
	}
	list := v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct
	switch {
	case e.Kind == unstable.ArrayTable && list:
		v, path = d.grow(v, path)
	case e.Kind == unstable.Table && v.Kind() == reflect.Struct:
	case list:
		d.fail(key, path, "is a list: write [[%s]]", path)
		return
	default:
		d.fail(key, path, "is not a section of this kind")
		return
	}
	d.note(path, key)
	d.table, d.prefix = v, path+"."
}

// grow appends one section with its defaults to a list.
func (d *decoder) grow(list reflect.Value, path string) (reflect.Value, string) {
	n := list.Len()
	list.Set(reflect.Append(list, reflect.ValueOf(defaultListen())))
	return list.Index(n), fmt.Sprintf("%s[%d]", path, n)
}

// assign sets the key of one "key = value" below v.
func (d *decoder) assign(v reflect.Value, prefix string, kv *unstable.Node) {
	field, path, key := d.resolve(v, prefix, kv.Key())
	if !field.IsValid() {
		return
	}
	d.note(path, key)
	d.set(field, path, kv.Value(), key)
}

// resolve follows a dotted key; it reports an unknown one and gives an
// invalid value then. The node is that of the key's last part.
func (d *decoder) resolve(v reflect.Value, prefix string, keys unstable.Iterator) (reflect.Value, string, *unstable.Node) {
	var last *unstable.Node
	for keys.Next() {
		last = keys.Node()
		name := string(last.Data)
		if v.Kind() != reflect.Struct {
			d.fail(last, prefix+name, "unknown key (%s is not a section)", strings.TrimSuffix(prefix, "."))
			return reflect.Value{}, "", last
		}
		field := fieldByKey(v, name)
		if !field.IsValid() {
			d.fail(last, prefix+name, "unknown key%s", suggest(name, v.Type()))
			return reflect.Value{}, "", last
		}
		v, prefix = field, prefix+name+"."
	}
	return v, strings.TrimSuffix(prefix, "."), last
}

// set converts a value to the field's type. Where the value has no place of
// its own (a list), errors name the place of the key.
func (d *decoder) set(v reflect.Value, path string, n, key *unstable.Node) {
	if n.Raw.Length > 0 {
		key = n
		d.note(path, key)
	}
	switch {
	case v.Kind() == reflect.Struct && n.Kind == unstable.InlineTable:
		for it := n.Children(); it.Next(); {
			d.assign(v, path+".", it.Node())
		}
	case v.Kind() == reflect.Slice && n.Kind == unstable.Array:
		d.setList(v, path, n, key)
	default:
		if err := setScalar(v, n); err != nil {
			d.fail(key, path, "%s", err)
		}
	}
}

func (d *decoder) setList(v reflect.Value, path string, n, key *unstable.Node) {
	v.Set(reflect.MakeSlice(v.Type(), 0, 4))
	for it := n.Children(); it.Next(); {
		e := it.Node()
		if e.Kind == unstable.Comment {
			continue
		}
		if v.Type().Elem().Kind() == reflect.Struct {
			item, at := d.grow(v, path)
			d.note(at, key)
			d.set(item, at, e, key)
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		at := fmt.Sprintf("%s[%d]", path, v.Len())
		d.note(at, key)
		d.set(item, at, e, key)
		v.Set(reflect.Append(v, item))
	}
}

// setScalar sets a string, number, bool or TextUnmarshaler.
func setScalar(v reflect.Value, n *unstable.Node) error {
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if n.Kind != unstable.String {
			return fmt.Errorf("want a string such as %q, not %s", fmt.Sprint(v.Interface()), kindName(n.Kind))
		}
		return t.UnmarshalText(n.Data)
	}
	switch {
	case v.Kind() == reflect.String && n.Kind == unstable.String:
		v.SetString(string(n.Data))
	case v.Kind() == reflect.Bool && n.Kind == unstable.Bool:
		v.SetBool(string(n.Data) == "true")
	case v.Kind() == reflect.Int && n.Kind == unstable.Integer:
		i, err := strconv.ParseInt(string(n.Data), 0, 32)
		if err != nil {
			return fmt.Errorf("%s is not a whole number below 2147483648", n.Data)
		}
		v.SetInt(i)
	default:
		return fmt.Errorf("want %s, not %s", typeName(v.Type()), kindName(n.Kind))
	}
	return nil
}

// note keeps the place of a key.
func (d *decoder) note(path string, n *unstable.Node) {
	d.places[path] = d.place(n)
}

func (d *decoder) place(n *unstable.Node) place {
	if n == nil || d.flat {
		return place{source: d.source}
	}
	p := d.parser.Shape(n.Raw).Start
	return place{source: d.source, line: p.Line, column: p.Column}
}

func (d *decoder) fail(n *unstable.Node, path, format string, args ...any) {
	p := d.place(n)
	d.errs = append(d.errs, &ConfigError{
		Source: p.source, Line: p.line, Column: p.column, Key: path, Message: fmt.Sprintf(format, args...),
	})
}
