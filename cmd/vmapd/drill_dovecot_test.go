//go:build drill

package main_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/internal/sdtest"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestDovecotDrills holds drills under a load of logins, deliveries and lookups
// through a real Dovecot, on both routes. What clients were told is logged.
func TestDovecotDrills(t *testing.T) {
	dovetest.Require(t)
	binary := drill.Binary(t)
	server := dbtest.NewPostgres(t)
	for _, route := range routes() {
		host := func(t *testing.T) *dovecotHost {
			url := server.NewDatabase(t)
			fillLogins(t, url)
			h := newDovecotHost(t, binary, route, url, "")
			h.v.Run(t, "db", "install-triggers")
			return h
		}
		t.Run(route+"/ten hand-overs", func(t *testing.T) {
			h := host(t)
			h.start(t)
			l := h.newLoad(t)
			for range 10 {
				l.await(t, 10)
				succeed(t, h.v)
			}
			l.await(t, 10)
			l.judge(t, nil)
			// Who keeps a connection, and asked once: Dovecot's own timers.
			time.Sleep(40 * time.Second)
			if got := h.IMAP(t).Login("ann@home.test", "secret"); !strings.HasPrefix(got, "OK") {
				t.Errorf("after a while: %s", got)
			}
		})
		t.Run(route+"/database killed, then hanging", func(t *testing.T) {
			h := host(t)
			h.start(t)
			l := h.newLoad(t)
			l.await(t, 10)
			for _, fault := range []struct {
				name       string
				begin, end func() error
			}{
				{"killed", server.Kill, server.Start},
				{"hangs", server.Pause, server.Resume},
			} {
				if err := fault.begin(); err != nil {
					t.Fatal(err)
				}
				drill.Await(t, time.Minute, "it is noticed that the database "+fault.name, func() bool { return h.v.Metric(t, "vmapd_database_up") == 0 })
				l.await(t, 10)
				succeed(t, h.v)
				l.await(t, 10)
				if err := fault.end(); err != nil {
					t.Fatal(err)
				}
				drill.Await(t, time.Minute, "the database is back", func() bool { return h.v.Metric(t, "vmapd_database_up") == 1 })
			}
			l.judge(t, nil)
		})
		t.Run(route+"/restarted by systemd", func(t *testing.T) {
			h := host(t)
			h.holdSockets(t)
			h.start(t)
			l := h.newLoad(t)
			for range 5 {
				l.await(t, 5)
				h.restart(t)
			}
			l.await(t, 5)
			l.judge(t, nil)
			if n := h.v.Systemd.Kept(); n != 0 {
				t.Errorf("systemd still keeps %d descriptors", n)
			}
		})
		t.Run(route+"/ended and started, sockets held", func(t *testing.T) {
			h := host(t)
			h.holdSockets(t)
			h.v.Systemd.NoStore.Store(true)
			h.start(t)
			l := h.newLoad(t)
			for range 3 {
				l.await(t, 5)
				h.restart(t)
			}
			l.await(t, 5)
			// One process is gone before the next one comes, so connections are
			// closed: what Dovecot makes of that is for the moment. A login whose
			// question was on its way is told that the password is wrong, by
			// Dovecot 2.3 itself.
			l.judge(t, map[string][]string{
				"IMAP":         {"NO [UNAVAILABLE]", "closed: ", "NO [AUTHENTICATIONFAILED]"},
				"POP3":         {"-ERR [SYS/TEMP]", "closed: ", "-ERR [AUTH]"},
				"LMTP":         {"451 "},
				"SASL":         {"454 "},
				"quota-status": {"action=DEFER_IF_PERMIT"},
				"doveadm user": {"75 "},
			})
		})
	}
}

// TestDovecotLists has "doveadm user '*'" list 100,000 mailboxes, on both routes,
// and by Dovecot's own queries for comparison. Where Dovecot's own auth service is
// asked, some lists take a minute more, whatever is behind it: its worker and it
// wait for each other, with no byte under way anywhere.
func TestDovecotLists(t *testing.T) {
	dovetest.Require(t)
	binary := drill.Binary(t)
	url := dbtest.Postgres(t).NewDatabase(t)
	size := drillSize{domains: 500, mailboxes: 200}
	fillDrill(t, url, size)
	var want []string
	for d := 1; d <= size.domains; d++ {
		for m := 1; m <= size.mailboxes; m++ {
			want = append(want, fmt.Sprintf("u%d@d%d.drill.test", m, d))
		}
	}
	slices.Sort(want)
	list := func(t *testing.T, d *dovetest.Dovecot) {
		t.Helper()
		for range 2 {
			began := time.Now()
			out, status := d.Doveadm("user", "*")
			t.Logf("%d bytes in %v", len(out), time.Since(began).Round(time.Millisecond))
			got := strings.Fields(out)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("status %d, %d names, want %d:\n%.2000s", status, len(got), len(want), cmp.Diff(want, got))
			}
		}
	}
	for _, route := range routes() {
		t.Run(route, func(t *testing.T) {
			h := newDovecotHost(t, binary, route, url, "")
			h.start(t)
			list(t, h.Dovecot)
		})
	}
	t.Run("Modoboa's SQL", func(t *testing.T) {
		d := newSQLDovecot(t, url)
		d.Start(dovetest.Settings{})
		list(t, d)
	})
}

// restart ends the daemon and starts it again.
func (h *dovecotHost) restart(t *testing.T) {
	t.Helper()
	h.v.Stop(t)
	h.v.Start(t)
}

// holdSockets has systemd own the sockets for Dovecot.
func (h *dovecotHost) holdSockets(t *testing.T) {
	t.Helper()
	h.v.Systemd = sdtest.New(t, nil)
	for _, protocol := range []string{"dict", "auth", "auth-master"} {
		holdSocket(t, h.v, protocol, h.socket(protocol))
	}
}

// holdSocket has systemd own a socket, and the configuration say so.
func holdSocket(t *testing.T, v *drill.Vmapd, name, path string) {
	t.Helper()
	v.Systemd.Listen(name, path)
	section := regexp.MustCompile(`address = "unix:` + regexp.QuoteMeta(path) + `"(\n(mode|group) = "[^"]*")*`)
	config := readFile(t, v.Config)
	if !section.MatchString(config) {
		t.Fatalf("no section for %s in\n%s", path, config)
	}
	config = section.ReplaceAllString(config, fmt.Sprintf("address = \"systemd:%s\"", name))
	if err := os.WriteFile(v.Config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}
