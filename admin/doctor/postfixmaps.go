package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ofPostfix makes a check of how Postfix is wired, which has nothing to look at
// where there is none.
func ofPostfix(f func(*run, *Postfix)) look {
	return look{host: func(r *run, h *Host) {
		if h.Postfix != nil && h.Postfix.Missing == "" {
			f(r, h.Postfix)
		}
	}}
}

// withData makes a check look at the data besides.
func withData(l look) look {
	l.both = true
	return l
}

func checkPostfixThere() Check {
	return Check{
		Name: "postfix-installed", Group: "postfix",
		Text: "There is no Postfix here, or its configuration cannot be read: its wiring is not looked at.",
		Do:   "Nothing, if Postfix runs elsewhere; else install it, or give --postfix-config.",
		look: look{host: func(r *run, h *Host) {
			if h.Postfix != nil && h.Postfix.Missing != "" {
				r.say(Info, "Postfix", "none needed if Postfix runs on another machine; else give --postfix-config the folder of main.cf", "its wiring cannot be looked at: %s", h.Postfix.Missing)
			}
		}},
	}
}

func checkPostfixSQL() Check {
	return Check{
		Name: "postfix-sql", Group: "postfix",
		Text: "Parameters of main.cf, and options of master.cf, that still ask the database through a SQL map which vmapd replaces. Other SQL maps are good to know of.",
		Do:   "Put vmapd's table in its place, as the finding has it.",
		look: ofPostfix((*run).lookPostfixSQL),
	}
}

func (r *run) lookPostfixSQL(p *Postfix) {
	for _, param := range slices.Sorted(maps.Keys(p.Set)) {
		if param != "proxy_read_maps" { // lists what is asked elsewhere
			r.lookSQLIn(p, param, param, p.Set[param])
		}
	}
	for _, option := range slices.Sorted(maps.Keys(p.Overrides)) {
		r.lookSQLIn(p, option, option[strings.LastIndexByte(option, '/')+1:], p.Overrides[option])
	}
}

func (r *run) lookSQLIn(p *Postfix, subject, param, value string) {
	level, found := Info, []string{}
	for _, w := range words(value) {
		file, ok := sqlMap(w)
		if !ok {
			continue
		}
		found = append(found, w)
		if p.replacement(param, file) != "" {
			level = Warning
		}
	}
	if len(found) == 0 {
		return
	}
	remedy := "none needed, if vmapd has no table for it"
	switch {
	case level == Warning && subject == param:
		remedy = edit(param, p.rewired(param, value))
	case level == Warning:
		remedy = fmt.Sprintf("postconf -P '%s=%s', then postfix reload", subject, p.rewired(param, value))
	}
	r.say(level, subject, remedy, "it still asks the database, with %s", strings.Join(found, ", "))
}

// missing says what comes of a table that main.cf does not name.
func missing(table string) (Level, string) {
	switch table {
	case "domains":
		return Error, "mail for the domains of this host is refused (relay access denied)"
	case "aliases":
		return Error, "aliases and forwards do nothing, and mail for domain aliases is refused"
	case "domain-aliases":
		return Warning, "mail for domain aliases is refused"
	case "relay-domains":
		return Warning, "mail for relay domains is refused"
	case "transport":
		return Warning, "mail for relay domains does not go to their target hosts"
	case "sender-login":
		return Warning, "reject_sender_login_mismatch knows nobody's addresses"
	}
	return Warning, "it has no effect"
}

func checkPostfixMaps() Check {
	return Check{
		Name: "postfix-map", Group: "postfix",
		Text: "Parameters of main.cf that do not name the table of vmapd which they should: domains, aliases, relay domains, transports, logins of senders.",
		Do:   "Set the parameter as the finding has it; \"vmapd postconf\" prints all of them.",
		look: ofPostfix(func(r *run, p *Postfix) {
			for _, m := range p.Maps {
				value := p.Values[m.Param]
				if m.Table == "mailboxes" || p.has(value, m.Name) || p.asksSQL(m.Param) || p.overridden(m.Param, m.Name) {
					continue
				}
				level, effect := missing(m.Table)
				r.say(level, m.Param, edit(m.Param, p.rewired(m.Param, p.Set[m.Param], m.Name)), "%s is not among its tables: %s", m.Name, effect)
			}
		}),
	}
}

// asksSQL reports whether postfix-sql tells of a parameter.
func (p *Postfix) asksSQL(param string) bool {
	return slices.ContainsFunc(words(p.Set[param]), func(w string) bool { _, ok := sqlMap(w); return ok })
}

// overridden reports whether a service of master.cf names a table.
func (p *Postfix) overridden(param, name string) bool {
	for option, value := range p.Overrides {
		if strings.HasSuffix(option, "/"+param) && p.has(value, name) {
			return true
		}
	}
	return false
}

func checkPostfixUnknown() Check {
	return Check{
		Name: "postfix-unknown-users", Group: "postfix",
		Text: "Postfix neither asks for mailboxes (virtual_mailbox_maps) nor probes (reject_unverified_recipient): mail for unknown users is accepted, and bounces to senders who are often forged.",
		Do:   "Set virtual_mailbox_maps to vmapd's table mailboxes.",
		look: ofPostfix(func(r *run, p *Postfix) {
			for _, m := range p.Maps {
				if m.Table != "mailboxes" || p.has(p.Values[m.Param], m.Name) || slices.Contains(words(p.recipientRestrictions()), "reject_unverified_recipient") {
					continue
				}
				r.say(Warning, m.Param, edit(m.Param, p.rewired(m.Param, p.Set[m.Param], m.Name)), "%s is not among its tables, and unknown recipients are not probed: their mail is accepted, and bounces", m.Name)
			}
		}),
	}
}

func (p *Postfix) recipientRestrictions() string {
	return p.Values["smtpd_recipient_restrictions"] + " " + p.Values["smtpd_relay_restrictions"]
}

func checkPostfixAccess() Check {
	return Check{
		Name: "postfix-access", Group: "postfix",
		Text: "The tables maintain and relay-recipient-verification are not asked: mail for a mailbox that is being renamed is delivered to the old folder, recipients of relay domains are not verified.",
		Do:   "Begin smtpd_recipient_restrictions with check_recipient_access and the tables.",
		look: ofPostfix(func(r *run, p *Postfix) {
			var left []string
			for _, m := range p.Access {
				if !p.has(p.recipientRestrictions(), m.Name) && !p.overridden("smtpd_recipient_restrictions", m.Name) {
					left = append(left, "check_recipient_access "+m.Name)
				}
			}
			const param = "smtpd_recipient_restrictions"
			if len(left) == 0 || p.asksSQL(param) {
				return
			}
			value := strings.TrimSpace(strings.Join(left, ", ") + ", " + p.Values[param])
			r.say(Warning, param, edit(param, strings.TrimSuffix(value, ",")), "it lacks %s", strings.Join(left, " and "))
		}),
	}
}
