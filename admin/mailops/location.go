package mailops

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Location is where Dovecot has the mail of a mailbox, below its home.
type Location struct {
	Driver  string // "maildir" …
	Below   string // path from the home, never "" or "."
	Options string // ":LAYOUT=fs" …, "" if there are none
}

// ParseLocation reads a mail_location (driver:path:options) whose path is below
// the home: "~/Maildir", "%h/Maildir".
func ParseLocation(s string) (Location, error) {
	parts := strings.SplitN(s, ":", 3)
	if len(parts) < 2 || parts[0] == "" || parts[0] == "auto" {
		return Location{}, fmt.Errorf("%q is not driver:~/path", s)
	}
	l := Location{Driver: parts[0]}
	rest, ok := strings.CutPrefix(parts[1], "~/")
	if !ok {
		if rest, ok = strings.CutPrefix(parts[1], "%h/"); !ok {
			return Location{}, fmt.Errorf("%q is not below the home: the path must begin with ~/", s)
		}
	}
	if l.Below = filepath.Clean(rest); rest == "" || l.Below == "." || !filepath.IsLocal(l.Below) {
		return Location{}, fmt.Errorf("%q is the home itself, or not below it: other files there could not be told from mail", s)
	}
	if len(parts) == 3 {
		l.Options = ":" + parts[2]
	}
	if strings.ContainsAny(l.Below+l.Options, "%~") {
		return Location{}, fmt.Errorf("%q has variables in it, or folders outside of the mail folder", s)
	}
	return l, nil
}

// in returns the location for another home.
func (l *Location) in(home string) string {
	return l.Driver + ":" + filepath.Join(home, l.Below) + l.Options
}
