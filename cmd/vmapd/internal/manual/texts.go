package manual

// tagged is a paragraph with a tag before it.
type tagged struct{ tag, text string }

const programText = `vmapd answers the lookups of a Postfix mail host, and those of Dovecot, from memory. It reads the accounts from a database with the tables of Modoboa - PostgreSQL, MySQL or MariaDB, or an embedded SQLite - and follows its changes.

The daemon is ` + "`vmapd serve`" + `; all other commands ask it, change the database, or print configuration for its peers. Without a configuration file the built-in defaults hold: an embedded database in the state folder, and sockets in the run folder.`

var exitStatuses = []tagged{
	{"0", "Yes, or done."},
	{"1", "No, not found, or differences were found."},
	{"2", "A mistake in the command or in the configuration."},
	{"75", "It cannot say now: try again."},
}

var programSections = []struct {
	title string
	items []tagged
}{
	{"Signals", []tagged{
		{"SIGHUP", "The daemon reads the configuration and the whole database again."},
		{"SIGUSR2", "The daemon starts the program again and hands its sockets and connections over: a restart that nobody notices."},
		{"SIGTERM", "The daemon answers what it was asked, and ends."},
	}},
	{"Environment", []tagged{
		{"STATE_DIRECTORY, RUNTIME_DIRECTORY", "The state folder and the run folder, as systemd sets them."},
	}},
	{"Files", []tagged{
		{"/etc/vmapd/vmapd.toml", "The configuration; it may be missing."},
		{"/var/lib/vmapd", "The state folder: the embedded database, DKIM keys, the copy of the data that is served after a start (snapshot), what mail servers reported and the database has not yet (spool.db), known places of logins (guard), the control socket."},
		{"/run/vmapd", "Sockets, where the configuration names none elsewhere."},
	}},
}

const settingsText = `The file is TOML. Every setting may be left out and has its default then, which is shown here. An unknown setting or a bad value is an error that names file, line and column: ` + "`vmapd config check`" + `. SIGHUP makes the daemon read the file again; settings that need a restart are named in its log.

Durations are written as "1h30m", "20s" or "500ms".`
