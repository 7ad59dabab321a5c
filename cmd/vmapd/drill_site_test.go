package main_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/lookup/socketmap"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// drillSite is a database that drills are held at: a server of their own, full
// of rows.
type drillSite struct {
	engine string
	binary string // vmapd
	size   drillSize
	limits drillLimits
	server *dbtest.Server // nil: SQLite
	direct string         // URL, around any proxy
	serial int
}

// drillLimits say how long a drill lasts and what is good enough.
type drillLimits struct {
	hold     time.Duration // how long a fault lasts
	before   time.Duration // how long the rate before it is measured
	recovery time.Duration
	gap      time.Duration // between answers, besides twice what the machine itself slept
	ratio    float64
	again    bool // once more if the machine stalled
}

// newDrillSite starts a server of its own for the engine and fills it.
func newDrillSite(t *testing.T, engine, binary string, size drillSize, limits drillLimits) *drillSite {
	t.Helper()
	s := &drillSite{engine: engine, binary: binary, size: size, limits: limits}
	switch engine {
	case "postgres":
		s.server = dbtest.NewPostgres(t)
		// What is committed must survive a kill, unlike in other tests. The
		// server's command line says otherwise and counts more than its file.
		s.server.Exec(t, "alter role postgres set synchronous_commit = on")
	case "mariadb":
		s.server = dbtest.NewMariaDB(t)
	}
	s.keepCommits(t)
	s.direct = s.newDatabase(t)
	return s
}

// keepCommits makes the server write commits to the system before it confirms
// them. MariaDB forgets the setting when it ends.
func (s *drillSite) keepCommits(t *testing.T) {
	t.Helper()
	if s.engine == "mariadb" {
		s.server.Exec(t, "set global innodb_flush_log_at_trx_commit = 2")
	}
}

// newDatabase makes a full database in which changes are captured, and returns
// its URL.
func (s *drillSite) newDatabase(t *testing.T) string {
	t.Helper()
	var url string
	if s.server == nil {
		url = dbtest.SQLite(t)
	} else {
		url = s.server.NewDatabase(t)
	}
	fillDrill(t, url, s.size)
	s.capture(t, url, "install-triggers")
	return url
}

// capture runs "vmapd db install-triggers", or remove-triggers.
func (s *drillSite) capture(t *testing.T, url, command string) {
	t.Helper()
	if out, err := exec.Command(s.binary, "db", command, "-o", "database.url="+url, "-o", "state_dir="+t.TempDir()).CombinedOutput(); err != nil {
		t.Fatalf("vmapd db %s: %v\n%s", command, err, out)
	}
}

// proxy returns a way to a database that can be cut, and the URL of that way.
func (s *drillSite) proxy(t *testing.T, direct string) (*drill.Proxy, string) {
	t.Helper()
	host := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.server.Port))
	p := drill.NewProxy(t, mailtest.LoopbackAddrs(t, 1)[0], host)
	return p, strings.Replace(direct, host, p.Addr, 1)
}

// start starts the server again, if it does not run, and returns when it
// answers.
func (s *drillSite) start(t *testing.T) {
	t.Helper()
	if s.server == nil || s.server.Running() {
		return
	}
	if err := s.server.Start(); err != nil {
		t.Fatal(err)
	}
	s.keepCommits(t)
}

// exec runs statements on a database, over a connection of their own: the
// server may have been away since the last ones.
func (s *drillSite) exec(t *testing.T, url string, statements ...string) {
	t.Helper()
	d, err := db.Open(url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	dbtest.Exec(t, d, statements...)
}

// change commits a new domain to a database and returns its name.
func (s *drillSite) change(t *testing.T, url string) string {
	t.Helper()
	s.serial++
	name := fmt.Sprintf("new%d.drill.test", s.serial)
	s.exec(t, url, fmt.Sprintf("insert into admin_domain (id, name) values (%d, '%s')", 1_000_000+s.serial, name))
	return name
}

// awaitServed waits until a socket answers a domain with itself, and returns
// how long that took. Until then it may be unknown, but never anything else.
func awaitServed(t *testing.T, socket, name string, limit time.Duration) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	for {
		value, found, err := askOnce(ctx, socket, "domains", name)
		var temp *socketmap.TempError
		switch {
		case err == nil && found && value == name:
			return time.Since(began)
		case ctx.Err() != nil:
			t.Fatalf("%s is not served %v after it was committed", name, limit)
		case err != nil && !errors.As(err, &temp), found:
			t.Fatalf("%s is answered %q, %v", name, value, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func askOnce(ctx context.Context, socket, table, key string) (value string, found bool, err error) {
	nc, err := net.Dial("unix", socket)
	if err != nil {
		return "", false, err
	}
	defer nc.Close()
	return socketmap.NewClient(nc).Lookup(ctx, table, key)
}
