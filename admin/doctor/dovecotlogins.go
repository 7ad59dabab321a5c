package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func checkDovecotAuth() Check {
	return Check{
		Name: "dovecot-auth", Group: "dovecot",
		Text: "Dovecot does not ask vmapd about logins and users, or not in all places, or not as \"vmapd doveconf\" has it.",
		Do:   "Put what \"vmapd doveconf\" prints in its place.",
		look: ofDovecot(func(r *run, d *Dovecot) {
			switch {
			case d.Want == nil:
			case d.Route() == ServerRoute:
				r.lookServerRoute(d)
			case d.Route() == DictRoute:
				r.lookDictRoute(d)
			case !d.asksSQL():
				r.say(Warning, "passdb", fmt.Sprintf("take the lines under \"Logins\" that \"%s\" prints, then doveadm reload", d.show()), "Dovecot does not ask vmapd about logins")
			}
		}),
	}
}

// asksSQL reports whether dovecot-sql tells of the logins.
func (d *Dovecot) asksSQL() bool {
	return slices.ContainsFunc(d.Conf.find("passdb"), func(s *Section) bool { return s.Values["driver"] == "sql" || s.Name == "passdb sql" })
}

// lookServerRoute wants the programs of all protocols to be told of the sockets.
func (r *run) lookServerRoute(d *Dovecot) {
	for _, name := range []string{"login_socket_path", "auth_master_socket_path"} {
		if want := d.Want.Values[name]; want != "" && d.Conf.Values[name] != want {
			r.say(Error, name, fmt.Sprintf("%s = %s, then doveadm reload", name, want), "it is %q: processes ask Dovecot's own auth service, which has no users", d.Conf.Values[name])
		}
	}
	for _, want := range d.Want.find("service") {
		executable := want.Values["executable"]
		if !strings.Contains(executable, d.Auth) && !strings.Contains(executable, d.Master) {
			continue
		}
		if got := d.Conf.value(want.Name + "/executable"); got != executable {
			r.say(Error, want.Name, fmt.Sprintf("%s { executable = %s }, as \"%s\" prints it, then doveadm reload", want.Name, executable, d.show()),
				"its executable is %q: it does not find vmapd's socket", got)
		}
	}
}

// lookDictRoute wants users to come from vmapd as well, and the files to be as
// they are printed.
func (r *run) lookDictRoute(d *Dovecot) {
	if !slices.ContainsFunc(d.Conf.find("userdb"), d.asksDict) {
		r.say(Error, "userdb", fmt.Sprintf("add the userdb blocks that \"%s\" prints, then doveadm reload", d.show()), "passdb asks vmapd, but no userdb does: mail is not delivered, or to other folders")
	}
	for _, path := range slices.Sorted(maps.Keys(d.Files)) {
		text := d.Files[path]
		if !strings.Contains(text, ":"+d.Dict+":") {
			continue
		}
		if n := idle(text); n >= 30000 {
			r.say(Error, path, "set idle_msecs=20000 in it, then doveadm reload", "idle_msecs is %d: Dovecot 2.3 panics on a connection that idles for 30 s and more", n)
		} else if !slices.ContainsFunc(d.WantFiles, func(w string) bool { return meaning(w) == meaning(text) }) {
			r.say(Warning, path, fmt.Sprintf("write it as \"%s\" prints it, then doveadm reload", d.show()), "the file is not as vmapd needs it")
		}
	}
}

// idle takes idle_msecs out of the URI of a dict.
func idle(text string) int {
	_, rest, _ := strings.Cut(text, "idle_msecs=")
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	n, _ := strconv.Atoi(digits) // 0: not set
	return n
}

// meaning is a file without its comments and white space.
func meaning(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			b.WriteString(strings.ReplaceAll(line, " ", "") + "\n")
		}
	}
	return b.String()
}
