package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/internal/resolve/dnstest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// world is a small host for one page: a folder that stands for /, a database with
// the accounts that pages talk of, a daemon with all protocols, and a DNS server.
type world struct {
	*drill.Vmapd
	root    string // in place of /
	web     string // host:port in place of 127.0.0.1:8025
	url     string // of the database
	token   string // of the administrator
	replace []string
}

// accounts are those whom pages name.
const accounts = `domain;example.org;10000;500;true
domain;example.com;10000;500;true
account;ann@example.org;{PLAIN}secret;Ann;Example;true;SimpleUsers;ann@example.org;500
account;bob@example.org;{PLAIN}secret;Bob;Example;true;SimpleUsers;bob@example.org;500
account;user@example.com;{PLAIN}secret;User;Example;true;SimpleUsers;user@example.com;500
alias;info@example.org;true;ann@example.org;bob@example.org
`

// worldConfig is their vmapd.toml, but for state_dir and two sockets of drill's.
const worldConfig = `
[dkim]
resolvers = ["DNS"]
[dns]
dnsbl = ["zen.spamhaus.org"]
[alarms]
mail = false
[dovecot]
failure_delay = "0s"
home = "ROOT/srv/vmail/%d/%n"
[mailboxes]
root = "ROOT/srv/vmail"
every = "0s"
[[listen]]
protocol = "http"
address = "inet:WEB"
[[listen]]
protocol = "policy"
address = "unix:ROOT/run/vmapd/policy"
[[listen]]
protocol = "milter"
address = "unix:ROOT/run/vmapd/milter"
[[listen]]
protocol = "dict"
address = "unix:ROOT/run/vmapd/dict"
[[listen]]
protocol = "auth"
address = "unix:ROOT/run/vmapd/auth"
[[listen]]
protocol = "auth-master"
address = "unix:ROOT/run/vmapd/auth-master"
`

// zone is what DNS says of them.
func zone(t *testing.T) string {
	z := dnstest.NewZone(t,
		"soa. 60 IN SOA ns.example.org. hostmaster.example.org. 1 60 60 60 60",
		"example.org. 60 IN MX 10 mail.example.org.", "mail.example.org. 60 IN A 198.51.100.25",
		"2.0.0.127.zen.spamhaus.org. 60 IN A 127.0.0.2")
	z.TXT("example.org", "v=spf1 mx -all")
	z.TXT("_dmarc.example.org", "v=DMARC1; p=reject")
	return dnstest.Serve(t, z)
}

// newWorld makes the host of a page, as the page expects to find it.
func newWorld(t *testing.T, page string) *world {
	t.Helper()
	root, err := os.MkdirTemp("", "docs-") // short: the path of a socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	w := &world{root: root, web: mailtest.LoopbackAddrs(t, 1)[0]}
	for _, folder := range []string{"bin", "etc/postfix", "etc/dovecot", "etc/vmapd", "run/vmapd", "srv/vmail", "usr/local/share/man", "var/lib/vmapd", "var/log", "root"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	state := filepath.Join(root, "var/lib/vmapd")
	w.url = "sqlite:" + state + "/vmapd.db"
	config := strings.NewReplacer("ROOT", root, "DNS", zone(t), "WEB", w.web).Replace(worldConfig)
	w.Vmapd = drill.NewVmapd(t, drill.Binary(t), state, config)
	t.Cleanup(w.endAll)
	w.install(t)
	prepare := (*world).populated
	if p, special := preparations()[page]; special {
		prepare = p
	}
	prepare(w, t)
	return w
}

// install puts a vmapd into the path that knows its configuration file, and that
// is told a password when it asks for one.
func (w *world) install(t *testing.T) {
	t.Helper()
	write(t, filepath.Join(w.root, "password"), "Secret4all\n")
	script := fmt.Sprintf("#!/bin/sh\nif [ /dev/stdin -ef /dev/null ]; then exec '%s' \"$@\" -c '%s' <'%s/password'; fi\nexec '%[1]s' \"$@\" -c '%[2]s'\n", w.Binary, w.Config, w.root)
	program := filepath.Join(w.root, "bin", "vmapd")
	write(t, program, script)
	if err := os.Chmod(program, 0o700); err != nil {
		t.Fatal(err)
	}
}

// initialized makes the tables.
func (w *world) initialized(t *testing.T) *db.DB {
	t.Helper()
	d := dbtest.Open(t, w.url, db.Options{})
	who, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.token = who.Token
	return d
}

// populated makes the accounts, and starts the daemon.
func (w *world) populated(t *testing.T) {
	t.Helper()
	d := w.initialized(t)
	if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(accounts), modoboa.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	w.Start(t)
	w.AwaitReady(t)
}

// here puts this world's places into the commands of a page.
func (w *world) here(script string) string {
	script = strings.NewReplacer(append(w.replace, "/etc/vmapd/vmapd.toml", w.Config, "127.0.0.1:8025", w.web)...).Replace(script)
	return regexp.MustCompile(`(^|[\s"'=:(])/(etc|root|run|srv|usr/local|var)/`).ReplaceAllString(script, "$1"+w.root+"/$2/")
}

// there is the other way, for what commands print.
func (w *world) there(out string) string {
	return strings.NewReplacer(w.Config, "/etc/vmapd/vmapd.toml", w.web, "127.0.0.1:8025", w.root+"/", "/").Replace(out)
}

// environ is what a reader has in his shell.
func (w *world) environ() []string {
	return append(os.Environ(), "PATH="+w.root+"/bin:"+os.Getenv("PATH"), "HOME="+w.root+"/root", "MAIL_CONFIG="+w.root+"/etc/postfix", "TOKEN="+w.token)
}

// endAll ends the processes of this world, also one that is about to take the
// place of another.
func (w *world) endAll() {
	for quiet := 0; quiet < 3; quiet++ {
		all, _ := filepath.Glob("/proc/[1-9]*/cmdline")
		for _, file := range all {
			if args, err := os.ReadFile(file); err == nil && strings.Contains(string(args), w.Config) {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
				_ = syscall.Kill(pid, syscall.SIGKILL)
				quiet = 0
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}
