package daemon

import (
	"reflect"
	"slices"
)

// A field with the tag restart:"yes" is a setting that a running daemon cannot
// follow. Its documentation says so, and a reload that changes it does.

// textOf gives the documentation of a field.
func textOf(f reflect.StructField) string {
	text := f.Tag.Get("comment")
	if f.Tag.Get("restart") != "" {
		text += " Takes effect after a restart."
	}
	return text
}

// afterRestart names the settings in which two configurations differ and that
// take effect after a restart only.
func afterRestart(was, is *Config) (keys []string) {
	old := fixedSettings(reflect.ValueOf(was).Elem(), "", map[string]string{})
	for key, value := range fixedSettings(reflect.ValueOf(is).Elem(), "", map[string]string{}) {
		if old[key] != value {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// fixedSettings adds the values of such settings to a map, by their keys.
func fixedSettings(v reflect.Value, path string, values map[string]string) map[string]string {
	for i := range v.NumField() {
		switch f := v.Type().Field(i); {
		case keyOf(f) == "":
		case f.Type.Kind() == reflect.Struct && isSection(f.Type):
			fixedSettings(v.Field(i), path+keyOf(f)+".", values)
		case f.Tag.Get("restart") != "":
			values[path+keyOf(f)] = literal(v.Field(i))
		}
	}
	return values
}
