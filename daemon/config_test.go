package daemon

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wants gives the messages a bad file asks for in its "#want" lines, which
// stand at its end so that they do not move the lines they speak of.
func wants(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if w, ok := strings.CutPrefix(line, "#want "); ok {
			out = append(out, path+":"+strings.TrimSuffix(w, "\n"))
		}
	}
	return out
}

func TestBadConfigurations(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, err := Load(path, nil)
			if err == nil {
				t.Fatal("loaded without an error")
			}
			if os.Getenv("VMAPD_UPDATE") != "" {
				update(t, path, err.Error())
			}
			if d := cmp.Diff(wants(t, path), strings.Split(err.Error(), "\n")); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// update writes the messages as they are into the file: read them before
// committing.
func update(t *testing.T, path, messages string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	body, _, _ := strings.Cut(string(text), "#want ")
	for line := range strings.SplitSeq(messages, "\n") {
		body += "#want " + strings.TrimPrefix(line, path+":") + "\n"
	}
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}

// leaves calls f for every key of a section that has a value.
func leaves(v reflect.Value, path string, f func(key string, v reflect.Value)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key := keyOf(field)
		switch {
		case key == "":
		case v.Field(i).Kind() == reflect.Struct:
			leaves(v.Field(i), path+key+".", f)
		case isSection(field.Type):
			l := defaultListen()
			leaves(reflect.ValueOf(&l).Elem(), path+key+".", f)
		default:
			f(path+key, v.Field(i))
		}
	}
}

// values is what Show shows, without where it comes from.
func values(c *Config) string {
	return regexp.MustCompile(`(?m)  # \S.*$`).ReplaceAllString(c.Show(), "")
}

func TestCommentedIsTheDefault(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", t.TempDir())
	path := filepath.Join(t.TempDir(), "vmapd.toml")
	text := Commented()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(values(Default()), values(got)); d != "" {
		t.Errorf("(-default +commented)\n%s", d)
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "#") && len(line) > 80 {
			t.Errorf("comment of %d columns: %s", len(line), line)
		}
	}
}

func TestEveryKeyIsDocumented(t *testing.T) {
	text := Commented()
	n := 0
	for i := range reflect.TypeFor[Config]().NumField() {
		if f := reflect.TypeFor[Config]().Field(i); keyOf(f) != "" && f.Tag.Get("comment") == "" {
			t.Errorf("%s has no comment", f.Name)
		}
	}
	leaves(reflect.ValueOf(Default()).Elem(), "", func(key string, v reflect.Value) {
		n++
		section, name, ok := strings.Cut(key, ".")
		if !ok {
			section, name = "", key
		}
		if _, found := tableOf(text, section)[name]; !found {
			t.Errorf("%s is not in the commented file", key)
		}
	})
	if n < 35 {
		t.Errorf("only %d keys found", n)
	}
}

// tableOf gives the keys of the first section of that name in a file, each
// with the line before it.
func tableOf(text, section string) map[string]string {
	keys, in, before := map[string]string{}, "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			in = strings.Trim(line, "[]")
		}
		if key, _, ok := strings.Cut(line, " = "); ok && in == section && strings.HasPrefix(before, "#") {
			keys[key] = before
		}
		before = line
	}
	return keys
}

