package modoboa

import "strings"

// protect makes a cell of a CSV file harmless for spreadsheets, which take one
// that begins with = + - @, a tabulator or a carriage return for a formula and
// run it: a single quote before it says that it is text
// (https://owasp.org/www-community/attacks/CSV_Injection). A cell that looks
// protected gets one more, so that unprotect gives back every text.
func protect(s string) string {
	if likeFormula(strings.TrimLeft(s, "'")) {
		return "'" + s
	}
	return s
}

// unprotect takes back what protect has done.
func unprotect(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && likeFormula(strings.TrimLeft(rest, "'")) {
		return rest
	}
	return s
}

func likeFormula(s string) bool { return s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) }
