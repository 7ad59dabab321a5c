package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// preparations make the worlds of pages that begin with something else than
// accounts and a daemon.
func preparations() map[string]func(w *world, t *testing.T) {
	return map[string]func(w *world, t *testing.T){
		"docs/install.md": func(*world, *testing.T) {}, // nothing is there yet
		"docs/import.md":  (*world).withFiles,
		"docs/alarms.md":  (*world).withAlarm,
		"docs/guard.md":   (*world).withGuesses,
	}
}

// results look whether what a page has told its reader to do has been done, where
// the exit status does not say it.
func results() map[string]func(w *world, t *testing.T) {
	return map[string]func(w *world, t *testing.T){
		"docs/restart.md": func(w *world, t *testing.T) {
			drill.Await(t, time.Minute, "another process has taken over", func() bool {
				return strings.Contains(w.Log(t), "serving in place of the process before") && w.Ready()
			})
		},
		"docs/api.md": func(w *world, t *testing.T) {
			if out, _ := w.sh(t, "vmapd lookup aliases info@example.org info@example.net"); out != "info@example.org\tann@example.org\ninfo@example.net\tcarol@example.net,ann@example.org\n" {
				t.Error(out)
			}
		},
	}
}

// withFiles has a CSV file to import, and a database of PostfixAdmin.
func (w *world) withFiles(t *testing.T) {
	w.initialized(t)
	w.Start(t)
	w.AwaitReady(t)
	write(t, filepath.Join(w.root, "accounts.csv"), strings.ReplaceAll(accounts, "example.org;10000", "example.org;0"))
	write(t, filepath.Join(w.root, "root/pfa.password"), "postfix\n")
	server := dbtest.MariaDB(t)
	url := server.NewDatabase(t)
	postfixAdmin(t, url)
	w.replace = append(w.replace, "mysql://postfix@localhost/postfix", strings.Replace(server.NewUser(t, url, "postfix", "postfix"), ":postfix@", "@", 1))
}

// postfixAdmin makes the tables of PostfixAdmin with a domain and a mailbox.
func postfixAdmin(t *testing.T, url string) {
	t.Helper()
	dbtest.Exec(t, dbtest.Open(t, url, db.Options{}),
		"CREATE TABLE domain (domain varchar(255) PRIMARY KEY, maxquota int, quota int, transport varchar(255), backupmx tinyint(1), active tinyint(1))",
		"CREATE TABLE mailbox (username varchar(255) PRIMARY KEY, password varchar(255), name varchar(255), quota bigint, active tinyint(1))",
		"CREATE TABLE alias (address varchar(255) PRIMARY KEY, goto text, active tinyint(1))",
		"INSERT INTO domain VALUES ('example.net', 100, 1000, 'virtual', 0, 1)",
		"INSERT INTO mailbox VALUES ('user@example.net', '{PLAIN}secret', 'User', 104857600, 1)",
		"INSERT INTO alias VALUES ('user@example.net', 'user@example.net', 1)")
}

// withAlarm has an alarm to close.
func (w *world) withAlarm(t *testing.T) {
	w.populated(t)
	dbtest.Exec(t, dbtest.Open(t, w.url, db.Options{}),
		"INSERT INTO admin_alarm (id, title, internal_name, domain_id, mailbox_id) SELECT 12, 'ann@example.org is 97 % full', 'mailbox_full', domain_id, id FROM admin_mailbox WHERE address = 'ann'")
}

// withGuesses: somebody at 192.0.2.7 has tried two passwords.
func (w *world) withGuesses(t *testing.T) {
	w.populated(t)
	c, err := net.Dial("unix", w.root+"/run/vmapd/auth")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	say := "VERSION\t1\t2\nCPID\t100\n"
	for id, guess := range []string{"one", "two"} {
		say += fmt.Sprintf("AUTH\t%d\tPLAIN\tservice=imap\trip=192.0.2.7\tresp=%s\n", id+1, base64.StdEncoding.EncodeToString([]byte("\x00user@example.com\x00"+guess)))
	}
	if _, err := c.Write([]byte(say)); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for lines := bufio.NewScanner(c); refused < 2 && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "FAIL\t") {
			refused++
		}
	}
	if refused < 2 {
		t.Fatalf("%d wrong passwords were refused", refused)
	}
}
