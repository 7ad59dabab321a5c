package postfixadmin

import (
	"errors"
	"strings"
	"unicode"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// splitGoto splits alias.goto, which PostfixAdmin joins with commas; older
// releases and people have put line breaks and blanks there as well. What is
// between quotes is kept together. Empty parts are left out.
func splitGoto(s string) (out []string) {
	quoted, escaped, begin := false, false, -1
	for i, r := range s {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case !quoted && (r == ',' || unicode.IsSpace(r)):
			if begin >= 0 {
				out = append(out, s[begin:i])
			}
			begin = -1
			continue
		}
		if begin < 0 {
			begin = i
		}
	}
	if begin >= 0 {
		out = append(out, s[begin:])
	}
	return out
}

// isVacation reports whether a recipient is what PostfixAdmin adds while a
// vacation message is on: user#domain@ and the domain of its vacation.pl, for
// the address user@domain.
func isVacation(address, recipient string) bool {
	at := strings.LastIndexByte(recipient, '@')
	return at > 0 && strings.Contains(address, "@") &&
		store.Fold(recipient[:at]) == strings.ReplaceAll(store.Fold(address), "@", "#")
}

// recipient checks one recipient of an alias and folds its domain; what is
// before the "@" may be case-sensitive elsewhere. "@domain", for the same name
// in another domain, is only for a catch-all.
func recipient(alias, s string) (string, error) {
	switch {
	case strings.HasPrefix(s, "|"):
		return "", errors.New("is a command, which no alias of Modoboa can have")
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, ":include:"):
		return "", errors.New("is a file, which no alias of Modoboa can have")
	}
	if err := rows.CheckBytes(s); err != nil {
		return "", err
	}
	local, domain, err := rows.SplitAddress(s)
	if err != nil {
		return "", err
	}
	if local == "" && !strings.HasPrefix(alias, "@") {
		return "", errors.New("has nothing before the \"@\"")
	}
	return local + "@" + domain, nil
}
