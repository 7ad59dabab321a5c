package setup

import (
	_ "embed"
	"slices"
	"strings"
	"text/template"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/doveconf"
	"github.com/vmapd/vmapd/daemon"
)

// Host is what the script is made for.
type Host struct {
	File     string   // vmapd's configuration
	Config   string   // what to write there; "" leaves the file as it is
	Owner    string   // user and group of the mail, which are made if they are missing
	UID, GID int      // of Owner
	Home     string   // folder above all mailboxes; "" = it cannot be told
	Main     []string // lines of main.cf, "parameter = value"
	Access   []string // what smtpd_recipient_restrictions begins with
	Dovecot  Dovecot
	Units    []string // sockets of systemd to enable, such as vmapd.socket

	// Certificate and Key are PEM files for Postfix and Dovecot; "" = those that
	// main.cf names already.
	Certificate, Key string
}

// Dovecot is the one of the machine.
type Dovecot struct {
	Version   string   // "2.3" or "2.4"
	Auth      string   // doveconf.Dict or doveconf.Server
	Protocols []string // those that are installed, of imap, pop3, lmtp and sieve
}

//go:embed script.tmpl
var text string

// Script writes the shell script.
func Script(h *Host) (string, error) {
	t, err := template.New("").Funcs(template.FuncMap{"quote": quote, "join": strings.Join}).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, h)
	return b.String(), err
}

// Groups are those that vmapd must be in to give its sockets to them.
func (h *Host) Groups() string {
	groups := []string{h.Owner}
	if h.Dovecot.Auth == doveconf.Server {
		groups = append(groups, loginGroup)
	}
	return strings.Join(groups, ",")
}

// quote makes one word of the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Units are the .socket units of the package that listeners come from.
func Units(list []daemon.Listen) (units []string) {
	for _, l := range list {
		if u := l.Unit(); u != "" && !slices.Contains(units, u) {
			units = append(units, u)
		}
	}
	return units
}

// Root is the folder above all mailboxes of dovecot.home, as /srv/vmail is of
// /srv/vmail/%d/%n; "" if there is none but the file system's.
func Root(home string) string {
	above, _, _ := strings.Cut(home, "%")
	if i := strings.LastIndexByte(above, '/'); i > 0 {
		return above[:i]
	}
	return ""
}

// Conflicts are the lines of a main.cf (its parameters with their values) that
// the script would overwrite, though they are neither its own nor those of a
// fresh machine.
func Conflicts(main map[string]string, lines []string) (found []string) {
	for _, line := range lines {
		name, value, _ := strings.Cut(line, " = ")
		old := main[name]
		fresh := old == "" || name == "mydestination" || name == "recipient_delimiter"
		if !fresh && old != value && !strings.Contains(old, "vmapd") {
			found = append(found, name+" = "+old)
		}
	}
	return found
}
