//go:build bench

package main_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// imapServices let login and mail processes stay, for all alike: else starting
// processes would be most of what is measured.
const imapServices = `service imap-login {
  service_count = 0
  process_min_avail = 2
}
service imap {
  service_count = 100000
  process_min_avail = 8
}
`

// noLastLogin leaves last logins out of a configuration of "vmapd doveconf".
const noLastLogin = "protocol imap {\n  mail_plugins = quota quota_clone imap_quota\n}\n"

// lastLoginScript has Dovecot run the script that Modoboa's manual gives for last
// logins, after each.
func (h *benchHost) lastLoginScript(t *testing.T, d *dovetest.Dovecot) string {
	t.Helper()
	script := filepath.Join(d.Conf, "postlogin.sh")
	text := fmt.Sprintf("#!/bin/sh\npsql '%s' -c \"UPDATE core_user SET last_login=now() WHERE username='$USER'\" > /dev/null\nexec \"$@\"\n", h.url)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("service imap {\n  executable = imap imap-postlogin\n}\nservice imap-postlogin {\n  executable = script-login %s\n  unix_listener imap-postlogin {\n    mode = 0666\n  }\n}\n", script)
}

// mustHaveLastLogins fails the test if the script does nothing.
func (h *benchHost) mustHaveLastLogins(t *testing.T) {
	t.Helper()
	var n int
	err := dbtest.Open(t, h.url, db.Options{}).QueryRow("SELECT count(*) FROM core_user WHERE last_login IS NOT NULL").Scan(&n)
	if err != nil || n == 0 {
		t.Fatalf("%d last logins in the database: %v", n, err)
	}
}

// imapSide is a Dovecot, and how many sessions a second it had in each round.
type imapSide struct {
	*dovetest.Dovecot
	rates samples
}

// over gives the ratio of each round.
func (s *imapSide) over(base samples) (ratios samples) {
	for round, rate := range s.rates {
		ratios = append(ratios, rate/base[round])
	}
	return ratios
}

// benchIMAP compares how many real IMAP sessions begin in a second, with Dovecot's
// own logins by SQL and with both routes to vmapd: where nobody keeps the time of the
// last login, and where both do. The target is what Dovecot differs from itself by in
// the same run.
func benchIMAP(t *testing.T, h *benchHost, r *report) {
	const clients, lasts, rounds = 8, 2 * time.Second, 7
	users := h.size.mailboxesOf(500, 500)[:64]
	settings := func(more string) dovetest.Settings {
		return dovetest.Settings{Submission: true, More: imapServices + more}
	}
	var sides []*imapSide
	add := func(d *dovetest.Dovecot) *imapSide {
		s := &imapSide{Dovecot: d}
		sides = append(sides, s)
		sessions(t, d, users, clients, lasts) // makes the folders
		return s
	}
	routed := func(route, more string) *imapSide {
		v := newDovecotHost(t, h.binary, route, h.url, quiet)
		v.startAs(t, settings(more))
		return add(v.Dovecot)
	}

	own, scripted := newSQLDovecot(t, h.url), newSQLDovecot(t, h.url)
	own.Start(settings(""))
	scripted.Start(settings(h.lastLoginScript(t, scripted)))
	sql, again, script := add(own), add(own), add(scripted)
	h.mustHaveLastLogins(t) // vmapd has reported none yet
	var without, recording []*imapSide
	for _, route := range routes() {
		without, recording = append(without, routed(route, noLastLogin)), append(recording, routed(route, ""))
	}

	for round := range rounds {
		for i := range sides { // nobody is always the first
			s := sides[(i+round)%len(sides)]
			s.rates = append(s.rates, sessions(t, s.Dovecot, users, clients, lasts))
		}
	}

	var base samples // of Dovecot with SQL, measured twice
	for round := range rounds {
		base = append(base, (sql.rates[round]+again.rates[round])/2)
	}
	t.Logf("IMAP sessions/s: Dovecot with SQL %.0f, with a script for last logins %.0f", base.median(), script.rates.median())
	noise := again.over(sql.rates)
	r.tell("IMAP sessions/s: Dovecot with SQL against itself (noise)", "%.2f", noise)
	low, high := noise.quartiles()
	for i, route := range routes() {
		t.Logf("IMAP sessions/s: %s route %.0f, with last logins %.0f", route, without[i].rates.median(), recording[i].rates.median())
		name := "IMAP sessions/s: " + route + " route"
		r.atLeast(name+" ÷ Dovecot's own with SQL, but for that noise", "%.2f", without[i].over(base), min(1, low, 1/high))
		r.atLeast(name+" ÷ Dovecot's own with SQL, both with last logins", "%.1f", recording[i].over(script.rates), 1)
		r.tell(name+" with last logins ÷ Dovecot's own with SQL, without", "%.2f", recording[i].over(base))
	}
}

// sessions returns how many sessions some clients had in a second.
func sessions(t *testing.T, d *dovetest.Dovecot, users []string, clients int, lasts time.Duration) float64 {
	t.Helper()
	counts, errs := make([]int, clients), make([]error, clients)
	var all sync.WaitGroup
	began := time.Now()
	for i := range clients {
		all.Go(func() {
			for n := i; time.Since(began) < lasts && errs[i] == nil; n += clients {
				errs[i] = d.LogInAndOut(users[n%len(users)], "secret")
				counts[i]++
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range counts {
		n += c
	}
	return float64(n) / took.Seconds()
}
