package dbtest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/vmapd/vmapd/internal/peers"
	"github.com/vmapd/vmapd/store/db"
)

// shared holds the servers of this test process. It is package state on
// purpose: it stands for processes, of which there are to be few.
var shared struct {
	sync.Mutex
	servers map[string]*Server
	errs    map[string]error
}

// Postgres returns the PostgreSQL server that all tests of the process share.
func Postgres(t testing.TB) *Server { return sharedServer(t, "postgres", &postgres{}) }

// MariaDB returns the MariaDB server that all tests of the process share.
func MariaDB(t testing.TB) *Server { return sharedServer(t, "mariadb", &mariadb{}) }

func sharedServer(t testing.TB, name string, k kind) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.servers == nil {
		shared.servers, shared.errs = map[string]*Server{}, map[string]error{}
	}
	if shared.servers[name] == nil && shared.errs[name] == nil {
		shared.servers[name], shared.errs[name] = start(k)
	}
	need(t, shared.errs[name])
	return shared.servers[name]
}

// NewPostgres starts a PostgreSQL server for this test alone.
func NewPostgres(t testing.TB) *Server { t.Helper(); return own(t, &postgres{}) }

// NewMariaDB starts a MariaDB server for this test alone.
func NewMariaDB(t testing.TB) *Server { t.Helper(); return own(t, &mariadb{}) }

func own(t testing.TB, k kind) *Server {
	t.Helper()
	s, err := start(k)
	need(t, err)
	t.Cleanup(s.close)
	return s
}

// Each runs f once per engine, as subtests "sqlite", "postgres" and "mariadb",
// each with the URL of an empty database of its own. SQLite is always there.
func Each(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, Postgres(t).NewDatabase(t)) })
	t.Run("mariadb", func(t *testing.T) { f(t, MariaDB(t).NewDatabase(t)) })
}

// SQLite returns the URL of a file that does not exist yet, in a directory
// that goes with the test.
func SQLite(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "vmapd.db")
}

// Main runs the tests and then ends the shared servers, and returns the exit
// code for os.Exit.
func Main(m *testing.M) int {
	defer StopShared()
	return m.Run()
}

// StopShared ends the shared servers; tests that come later get new ones.
func StopShared() {
	shared.Lock()
	defer shared.Unlock()
	for name, s := range shared.servers {
		if s != nil {
			s.close()
		}
		delete(shared.servers, name)
	}
}

// missingError says that a server's programs are not installed.
type missingError struct{ what, debian string }

func (e *missingError) Error() string {
	return fmt.Sprintf("%s is not installed: apt-get install --no-install-recommends %s", e.what, e.debian)
}

// need skips the test for missing programs, unless they are required, and
// fails it for any other error.
func need(t testing.TB, err error) {
	t.Helper()
	var missing *missingError
	if err != nil && !errors.As(err, &missing) {
		t.Fatal(err)
	}
	peers.Need(t, err)
}

// Open opens url and closes it when the test ends.
func Open(t testing.TB, url string, o db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// Exec runs statements on d and fails the test at the first error.
func Exec(t testing.TB, d *db.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := d.ExecContext(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
