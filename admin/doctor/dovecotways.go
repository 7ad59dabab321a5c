package doctor

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// ofDovecot makes a check of how Dovecot is wired, which has nothing to look at
// where there is none.
func ofDovecot(f func(*run, *Dovecot)) look {
	return look{host: func(r *run, h *Host) {
		if h.Dovecot != nil && h.Dovecot.Missing == "" {
			f(r, h.Dovecot)
		}
	}}
}

func checkDovecotThere() Check {
	return Check{
		Name: "dovecot-installed", Group: "dovecot",
		Text: "There is no Dovecot here, or its configuration cannot be read: its wiring is not looked at.",
		Do:   "Nothing, if Dovecot runs elsewhere; else install it, or give --dovecot-config.",
		look: look{host: func(r *run, h *Host) {
			if h.Dovecot != nil && h.Dovecot.Missing != "" {
				r.say(Info, "Dovecot", "none needed if Dovecot runs on another machine; else give --dovecot-config its dovecot.conf", "its wiring cannot be looked at: %s", h.Dovecot.Missing)
			}
		}},
	}
}

func checkDovecotSQL() Check {
	return Check{
		Name: "dovecot-sql", Group: "dovecot",
		Text: "Blocks of dovecot.conf that still ask the database: logins, users, quota by SQL.",
		Do:   "Put what \"vmapd doveconf\" prints in their place.",
		look: ofDovecot(func(r *run, d *Dovecot) {
			if d.Want == nil {
				return
			}
			for _, name := range []string{"passdb", "userdb"} {
				for _, s := range d.Conf.find(name) {
					if s.Values["driver"] == "sql" || s.Name == name+" sql" {
						r.say(Warning, name, fmt.Sprintf("put the %s blocks that \"%s\" prints in its place, then doveadm reload", name, d.show()), "%s still asks the database%s", name, fromFile(s))
					}
				}
			}
			for _, s := range d.Conf.find("dict") {
				for _, key := range slices.Sorted(maps.Keys(s.Values)) {
					if _, ok := sqlMap(s.Values[key]); ok {
						r.say(Warning, "dict "+key, fmt.Sprintf("take it out, and put quota and last_login as \"%s\" prints them, then doveadm reload", d.show()), "the dict %s still writes to the database, with %s", key, s.Values[key])
					}
				}
			}
		}),
	}
}

func fromFile(s *Section) string {
	if args := s.Values["args"]; args != "" {
		return ", with " + args
	}
	return ""
}

func checkDovecotQuota() Check {
	return Check{
		Name: "dovecot-quota", Group: "dovecot",
		Text: "Dovecot does not tell vmapd how full mailboxes are: figures in the database and on pages stay as they are.",
		Do:   "Switch the plugin quota_clone on, with vmapd's dict.",
		look: ofDovecot(func(r *run, d *Dovecot) {
			const old, new = "plugin/quota_clone_dict", "quota_clone/dict proxy/dict_proxy_socket_path"
			r.lookTold(d, Warning, "quota_clone", old, new, "figures of usage do not reach the database")
		}),
	}
}

func checkDovecotLastLogin() Check {
	return Check{
		Name: "dovecot-last-login", Group: "dovecot",
		Text: "Dovecot does not tell vmapd who has logged in: Modoboa's job for inactive accounts takes active ones for inactive.",
		Do:   "Switch the plugin last_login on, with vmapd's dict.",
		look: ofDovecot(func(r *run, d *Dovecot) {
			const old, new = "plugin/last_login_dict", "last_login/dict proxy/dict_proxy_socket_path"
			r.lookTold(d, Info, "last_login", old, new, "last logins do not reach the database")
		}),
	}
}

// lookTold wants a plugin to be on and its dict to be that of vmapd; old and new
// are the settings of Dovecot 2.3 and 2.4 that name it.
func (r *run) lookTold(d *Dovecot, l Level, plugin, old, new, effect string) {
	if d.Want == nil || strings.Contains(d.Conf.value("plugin/quota"), ":"+d.Dict+":") && plugin == "quota_clone" {
		return
	}
	setting := old
	if d.Release() == "2.4" {
		setting = new
	}
	want, got := d.Want.value(setting), d.Conf.value(setting)
	on := d.Conf.plugin(plugin) || slices.ContainsFunc(d.Conf.find("protocol"), func(s *Section) bool { return s.plugin(plugin) })
	remedy := fmt.Sprintf("set %s to %s and add %s to mail_plugins, as \"%s\" prints it, then doveadm reload", setting, want, plugin, d.show())
	switch {
	case !on:
		r.say(l, plugin, remedy, "the plugin is not on: %s", effect)
	case got != want:
		r.say(l, plugin, remedy, "its dict is %q, not %q: %s", got, want, effect)
	}
}

