// Command gendocs writes the documentation that is made from the code: the
// commented configuration file, the lists of lookup tables, of the doctor's
// checks and of metrics, and the files that "vmapd doveconf" prints for the default
// configuration. "make generate" runs it, and a test compares.
//
//	gendocs DOCS DOVECOT
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/doveconf"
	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/lookup"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gendocs DOCS DOVECOT")
		os.Exit(2)
	}
	// The file shows the folders of an installation, not of this shell.
	_ = os.Unsetenv("STATE_DIRECTORY")
	_ = os.Unsetenv("RUNTIME_DIRECTORY")
	for name, text := range map[string]string{"vmapd.toml": daemon.Commented(), "tables.md": tables(), "doctor.md": checks(), "metrics.md": metrics()} {
		write(filepath.Join(os.Args[1], name), text)
	}
	for _, o := range []doveconf.Options{{Version: "2.3", Auth: doveconf.Dict}, {Version: "2.3", Auth: doveconf.Server}, {Version: "2.4", Auth: doveconf.Server}} {
		files, err := doveconf.Render(daemon.Default(), o)
		fail(err)
		for _, f := range files {
			write(filepath.Join(os.Args[2], o.Version+"-"+o.Auth, f.Name), f.Text)
		}
	}
}

func write(file, text string) {
	fail(os.MkdirAll(filepath.Dir(file), 0o755))
	fail(os.WriteFile(file, []byte(text), 0o644))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

func tables() string {
	var b strings.Builder
	b.WriteString("# Lookup tables\n\nMade from the code by `make generate`. Every table is asked for the full key as the client spelled it and takes the steps to the address\n" +
		"without extension, the `@domain`, the domain and its parents by itself. Several values are joined with `,`. `vmapd postconf` prints the lines for main.cf.\n\n" +
		"To ask one:\n\n```console\n$ vmapd lookup aliases info@example.org\ninfo@example.org\tann@example.org,bob@example.org\n```\n")
	for _, t := range lookup.Tables() {
		fmt.Fprintf(&b, "\n## `%s`\n\nFor `%s`. %s\n", t.Name, t.Param, t.Doc)
		names := append([]string{t.Name}, t.Synonyms...)
		for i, n := range names {
			names[i] = "`sql-" + n + "`"
		}
		if len(t.Synonyms) > 0 {
			names = append(names, "`"+strings.Join(t.Synonyms, "`, `")+"`")
		}
		fmt.Fprintf(&b, "\nAlso known as %s.\n", strings.Join(names, ", "))
	}
	return b.String()
}

func metrics() string {
	var b strings.Builder
	b.WriteString("# Metrics\n\nMade from the code by `make generate`. Listeners of protocol `http` show these at `/metrics`, beside those of Go and of the process " +
		"(`go_`, `process_`), to clients on this machine alone: let a Prometheus or an agent there ask.\n\n" +
		"```yaml\nscrape_configs:\n  - job_name: vmapd\n    static_configs:\n      - targets: [\"127.0.0.1:8025\"]\n```\n\n" +
		"No label carries an address. Alerts and a dashboard are in [contrib](../contrib/README.md).\n\n| metric | labels | |\n|---|---|---|\n")
	list, err := daemon.Metrics()
	fail(err)
	for _, m := range list {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.Name, strings.Join(m.Labels, ", "), m.Help)
	}
	return b.String()
}

// groupTexts say what each group of checks looks at.
func groupTexts() map[string]string {
	return map[string]string{
		"aliases":  "Aliases, catch-alls and the aliases that Modoboa makes for mailboxes.",
		"accounts": "Accounts, their passwords and mailboxes.",
		"domains":  "Domains, domain aliases and relay domains.",
		"orphans":  "What renaming and deleting leaves behind.",
		"quota":    "How full mailboxes are, and what domains have promised.",
		"dkim":     "Keys that sign mail.",
		"rows":     "Rows that are not served, or not as they are.",
		"daemon":   "What the running daemon says of itself, on its control socket.",
		"outside":  "Passwords that are kept elsewhere ([outside-accounts.md](outside-accounts.md)).",
		"sockets":  "The unix sockets of the configuration, and the users of Postfix and Dovecot that connect to those which their configurations name.",
		"files":    "The configuration, the state folder and the folder of DKIM keys.",
		"postfix":  "What `postconf` says, held against what `vmapd postconf` prints. `--postfix-config` names the folder of another main.cf.",
		"dovecot":  "What `doveconf -n` says, held against what `vmapd doveconf` prints for that version and route. `--dovecot-config` names another dovecot.conf.",
	}
}

const doctorIntro = `# vmapd doctor

Made from the code by ` + "`make generate`" + `.

` + "`vmapd doctor`" + ` looks for problems in the data, in keys, sockets and permissions, and in how Postfix and Dovecot are wired. It changes nothing, and says of
each problem what to do. Run it as root on the mail host: others may not see all there is to see.

<!-- exits: 0 or 1 -->
` + "```sh" + `
vmapd doctor
vmapd doctor --json
` + "```" + `

` + "```sh" + `
vmapd doctor --only aliases,domains
` + "```" + `

Each finding has a check, a level, a subject (an address, a domain, a file, a parameter), what is wrong with it and a remedy. Errors are mail or
logins that go wrong, or will; warnings work, but not as somebody wants it to; the rest is good to know. 20 subjects of each check and level
are shown, a last line says how many more there are. No finding shows a password, a hash or a key.

| exit status | |
|---|---|
| 0 | nothing is wrong; there may be things to know |
| 1 | an error or a warning was found |
| 2 | no such check, or a configuration that cannot be read |
| 75 | it cannot say: the database is away, and the daemon has kept nothing on disk. What does not need the data is shown all the same |

The data is read from the database now; if that is away, the daemon's copy on disk is looked at. A million mailboxes take some seconds.
`

func checks() string {
	var b strings.Builder
	b.WriteString(doctorIntro)
	for _, group := range doctor.Groups() {
		text, ok := groupTexts()[group]
		if !ok {
			fail(fmt.Errorf("the group %s of checks has no text", group))
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| check | finds | remedy |\n|---|---|---|\n", group, text)
		for _, c := range doctor.Checks() {
			if c.Group == group {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, c.Text, c.Do)
			}
		}
	}
	return b.String()
}
