package doctor

import (
	"strings"
	"time"
)

func checkDaemon() Check {
	return Check{
		Name: "daemon-down", Group: "daemon",
		Text: "No vmapd runs here, it does not answer, or it is not ready to: Postfix and Dovecot put off what they ask.",
		Do:   "Start it (systemctl start vmapd), and see what its log says.",
		look: look{host: func(r *run, h *Host) {
			switch d := h.Daemon; {
			case d == nil:
			case d.Hidden:
				r.say(Info, "vmapd", "run vmapd doctor as root", "the daemon may not be asked: %s", d.Error)
			case d.Error != "":
				r.say(Error, "vmapd", "systemctl start vmapd; journalctl -u vmapd says why it ended", "the daemon does not answer: %s", d.Error)
			case d.NotReady != "":
				r.say(Error, "vmapd", "see \"vmapd status\", and database-down", "the daemon is not ready: %s", d.NotReady)
			}
		}},
	}
}

func checkDatabase() Check {
	return Check{
		Name: "database-down", Group: "daemon",
		Text: "The database cannot be read: what is served stays as it was, and nothing that Dovecot reports gets there.",
		Do:   "Start the database, or correct [database] in vmapd.toml.",
		look: look{host: func(r *run, h *Host) {
			const remedy = "start the database server, or correct database.url and database.password_file in vmapd.toml"
			switch {
			case h.Away != nil:
				r.say(Error, "database", remedyOf(h.Away, remedy), "the database cannot be read: %v", h.Away)
			case h.answers() && !h.Daemon.DatabaseUp:
				r.say(Error, "database", remedy, "the daemon cannot read the database: %s", h.Daemon.DatabaseError)
			}
		}},
	}
}

// answers reports whether a daemon has told of itself.
func (h *Host) answers() bool { return h.Daemon != nil && h.Daemon.Error == "" }

// ofDaemon makes a check of what the daemon tells of itself, which has nothing to
// look at where it does not answer.
func ofDaemon(f func(*run, *Daemon)) look {
	return look{host: func(r *run, h *Host) {
		if h.answers() {
			f(r, h.Daemon)
		}
	}}
}

// oldAge is the age from which data is called old. Changes are followed within
// seconds, and without capture everything is read again within minutes.
const oldAge = 10 * time.Minute

func checkAge() Check {
	return Check{
		Name: "data-age", Group: "daemon",
		Text: "What the daemon serves has not been known to equal the database for more than ten minutes.",
		Do:   "Start the database, or have everything read again (vmapd reload), which says what is in the way.",
		look: ofDaemon(func(r *run, d *Daemon) {
			if d.Age < oldAge && !d.Stale {
				return
			}
			l, text := Warning, "what is served was true %s ago"
			if d.Stale {
				l, text = Error, "the data was true %s ago, which is too old to be served (database.max_stale): everything is put off"
			}
			r.say(l, "data", "vmapd reload", text, d.Age.Round(time.Second))
		}),
	}
}

func checkFollowing() Check {
	return Check{
		Name: "changes-followed", Group: "daemon",
		Text: "Changes are not followed: everything is read again and again, and a change is served after that; or changes were missed, which an audit found.",
		Do:   "Install change capture (vmapd db install-triggers), or see why it fails (vmapd db status).",
		look: ofDaemon(func(r *run, d *Daemon) {
			switch {
			case !d.DatabaseUp:
			case d.FollowError != "":
				r.say(Warning, "change capture", "vmapd db status says what is wrong with the triggers; vmapd db install-triggers makes them again", "changes are not followed: %s", d.FollowError)
			case !d.Following:
				r.say(Info, "change capture", "vmapd db install-triggers", "changes are not followed: everything is read again and again, and a change is served only after that")
			}
			if d.Missed > 0 {
				r.say(Warning, "audit", "see the log for which, and whether the triggers are whole (vmapd db status); they have been repaired", "%d changes had been missed since the start", d.Missed)
			}
		}),
	}
}

func checkSpool() Check {
	return Check{
		Name: "spool", Group: "daemon",
		Text: "Quota figures and last logins that do not reach the database: writing fails, the database refused some, or the file that keeps them was damaged.",
		Do:   "See what the database says in the finding, and in the log.",
		look: ofDaemon(func(r *run, d *Daemon) {
			if d.SpoolError != "" {
				r.say(Warning, "writing", "let the database user write to admin_quota and core_user; what is kept is written as soon as that works", "%d writes wait for the database: %s", d.SpoolPending, d.SpoolError)
			}
			if d.SpoolDead > 0 {
				r.say(Warning, "refused writes", "see the log for the reason (journalctl -u vmapd)", "the database refused %d writes, which were set aside", d.SpoolDead)
			}
			if d.SpoolDamaged != "" {
				r.say(Error, d.SpoolDamaged, "see whether the disk is well; then delete the file, and have Dovecot count again (doveadm quota recalc -A)", "the spool was damaged, and moved there: what it held is lost to the database")
			}
		}),
	}
}

func checkRunning() Check {
	return Check{
		Name: "daemon-config", Group: "daemon",
		Text: "The running daemon is of another version, or has another configuration file, than the command that looks.",
		Do:   "Restart the daemon, or give the command the daemon's file (-c).",
		look: ofDaemon(func(r *run, d *Daemon) {
			if d.Version != d.WantVersion {
				r.say(Info, "version", "systemctl kill --kill-whom=main --signal=USR2 vmapd, or systemctl restart vmapd", "the daemon is version %s, this program is %s", d.Version, d.WantVersion)
			}
			if d.Config != d.WantConfig {
				r.say(Info, "configuration", "vmapd doctor -c "+orDefaults(d.Config), "the daemon runs with %s, this command looked at %s", orDefaults(d.Config), orDefaults(d.WantConfig))
			}
		}),
	}
}

func orDefaults(file string) string {
	if file == "" {
		return "built-in defaults"
	}
	return file
}

func checkKeyRecords() Check {
	return Check{
		Name: "dkim-dns", Group: "daemon",
		Text: "Keys that sign, whose record in DNS is missing or is that of another key, as far as the daemon has asked: what they sign fails at every verifier.",
		Do:   "Publish the record that \"vmapd dkim dns DOMAIN\" prints; \"vmapd dkim check\" asks again.",
		look: ofDaemon(func(r *run, d *Daemon) {
			for _, k := range d.KeysWrong {
				r.say(Error, k.Name, "publish what \"vmapd dkim dns "+domainOfKey(k.Name)+"\" prints, then: vmapd dkim check "+domainOfKey(k.Name), "%s", k.Detail)
			}
		}),
	}
}

// domainOfKey takes the domain out of SELECTOR._domainkey.DOMAIN.
func domainOfKey(name string) string {
	if _, domain, ok := strings.Cut(name, "._domainkey."); ok {
		return domain
	}
	return name
}
