package daemon

import "reflect"

// A Setting is one key of the configuration, or a section, for the manual.
type Setting struct {
	Section string // "[lookup]", "[[listen]]"; "BEFORE ALL SECTIONS" for what stands above them
	Key     string // "" for the section itself
	Default string // in TOML; "" for a section
	Text    string // what it is, in plain text
}

// Settings lists everything that can be configured, in the order of the
// commented file (see Commented). Of a list of sections it gives the values that
// a section starts from.
func Settings() []Setting {
	list := []Setting{{Section: "BEFORE ALL SECTIONS"}}
	settings := reflect.ValueOf(Default()).Elem()
	list = append(list, keysOf(settings, list[0].Section)...)
	for i := range settings.NumField() {
		f := settings.Type().Field(i)
		if keyOf(f) == "" || !isSection(f.Type) {
			continue
		}
		name, v := "["+keyOf(f)+"]", settings.Field(i)
		if f.Type.Kind() == reflect.Slice {
			name, v = "["+name+"]", reflect.ValueOf(defaultListen())
		}
		list = append(list, Setting{Section: name, Text: textOf(f)})
		list = append(list, keysOf(v, name)...)
	}
	return list
}

// keysOf gives the plain keys of a section.
func keysOf(v reflect.Value, section string) (list []Setting) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); keyOf(f) != "" && !isSection(f.Type) {
			list = append(list, Setting{Section: section, Key: keyOf(f), Default: literal(v.Field(i)), Text: textOf(f)})
		}
	}
	return list
}
