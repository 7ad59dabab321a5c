package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestDovecotAsWithSQL puts the same cases to a Dovecot that asks the database
// with Modoboa's queries, to one behind each route to vmapd, and to one that has
// a passwd-file by vmapd alone. What the first answers is what all must answer,
// but for the differences that the cases name.
func TestDovecotAsWithSQL(t *testing.T) {
	t.Parallel()
	dovetest.Require(t)
	binary := drill.Binary(t)
	for name, start := range map[string]func(t *testing.T, binary, url string) *dovecotSite{
		"sql": sqlSite, "dict": dictSite, "server": serverSite, "passwd-file": fileSite,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := dbtest.Postgres(t).NewDatabase(t)
			fillLogins(t, url)
			d := dbtest.Open(t, url, db.Options{})
			dbtest.Exec(t, d,
				"update core_user set password = '{PLAIN}secret' where username = 'admin'",
				"insert into core_user (id, username, email, password) values (201, 'external@home.test', 'external@home.test', '')",
				"insert into admin_mailbox (id, address, domain_id, user_id, quota) values (201, 'external', 1, 201, 5)",
				"insert into admin_alias (address, domain_id, enabled) values ('alias@home.test', 1, true)",
			)
			s := start(t, binary, url)
			s.db = d
			for _, c := range dovecotCases() {
				t.Run(c.name, func(t *testing.T) {
					s.want = c.wantOf(name)
					if got := c.do(t, s); got != s.want {
						t.Errorf("\n got %s\nwant %s", got, s.want)
					}
				})
			}
		})
	}
}

func sqlSite(t *testing.T, _, url string) *dovecotSite {
	d := newSQLDovecot(t, url)
	d.Start(quick())
	return ownAuth(t, d)
}

// ownAuth is a site whose Dovecot has its own auth service.
func ownAuth(t *testing.T, d *dovetest.Dovecot) *dovecotSite {
	s := &dovecotSite{Dovecot: d, login: filepath.Join(d.Dir, "run/auth-client"), master: filepath.Join(d.Dir, "run/auth-master")}
	drill.Await(t, time.Minute, "Dovecot's auth service listens", func() bool { return listening(s.login) && listening(s.master) })
	return s
}

func dictSite(t *testing.T, binary, url string) *dovecotSite {
	h := newDovecotHost(t, binary, "dict", url, "")
	h.startAs(t, quick())
	return ownAuth(t, h.Dovecot)
}

func serverSite(t *testing.T, binary, url string) *dovecotSite {
	h := newDovecotHost(t, binary, "server", url, "")
	h.startAs(t, quick())
	return &dovecotSite{Dovecot: h.Dovecot, login: h.socket("auth"), master: h.socket("auth-master")}
}

// fileSite has a passwd-file, and vmapd does not run.
func fileSite(t *testing.T, binary, url string) *dovecotSite {
	h := newDovecotHost(t, binary, "dict", url, "")
	users := filepath.Join(h.Conf, "users")
	if out, status := h.v.Run(t, "passwd-file", "--output", users); status != 0 {
		t.Fatalf("vmapd passwd-file: status %d\n%s", status, out)
	}
	if err := os.Chmod(users, 0o644); err != nil { // the auth service is not root
		t.Fatal(err)
	}
	text := fmt.Sprintf(readFile(t, "testdata/dovecot/passwd-file.conf"), users, h.Queue)
	if err := os.WriteFile(h.Config(), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h.Start(quick())
	return ownAuth(t, h.Dovecot)
}

// quick lets each login process serve many logins: to start one takes longer than
// all that is asked of it.
func quick() dovetest.Settings {
	s := dovetest.Settings{Submission: true}
	for _, service := range []string{"imap", "pop3", "managesieve", "submission"} {
		s.More += "service " + service + "-login {\n  service_count = 0\n}\nservice " + service + " {\n  service_count = 0\n}\n"
	}
	return s
}