func checkDovecotLMTP() Check {
	return Check{
		Name: "dovecot-lmtp", Group: "dovecot",
		Text: "Postfix is to deliver to a socket (lookup.local_transport) on which Dovecot's LMTP does not listen: mail waits.",
		Do:   "Add the unix_listener to service lmtp, or change lookup.local_transport.",
		look: ofDovecot(func(r *run, d *Dovecot) {
			if d.LMTP != "" && !(d.listensLMTP() && slices.Contains(d.Conf.protocols(), "lmtp")) {
				r.say(Error, d.LMTP, fmt.Sprintf("add the service lmtp that \"%s\" prints, and lmtp to protocols; then doveadm reload", d.show()), "Postfix delivers there, but Dovecot's LMTP does not listen there: mail waits")
			}
		}),
	}
}

// listensLMTP reports whether the service lmtp has the socket where Postfix
// delivers. It always has the one that is called lmtp in base_dir.
func (d *Dovecot) listensLMTP() bool {
	base := d.Conf.Values["base_dir"]
	if base == "" {
		base = "/run/dovecot"
	}
	absolute := func(file string) string {
		if !path.IsAbs(file) {
			file = path.Join(base, file)
		}
		if below, ok := strings.CutPrefix(file, "/var/run/"); ok { // a symbolic link to /run
			return "/run/" + below
		}
		return path.Clean(file)
	}
	names := []string{"lmtp"}
	for _, s := range d.Conf.find("service lmtp") {
		for _, l := range s.find("unix_listener") {
			names = append(names, strings.TrimPrefix(l.Name, "unix_listener "))
		}
	}
	return slices.ContainsFunc(names, func(n string) bool { return absolute(n) == absolute(d.LMTP) })
}

func checkDovecotDelimiter() Check {
	return Check{
		Name: "dovecot-delimiter", Group: "dovecot",
		Text: "recipient_delimiter of dovecot.conf differs from lookup.recipient_delimiter: mail with an extension is refused, or delivered elsewhere.",
		Do:   "Give both the same value.",
		look: ofDovecot(func(r *run, d *Dovecot) {
			got, set := d.Conf.Values["recipient_delimiter"]
			if !set {
				got = "+" // Dovecot's default
			}
			if got != d.Delimiter {
				r.say(Error, "recipient_delimiter", "recipient_delimiter = "+d.Delimiter+" in dovecot.conf, then doveadm reload", "Dovecot has %q, vmapd has %q (lookup.recipient_delimiter)", got, d.Delimiter)
			}
		}),
	}
}

func checkDovecotUID() Check {
	return Check{
		Name: "dovecot-uid", Group: "dovecot",
		Text: "The user that mail belongs to (dovecot.uid) is outside first_valid_uid and last_valid_uid: no login works, no mail is delivered.",
		Do:   "Set first_valid_uid and last_valid_uid.",
		look: ofDovecot(func(r *run, d *Dovecot) {
			first, err := strconv.Atoi(d.Conf.Values["first_valid_uid"])
			if err != nil {
				first = 500 // Dovecot's default
			}
			last, _ := strconv.Atoi(d.Conf.Values["last_valid_uid"]) // 0: no limit
			if d.Want != nil && (d.UID < first || last != 0 && d.UID > last) {
				r.say(Error, "first_valid_uid", fmt.Sprintf("first_valid_uid = %d and last_valid_uid = %[1]d in dovecot.conf, then doveadm reload", d.UID), "vmapd gives mail to user %d (dovecot.uid), Dovecot takes %d to %d alone", d.UID, first, last)
			}
		}),
	}
}

func checkDovecotCache() Check {
	return Check{
		Name: "dovecot-cache", Group: "dovecot",
		Text: "Dovecot's auth service keeps answers: a changed password or a disabled account counts only when they are forgotten, after an hour by default.",
		Do:   "Set auth_cache_size to 0: vmapd answers from memory.",
		look: ofDovecot(func(r *run, d *Dovecot) {
			if size := d.Conf.Values["auth_cache_size"]; d.Want != nil && d.Route() == DictRoute && size != "" && strings.Trim(size, "0 BkM") != "" {
				r.say(Info, "auth_cache_size", "auth_cache_size = 0 in dovecot.conf, then doveadm reload", "it is %s: what changes in the database counts late", size)
			}
		}),
	}
}
