//go:build bench

package main_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// benchDovecot asks Dovecot's own auth service over PostgreSQL, the same over
// vmapd's dict socket, and vmapd in its place: the same questions, over the same
// protocol, in turns.
func benchDovecot(t *testing.T, h *benchHost, r *report) {
	dovetest.Require(t, "2.3.")
	d := dbtest.Open(t, h.url, db.Options{})
	// What hashing costs is the same everywhere, and would hide the rest.
	dbtest.Exec(t, d, "UPDATE core_user SET password = '{PLAIN}secret' WHERE id > 1", "VACUUM ANALYZE core_user")
	sql := newSQLDovecot(t, h.url)
	sql.Start(dovetest.Settings{Submission: true})
	vmapd := newDovecotHost(t, h.binary, "dict", h.url, "")
	vmapd.start(t)
	bySQL, byDict := ownAuth(t, sql), ownAuth(t, vmapd.Dovecot)
	server := &dovecotSite{Dovecot: vmapd.Dovecot, login: vmapd.socket("auth"), master: vmapd.socket("auth-master")}
	for _, q := range []struct {
		name string
		ask  func(*dovecotSite) authLoad
	}{
		{"logins/s", func(s *dovecotSite) authLoad { return authLoad{dovetest.DialLogin, s.login, askPlain, "OK\tuser="} }},
		{"mailboxes/s", func(s *dovecotSite) authLoad { return authLoad{dovetest.DialMaster, s.master, askMailbox, "USER\t"} }},
	} {
		for _, conns := range []int{1, 8} {
			keys := h.size.mailboxKeys(10_000)
			var dict, own samples
			for range 5 {
				x, y, z := q.ask(bySQL).rate(t, keys, conns), q.ask(byDict).rate(t, keys, conns), q.ask(server).rate(t, keys, conns)
				t.Logf("%s, %d connections: Dovecot with SQL %.0f, Dovecot with vmapd's dict %.0f, vmapd itself %.0f", q.name, conns, x, y, z)
				dict, own = append(dict, y/x), append(own, z/x)
			}
			name := fmt.Sprintf("%s, %d connections", q.name, conns)
			r.tell(name+": Dovecot with vmapd's dict ÷ with SQL", "%.2f", dict)
			r.tell(name+": vmapd as auth service ÷ Dovecot's with SQL", "%.1f", own)
		}
	}
}

func askPlain(a *dovetest.Auth, user string) (string, error) { return a.Plain("smtp", user, "secret") }

func askMailbox(a *dovetest.Auth, user string) (string, error) { return a.User("lmtp", user) }

// authLoad is a kind of question to an auth service.
type authLoad struct {
	dial   func(socket string) (*dovetest.Auth, error)
	socket string
	ask    func(a *dovetest.Auth, user string) (string, error)
	want   string // how each answer begins
}

// rate asks for two seconds, with one question in flight on each connection, and
// returns how many were answered in a second. A wrong answer fails the test.
func (l authLoad) rate(t *testing.T, users []string, conns int) float64 {
	t.Helper()
	counts, errs := make([]int, conns), make([]error, conns)
	var all sync.WaitGroup
	began := time.Now()
	for i := range conns {
		all.Go(func() { counts[i], errs[i] = l.run(users, i*len(users)/conns, began.Add(2*time.Second)) })
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

// run is one connection.
func (l authLoad) run(users []string, from int, end time.Time) (n int, err error) {
	a, err := l.dial(l.socket)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	for i := from; time.Now().Before(end); i++ {
		user := users[i%len(users)]
		answer, err := l.ask(a, user)
		if err != nil {
			return n, err
		}
		if !strings.HasPrefix(answer, l.want) {
			return n, fmt.Errorf("%s: %q", user, answer)
		}
		n++
	}
	return n, nil
}
