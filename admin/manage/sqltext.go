package manage

import (
	"strings"
	"unicode/utf8"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// concat joins expressions that are texts.
func (t *Tx) concat(parts ...string) string {
	if t.db.Dialect == db.MySQL { // to which "||" is OR
		return "concat(" + strings.Join(parts, ", ") + ")"
	}
	return "(" + strings.Join(parts, " || ") + ")"
}

// chars is the length of a text column in characters.
func (t *Tx) chars(column string) string {
	if t.db.Dialect == db.SQLite {
		return "length(" + column + ")"
	}
	return "char_length(" + column + ")"
}

// ending is a condition on a column: its text ends with a suffix, in whatever
// case. Unlike LIKE it makes no difference between columns and engines.
func (t *Tx) ending(column, suffix string) (string, []any) {
	n := utf8.RuneCountInString(suffix)
	end := "substr(" + column + ", " + t.chars(column) + " - ?)"
	return "(" + end + " = ? OR lower(" + end + ") = ?)", []any{n - 1, suffix, n - 1, store.Fold(suffix)}
}

// reending is the text of a column with another suffix, to be used where
// ending holds for the old one.
func (t *Tx) reending(column, old, suffix string) (string, []any) {
	return t.concat("substr("+column+", 1, "+t.chars(column)+" - ?)", "?"), []any{utf8.RuneCountInString(old), suffix}
}

// marks is as many "?" as there are arguments, for IN.
func marks(args []any) string { return strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ") }
