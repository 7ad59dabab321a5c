package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// printList prints objects as a table.
func (s *admin) printList(columns []column, all []any) error {
	if s.json {
		return s.printJSON(append([]any{}, all...))
	}
	t := tabwriter.NewWriter(s.out, 0, 8, 2, ' ', 0)
	for i, c := range columns {
		fmt.Fprint(t, c.title, tabOrEnd(i, len(columns)))
	}
	for _, o := range all {
		for i, c := range columns {
			fmt.Fprint(t, shown(getPath(o, c.field)), tabOrEnd(i, len(columns)))
		}
	}
	return t.Flush()
}

func tabOrEnd(i, n int) string {
	if i == n-1 {
		return "\n"
	}
	return "\t"
}

// printObject prints one object: a line for each field.
func (s *admin) printObject(o any) error {
	if s.json {
		return s.printJSON(o)
	}
	t := tabwriter.NewWriter(s.out, 0, 8, 2, ' ', 0)
	printFields(t, "", o)
	return t.Flush()
}

func printFields(t *tabwriter.Writer, prefix string, v any) {
	o, ok := v.(map[string]any)
	if !ok {
		fmt.Fprintf(t, "%s\t%s\n", prefix, shown(v))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if inner, ok := o[name].(map[string]any); ok {
			printFields(t, prefix+name+".", inner)
			continue
		}
		fmt.Fprintf(t, "%s%s\t%s\n", prefix, name, shown(o[name]))
	}
}

// shown writes a value for people. What could move the cursor of a terminal is
// escaped.
func shown(v any) string {
	switch c := v.(type) {
	case nil:
		return "-"
	case bool:
		if c {
			return "yes"
		}
		return "no"
	case float64:
		return fmt.Sprintf("%.0f", c)
	case []any:
		words := []string{}
		for _, w := range c {
			words = append(words, shown(w))
		}
		return shown(strings.Join(words, ", "))
	case string:
		if c == "" {
			return "-"
		}
		if at, err := time.Parse(time.RFC3339Nano, c); err == nil {
			return at.Local().Format(time.DateTime)
		}
		return printable(c)
	}
	return printable(fmt.Sprint(v))
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
