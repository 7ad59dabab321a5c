package dbtest

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store/db"
)

// standby is a PostgreSQL server that follows another.
type standby struct {
	postgres
	primary *Server
}

// NewStandby starts a standby of a PostgreSQL server, for this test alone.
func NewStandby(t testing.TB, primary *Server) *Server {
	t.Helper()
	return own(t, &standby{primary: primary})
}

func (p *standby) create(s *Server) ([]*exec.Cmd, error) {
	s.Dialect, s.Socket = db.PostgreSQL, s.Dir
	return []*exec.Cmd{exec.Command(filepath.Join(p.bin, "pg_basebackup"), "-h", "127.0.0.1", "-p", strconv.Itoa(p.primary.Port),
		"-U", "postgres", "-D", p.data(s), "-R", "-X", "stream", "-c", "fast")}, nil
}

// URLOn returns the URL of the same database on another server.
func URLOn(url string, from, to *Server) string {
	return strings.Replace(url, ":"+strconv.Itoa(from.Port)+"/", ":"+strconv.Itoa(to.Port)+"/", 1)
}
