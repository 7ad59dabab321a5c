package parameters

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Origin says where a value came from.
type Origin string

// The origins.
const (
	Default Origin = "Modoboa's default"
	Stored  Origin = "stored" // in core_localconfig
	File    Origin = "vmapd's file"
)

// Value is a parameter with where it came from.
type Value struct {
	Name   string `json:"name"`  // "core.log_maximum_age"
	Value  any    `json:"value"` // bool, int64, string or nil
	Origin Origin `json:"origin"`
	Place  string `json:"place,omitempty"`  // of Origin File: "/etc/vmapd/vmapd.toml:12:1"
	Absent bool   `json:"absent,omitempty"` // this release of Modoboa does not know it
	Secret bool   `json:"secret,omitempty"` // not to be shown
}

// String gives the value as it can be shown: true, 30, a text in quotes, null.
func (v Value) String() string {
	switch x := v.Value.(type) {
	case nil:
		return "null"
	case string:
		if v.Secret && x != "" {
			return Hidden
		}
		return strconv.Quote(x)
	default:
		return fmt.Sprint(x)
	}
}

// MarshalJSON leaves out what is secret.
func (v Value) MarshalJSON() ([]byte, error) {
	type plain Value
	p := plain(v)
	if v.Secret && v.Value != "" {
		p.Value = Hidden
	}
	return json.Marshal(p)
}

// Problem is a stored value that cannot be used.
type Problem struct {
	Name string // "core.log_maximum_age", "" for all
	Text string
}

// String gives one line.
func (p Problem) String() string {
	if p.Name == "" {
		return p.Text
	}
	return p.Name + ": " + p.Text
}

// Set is Modoboa's settings as they are in effect. It does not change.
type Set struct {
	release  Release
	values   []Value
	byName   map[string]int
	problems []Problem
}

// Parse reads what core_localconfig._parameters has, "" for nothing. It never
// fails: what cannot be used is a Problem.
func Parse(stored string, release Release, o Overrides) *Set {
	s := &Set{release: release, byName: map[string]int{}}
	var apps map[string]json.RawMessage
	if strings.TrimSpace(stored) != "" {
		if err := json.Unmarshal([]byte(stored), &apps); err != nil {
			s.problem("", "core_localconfig._parameters is no JSON object: Modoboa's defaults are used (%v)", err)
		}
	}
	read := map[string]map[string]json.RawMessage{}
	for app, raw := range apps {
		var p map[string]json.RawMessage
		if err := json.Unmarshal(raw, &p); err != nil && known(app) {
			s.problem(app, "is no JSON object: Modoboa's defaults are used")
		}
		read[app] = p
	}
	for _, d := range definitions() {
		app, name := split(d.name)
		s.byName[d.name] = len(s.values)
		s.values = append(s.values, s.value(&d, read[app][name], o))
	}
	return s
}

// known reports whether an app has parameters that are known here.
func known(app string) bool { return app == "core" || app == "admin" || app == "limits" }

func (s *Set) problem(name, format string, args ...any) {
	s.problems = append(s.problems, Problem{name, fmt.Sprintf(format, args...)})
}

// value decides what a parameter is.
func (s *Set) value(d *definition, raw json.RawMessage, o Overrides) Value {
	v := Value{Name: d.name, Value: plain(d.standard(s.release)), Origin: Default, Absent: s.release < d.since, Secret: d.secret}
	if own, ok := o[d.name]; ok {
		v.Value, v.Origin, v.Place = own.value, File, own.place
		return v
	}
	if raw == nil {
		return v
	}
	stored, null, err := parse(d, raw)
	switch {
	case err != nil:
		s.problem(d.name, "%v: Modoboa's default is used", err)
	case null && mustBe(d):
		s.problem(d.name, "is null: Modoboa's default is used")
	default:
		v.Origin = Stored
		if !null {
			v.Value = stored
		}
	}
	return v
}

// mustBe reports whether null is no value of a parameter. Modoboa takes null
// for texts; it means the same as none.
func mustBe(d *definition) bool {
	switch d.value.(type) {
	case bool, int64:
		return true
	}
	return false
}

// plain makes of a default what a Value holds: nil for a number that is none.
func plain(v any) any {
	if p, ok := v.(*int64); ok {
		if p == nil {
			return nil
		}
		return *p
	}
	return v
}

// Release is the range of releases that the database is of.
func (s *Set) Release() Release { return s.release }

// Values lists all parameters. Those that are secret are not to be shown.
func (s *Set) Values() []Value { return append([]Value(nil), s.values...) }

// Problems lists what is stored and cannot be used.
func (s *Set) Problems() []Problem { return append([]Problem(nil), s.problems...) }

// Has reports whether a parameter exists in this release of Modoboa, or was set
// in vmapd's file.
func (s *Set) Has(name string) bool {
	v := s.at(name)
	return !v.Absent || v.Origin == File
}

// at returns a parameter. One that no table of definitions has is a mistake in
// the program.
func (s *Set) at(name string) *Value {
	i, ok := s.byName[name]
	if !ok {
		panic("parameters: there is no " + name)
	}
	return &s.values[i]
}

// Flag returns a parameter that is true or false.
func (s *Set) Flag(f Flag) bool { return s.at(string(f)).Value.(bool) }

// Number returns a parameter that is a number.
func (s *Set) Number(n Number) int64 { return s.at(string(n)).Value.(int64) }

// Optional returns a parameter that is a number, ok is false if it is none.
func (s *Set) Optional(o Optional) (n int64, ok bool) {
	n, ok = s.at(string(o)).Value.(int64)
	return n, ok
}

// Text returns a parameter that is a text.
func (s *Set) Text(t Text) string { return s.at(string(t)).Value.(string) }

// Limits returns the first values of limits by the names that they have in the
// app "limits": "deflt_user_domains_limit" and so on.
func (s *Set) Limits() map[string]int64 {
	all := map[string]int64{}
	for _, v := range s.values {
		if n, ok := v.Value.(int64); ok && strings.HasPrefix(v.Name, limitApp) {
			all[strings.TrimPrefix(v.Name, limitApp)] = n
		}
	}
	return all
}
