package main_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// loopCases are aliases in domains of their own, D and E, that lead to
// themselves, or seem to.
var loopCases = []struct {
	name    string
	aliases []string // address, then recipients
	to      string   // who gets mail
	loops   bool

	elsewhere bool // other mail to these aliases loops
}{
	{"both keep a copy", []string{"a@D a@D b@D", "b@D a@D"}, "b@D", false, false},
	{"two", []string{"a@D b@D", "b@D a@D"}, "a@D", true, false},
	{"through the second recipient", []string{"a@D far@remote.test b@D", "b@D far@remote.test a@D"}, "a@D", true, false},
	{"an extension goes round", []string{"a@D b+x@D", "b@D a@D"}, "a@D", true, false},
	{"an extension grows", []string{"a@D a@D a+x@D"}, "a@D", true, false},
	{"a catch-all leads to itself", []string{"@D nobody@D", "nobody@D nobody@D"}, "any@D", false, false},
	{"two catch-alls", []string{"@D nobody@E", "@E nobody@D"}, "any@D", true, false},
	{"two domain aliases", []string{"@D @E", "@E @D"}, "any@D", true, false},
	{"not without an extension", []string{"a@D b+x@D", "b+x@D far@remote.test", "b@D a@D"}, "a@D", false, true},
	{"with an extension", []string{"a@D b+x@D", "b+x@D far@remote.test", "b@D a@D"}, "a+y@D", true, false},
	{"a catch-all takes the extension away", []string{"b@D b@D a+x@E", "@E b+x@D"}, "b@D", false, false},
}

// fillLoops writes the cases into a database, and returns the mail for each.
func fillLoops(t *testing.T, d *db.DB) (messages []mailtest.Message) {
	t.Helper()
	ids := 0
	for i, c := range loopCases {
		place := strings.NewReplacer("@D", fmt.Sprintf("@d%d.test", i), "@E", fmt.Sprintf("@e%d.test", i))
		dbtest.Exec(t, d, fmt.Sprintf("insert into admin_domain (id, name, enabled) values (%d, 'd%d.test', true), (%d, 'e%[2]d.test', true)", 2*i+1, i, 2*i+2))
		for _, alias := range c.aliases {
			words := strings.Fields(place.Replace(alias))
			ids++
			dbtest.Exec(t, d, fmt.Sprintf("insert into admin_alias (id, address, domain_id, enabled, internal) values (%d, '%s', %d, true, false)", ids, words[0], 2*i+1))
			for n, to := range words[1:] {
				dbtest.Exec(t, d, fmt.Sprintf("insert into modoboa_admin_aliasrecipient (id, address, alias_id) values (%d, '%s', %d)", 10*ids+n, to, ids))
			}
		}
		messages = append(messages, mailtest.Message{Name: c.name, To: []string{place.Replace(c.to)}})
	}
	return messages
}

// TestDoctorLoopsOfPostfix sends mail to aliases through a real Postfix: it gives
// up where the doctor sees a loop, and nowhere else.
func TestDoctorLoopsOfPostfix(t *testing.T) {
	t.Parallel()
	mailtest.Require(t)
	url, d := emptyDatabase(t)
	messages := fillLoops(t, d)
	p := mailtest.New(t, "loops")
	host := newPatient(t, drill.Binary(t), url, socketSection(p, "vmapd"), filepath.Join(p.Private, "vmapd"))
	mailtest.ListenAuth(t, filepath.Join(p.Private, "auth"), logins) // without one smtpd does not start
	lmtp := mailtest.ListenSink(t, mailtest.SinkOptions{Name: "lmtp", Socket: filepath.Join(p.Private, "dovecot-lmtp"), LMTP: true})
	world := mailtest.ListenSink(t, mailtest.SinkOptions{Name: "smtp"})
	maps := socketMaps()
	maps.OldSenderLogin, maps.Mailboxes = "", "socketmap:unix:private/vmapd:mailboxes" // no probes
	p.Start(mailtest.Config{Maps: maps, World: world.NextHop()})

	seen := map[string]bool{} // by number of the case
	for _, f := range host.diagnose(t, "alias-loop") {
		_, rest, _ := strings.Cut(f.Subject, "@")
		number, _, _ := strings.Cut(rest[1:], ".")
		seen[number] = true
	}
	runner := mailtest.Runner{Postfix: p, Sinks: []*mailtest.Sink{lmtp, world}}
	for i, out := range runner.Run(t, messages) {
		c := loopCases[i]
		if gaveUp := strings.Contains(out.Summary, "data 4"); gaveUp != c.loops {
			t.Errorf("%s: Postfix gives up: %v, want %v: %s %q", c.name, gaveUp, c.loops, out.Summary, out.Replies)
		}
		if want := c.loops || c.elsewhere; seen[fmt.Sprint(i)] != want {
			t.Errorf("%s: the doctor sees a loop: %v, want %v", c.name, seen[fmt.Sprint(i)], want)
		}
	}
}
