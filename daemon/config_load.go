package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Default gives the configuration of a daemon that has no file: the embedded
// database below the state folder, socketmap on a unix socket in the run
// folder and http on inet:127.0.0.1:8025. $STATE_DIRECTORY and
// $RUNTIME_DIRECTORY move the folders.
func Default() *Config {
	c := builtin()
	c.derive()
	return c
}

// Load reads the configuration file, then the overrides ("lookup.hold=5s",
// "listen.0.address=unix:/tmp/s"; the value in TOML, or bare where a string
// is wanted), and checks the whole. An empty path means DefaultConfigFile,
// which may be missing; a file named explicitly must exist. The error is a
// ConfigErrors with everything that is wrong.
func Load(path string, overrides []string) (*Config, error) {
	c := builtin()
	errs := c.readFile(path)
	c.defaultListeners()
	for _, o := range overrides {
		errs = append(errs, c.override(o)...)
	}
	c.derive()
	bad := map[string]bool{}
	for _, e := range errs {
		bad[e.Key] = true
	}
	for _, e := range c.check() {
		if !bad[e.Key] {
			errs = append(errs, e)
		}
	}
	if len(errs) > 0 {
		slices.SortStableFunc(errs, func(a, b *ConfigError) int { return a.Line - b.Line })
		return nil, errs
	}
	return c, nil
}

func (c *Config) readFile(path string) ConfigErrors {
	explicit := path != ""
	if !explicit {
		path = DefaultConfigFile
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		return nil
	}
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return ConfigErrors{{Source: path, Message: fmt.Sprintf("cannot read the configuration: %v (vmapd config default prints one)", err)}}
	}
	c.Path = path
	d := newDecoder(path, c)
	d.decode(text)
	return d.errs
}

// override applies one "key=value" of the command line.
func (c *Config) override(o string) ConfigErrors {
	key, value, ok := strings.Cut(o, "=")
	key = strings.TrimSpace(key)
	source := "-o " + key
	if !ok {
		return ConfigErrors{{Source: source, Message: "want section.key=value"}}
	}
	d := newDecoder(source, c)
	d.flat = true
	field, path, err := c.walk(key)
	if err != nil {
		return ConfigErrors{{Source: source, Message: err.Error()}}
	}
	// A snippet of TOML with the value alone: what stands in a file works here.
	d.parser.Reset([]byte("v = " + tomlValue(field, strings.TrimSpace(value))))
	if !d.parser.NextExpression() || d.parser.Expression().Kind != unstable.KeyValue || d.parser.Error() != nil {
		return ConfigErrors{{Source: source, Message: fmt.Sprintf("cannot read the value: want %s", typeName(field.Type()))}}
	}
	d.set(field, path, d.parser.Expression().Value(), nil)
	d.places[path] = place{source: source}
	for _, e := range d.errs {
		if e.Key == path {
			e.Key = "" // the source names it already
		}
	}
	return d.errs
}

// walk finds the field for the key of an override; elements of a list are
// numbered from 0, and the number after the last one appends.
func (c *Config) walk(key string) (reflect.Value, string, error) {
	v, path := reflect.ValueOf(c).Elem(), ""
	for name := range strings.SplitSeq(key, ".") {
		switch v.Kind() {
		case reflect.Struct:
			field := fieldByKey(v, name)
			if !field.IsValid() {
				return v, "", errors.New("unknown key" + suggest(name, v.Type()))
			}
			v, path = field, strings.TrimPrefix(path+"."+name, ".")
		case reflect.Slice:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i > v.Len() || v.Type().Elem().Kind() != reflect.Struct {
				return v, "", fmt.Errorf("unknown key: %s has the elements 0 to %d", path, v.Len()-1)
			}
			if i == v.Len() {
				v.Set(reflect.Append(v, reflect.ValueOf(defaultListen())))
			}
			v, path = v.Index(i), fmt.Sprintf("%s[%d]", path, i)
		default:
			return v, "", fmt.Errorf("unknown key (%s is not a section)", path)
		}
	}
	if v.Kind() == reflect.Struct {
		return v, "", errors.New("is a section: name a key of it")
	}
	return v, path, nil
}

// tomlValue quotes a bare value where the field wants text; a list of text may
// be given with commas.
func tomlValue(field reflect.Value, s string) string {
	quoted := strings.HasPrefix(s, `"`) || strings.HasPrefix(s, "'")
	switch {
	case quoted || strings.HasPrefix(s, "["):
		return s
	case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.String:
		var items []string
		for item := range strings.SplitSeq(s, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, quote(item))
			}
		}
		return "[" + strings.Join(items, ", ") + "]"
	case isText(field):
		return quote(s)
	}
	return s
}

// defaultListeners adds the sockets of a configuration that names none.
func (c *Config) defaultListeners() {
	if len(c.Listen) > 0 {
		return
	}
	for _, l := range []struct{ protocol, address string }{
		{"socketmap", "unix:" + filepath.Join(runDir(), "socketmap")},
		{"policy", "unix:" + filepath.Join(runDir(), "policy")},
		{"milter", "unix:" + filepath.Join(runDir(), "milter")},
		{"dict", "unix:" + filepath.Join(runDir(), "dict")},
		{"auth", "unix:" + filepath.Join(runDir(), "auth")},
		{"auth-master", "unix:" + filepath.Join(runDir(), "auth-master")},
		{"http", "inet:127.0.0.1:8025"},
	} {
		n := defaultListen()
		n.Protocol, n.Address = l.protocol, l.address
		c.Listen = append(c.Listen, n)
	}
}

// derive sets what follows from other settings if it was not given.
func (c *Config) derive() {
	c.defaultListeners()
	if c.Database.URL == "" {
		c.Database.URL = "sqlite:" + filepath.Join(c.StateDir, "vmapd.db")
	}
	if c.DKIM.KeyDir == "" {
		c.DKIM.KeyDir = filepath.Join(c.StateDir, "dkim")
	}
	for i := range c.Listen {
		l := &c.Listen[i]
		if e, err := ParseEndpoint(l.Address); err == nil {
			l.endpoint = e
		}
	}
}

// Password gives the content of database.password_file, "" without one.
func (c *Config) Password() string { return c.password }

func stateDir() string { return firstDir("STATE_DIRECTORY", "/var/lib/vmapd") }
func runDir() string   { return firstDir("RUNTIME_DIRECTORY", "/run/vmapd") }

// firstDir reads a variable of systemd.exec(5), which may hold several
// folders with a colon between them.
func firstDir(variable, other string) string {
	if dir, _, _ := strings.Cut(os.Getenv(variable), ":"); strings.HasPrefix(dir, "/") {
		return filepath.Clean(dir)
	}
	return other
}