func TestEveryKeyRoundTrips(t *testing.T) {
	full := filepath.Join("testdata", "full.toml")
	c, err := Load(full, nil)
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{}
	base := builtin()
	base.Listen = nil
	leaves(reflect.ValueOf(base).Elem(), "", func(key string, v reflect.Value) { defaults[key] = literal(v) })
	leaves(reflect.ValueOf(c).Elem(), "", func(key string, v reflect.Value) {
		file := key == "database.password_file" || key == "alarms.webhook_secret_file" || key == "alarms.webhook_ca" || // that must be there
			key == "mailboxes.mode" || key == "mailboxes.doveadm_url" || key == "mailboxes.doveadm_key_file" // as must the last one, for these three
		if !strings.HasPrefix(key, "listen.") && !file && literal(v) == defaults[key] {
			t.Errorf("testdata/full.toml does not change %s", key)
		}
	})
	path := filepath.Join(t.TempDir(), "shown.toml")
	if err := os.WriteFile(path, []byte(c.Show()), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Load(path, nil)
	if err != nil {
		t.Fatalf("what Show printed does not load: %v", err)
	}
	if d := cmp.Diff(values(c), values(again)); d != "" {
		t.Errorf("(-first +second)\n%s", d)
	}
	if got, want := c.Listen[1].Table, "aliases"; got != want {
		t.Errorf("listen[1].table = %q, want %q", got, want)
	}
	if got, want := c.Listen[0].Backlog, 512; got != want {
		t.Errorf("listen[0].backlog = %d, want %d", got, want)
	}
}

func TestOverrides(t *testing.T) {
	tests := []struct {
		name string
		o    []string
		get  func(*Config) any
		want any
		err  string
	}{
		{"bare string", []string{"lookup.sender_login=strict"}, func(c *Config) any { return c.Lookup.SenderLogin }, "strict", ""},
		{"quoted string", []string{`lookup.sender_login="1.10"`}, func(c *Config) any { return c.Lookup.SenderLogin }, "1.10", ""},
		{"duration", []string{"lookup.hold=5s"}, func(c *Config) any { return c.Lookup.Hold.D() }, 5 * time.Second, ""},
		{"bool", []string{"lookup.parent_domains=false"}, func(c *Config) any { return c.Lookup.ParentDomains }, false, ""},
		{"number", []string{"dovecot.uid=12"}, func(c *Config) any { return c.Dovecot.UID }, 12, ""},
		{"list", []string{`dkim.resolvers=["192.0.2.1"]`}, func(c *Config) any { return c.DKIM.Resolvers }, []string{"192.0.2.1"}, ""},
		{"bare list", []string{`dkim.resolvers=192.0.2.1, 192.0.2.2`}, func(c *Config) any { return c.DKIM.Resolvers }, []string{"192.0.2.1", "192.0.2.2"}, ""},
		{"empty string", []string{"lookup.recipient_delimiter="}, func(c *Config) any { return c.Lookup.RecipientDelimiter }, "", ""},
		{"state_dir moves the database", []string{"state_dir=/tmp/s"}, func(c *Config) any { return c.Database.URL }, "sqlite:/tmp/s/vmapd.db", ""},
		{"listener", []string{"listen.0.address=unix:/tmp/s"}, func(c *Config) any { return c.Listen[0].Address }, "unix:/tmp/s", ""},
		{"added listener", []string{"listen.2.protocol=tcp_table", "listen.2.table=aliases", "listen.2.address=inet:127.0.0.1:7"}, func(c *Config) any { return c.Listen[2].endpoint.Port }, uint16(7), ""},
		{"all listeners", []string{`listen=[{protocol="http", address="unix:/tmp/h"}]`}, func(c *Config) any { return len(c.Listen) }, 1, ""},
		{"mode", []string{"listen.0.mode=0666"}, func(c *Config) any { return c.Listen[0].Mode.String() }, "0666", ""},
		{"last one wins", []string{"log.level=debug", "log.level=warn"}, func(c *Config) any { return c.Log.Level }, "warn", ""},

		{"unknown key", []string{"lookup.holdd=5s"}, nil, nil, `-o lookup.holdd: unknown key (did you mean "hold"?)`},
		{"no value", []string{"lookup.hold"}, nil, nil, `-o lookup.hold: want section.key=value`},
		{"bad value", []string{"lookup.hold=soon"}, nil, nil, `-o lookup.hold: "soon" is not a duration such as "20s", "1m30s" or "100ms"`},
		{"wrong type", []string{"dovecot.uid=many"}, nil, nil, `-o dovecot.uid: cannot read the value: want a whole number`},
		{"bad meaning", []string{"log.level=loud"}, nil, nil, `-o log.level: "loud" is none of debug, info, warn, error`},
		{"section", []string{"lookup=5"}, nil, nil, `-o lookup: is a section: name a key of it`},
		{"no such listener", []string{"listen.9.mode=0600"}, nil, nil, `-o listen.9.mode: unknown key: listen has the elements 0 to 6`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("STATE_DIRECTORY", "/srv/state:/srv/other")
			path := filepath.Join(t.TempDir(), "empty.toml")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := Load(path, tt.o)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("got error %v\nwant      %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, tt.get(c)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestDefaultWithoutFile(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/srv/state")
	t.Setenv("RUNTIME_DIRECTORY", "/srv/run")
	c := Default()
	got := []string{c.StateDir, c.Database.URL, c.DKIM.KeyDir}
	for _, l := range c.Listen {
		got = append(got, l.Protocol+" "+l.Address)
	}
	want := []string{
		"/srv/state", "sqlite:/srv/state/vmapd.db", "/srv/state/dkim", "socketmap unix:/srv/run/socketmap", "policy unix:/srv/run/policy", "milter unix:/srv/run/milter",
		"dict unix:/srv/run/dict", "auth unix:/srv/run/auth", "auth-master unix:/srv/run/auth-master", "http inet:127.0.0.1:8025",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml"), nil); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("explicit file that is missing: %v", err)
	}
}

func TestPasswords(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "password")
	file := filepath.Join(dir, "vmapd.toml")
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(secret, "hunter2\n", 0o644)
	write(file, "[database]\nurl = \"postgres://modoboa:wrong@db/modoboa\"\npassword_file = "+quote(secret)+"\n", 0o644)
	c, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Password() != "hunter2" {
		t.Errorf("password %q", c.Password())
	}
	if s := c.Show(); strings.Contains(s, "wrong") || strings.Contains(s, "hunter2") {
		t.Errorf("Show prints a password:\n%s", s)
	}
	if len(c.Warnings) != 2 {
		t.Errorf("want two warnings (both files can be read by all), got %q", c.Warnings)
	}
	write(secret, "two\nlines\n", 0o600)
	if _, err := Load(file, nil); err == nil || !strings.Contains(err.Error(), "more than one line") {
		t.Errorf("two lines: %v", err)
	}
	write(secret, "", 0o600)
	if _, err := Load(file, nil); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("empty: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.toml")
	for _, path := range append(files, "testdata/full.toml") {
		if text, err := os.ReadFile(path); err == nil {
			f.Add(string(text))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := builtin()
		d := newDecoder("x.toml", c)
		d.decode([]byte(text))
		for _, e := range d.errs {
			if e.Message == "" || e.Line < 1 || e.Column < 1 {
				t.Errorf("error without message or place: %#v", e)
			}
		}
		if len(d.errs) > 0 {
			return
		}
		var r renderer
		r.section(reflect.ValueOf(c).Elem(), "")
		again := builtin()
		d2 := newDecoder("y.toml", again)
		d2.decode([]byte(r.b.String()))
		if len(d2.errs) > 0 {
			t.Fatalf("rendered configuration does not load: %v\n%s", d2.errs, r.b.String())
		}
	})
}
