package doctor

// OutsideProblem is a setting of passwords that are kept elsewhere which cannot
// work, or should not.
type OutsideProblem struct {
	Fatal        bool
	Setting      string
	Text, Remedy string
}

// OutsideServer is a server that knows passwords.
type OutsideServer struct {
	Source string // ldap or smtp
	Server string // host:port
	Error  string // why it is not asked
}

func checkOutsideSettings() Check {
	return Check{
		Name: "outside-settings", Group: "outside",
		Text: "Settings of passwords that are kept elsewhere (LDAP, SMTP) that cannot work, or let passwords be read on the way.",
		Do:   "Correct Modoboa's parameter of this name, or the section [outside] of vmapd.toml.",
		look: look{host: func(r *run, h *Host) {
			for _, p := range h.Outside {
				l := Warning
				if p.Fatal {
					l = Error
				}
				r.say(l, p.Setting, p.Remedy, "%s", p.Text)
			}
		}},
	}
}

func checkOutsideDown() Check {
	return Check{
		Name: "outside-down", Group: "outside",
		Text: "A server that knows passwords does not answer the daemon, or not as it should: logins of the accounts that it knows are put off.",
		Do:   "See the server, and the settings by which it is asked; it is asked again every few seconds.",
		look: ofDaemon(func(r *run, d *Daemon) {
			for _, s := range d.OutsideDown {
				r.say(Error, s.Source+" "+s.Server, "start the server, or correct how it is asked (docs/outside-accounts.md)", "it is out of service: %s", s.Error)
			}
		}),
	}
}
