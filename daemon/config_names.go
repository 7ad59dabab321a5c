package daemon

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// keyOf gives the name of a field in the file, "" for a field that has none.
func keyOf(f reflect.StructField) string {
	if name := f.Tag.Get("toml"); name != "-" {
		return name
	}
	return ""
}

// fieldByKey finds the field of a section by its name in the file.
func fieldByKey(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if name != "" && keyOf(v.Type().Field(i)) == name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// suggest names the key of a section that is most like name, if one is.
func suggest(name string, section reflect.Type) string {
	var keys []string
	for i := range section.NumField() {
		if key := keyOf(section.Field(i)); key != "" {
			keys = append(keys, key)
		}
	}
	return suggestFrom(name, keys)
}

// suggestFrom is suggest for a list of names.
func suggestFrom(name string, names []string) string {
	best, distance := "", 3
	for _, n := range names {
		if d := editDistance(strings.ToLower(name), n); d < distance && d < len(n) {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance is Levenshtein's, counted in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j+1]+1, row[j]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	case reflect.Struct:
		return "a section"
	default:
		return "a string"
	}
}

func kindName(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a string"
	case unstable.Bool:
		return "true or false"
	case unstable.Integer:
		return "a whole number"
	case unstable.Float:
		return "a fraction"
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a section"
	default:
		return "a date"
	}
}
