package dbtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/vmapd/vmapd/store/db"
)

type postgres struct{ bin string }

func (p *postgres) find() error {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, d := range dirs { // the last one is the newest
		if _, err := os.Stat(filepath.Join(d, "initdb")); err == nil {
			p.bin = d
		}
	}
	if p.bin == "" {
		return &missingError{"PostgreSQL", "postgresql"}
	}
	return nil
}

func (p *postgres) account() string { return "postgres" }

func (p *postgres) data(s *Server) string { return filepath.Join(s.Dir, "data") }

func (p *postgres) create(s *Server) ([]*exec.Cmd, error) {
	s.Dialect, s.Socket = db.PostgreSQL, s.Dir
	if os.Getuid() == 0 {
		if _, _, ok := idsOf(p.account()); !ok {
			return nil, errors.New("dbtest: PostgreSQL does not run as root and there is no user postgres")
		}
	}
	// Members of needs_password are asked for theirs, everybody else is not.
	hba := "host all +needs_password all scram-sha-256\nlocal all +needs_password scram-sha-256\nlocal all all trust\nhost all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n"
	return []*exec.Cmd{
		exec.Command(filepath.Join(p.bin, "initdb"), "-D", p.data(s), "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"),
		exec.Command("/bin/sh", "-c", `printf %s "$1" >"$2/pg_hba.conf"; echo 'create role needs_password' | "$0/postgres" --single -D "$2" postgres`, p.bin, hba, p.data(s)),
	}, nil
}

func (p *postgres) command(s *Server) *exec.Cmd {
	return exec.Command(filepath.Join(p.bin, "postgres"), "-D", p.data(s), "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-k", s.Socket,
		"-F", "-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "wal_level=logical", "-c", "max_connections=50",
		"-c", "shared_buffers=64MB", "-c", "logging_collector=off", "-c", "autovacuum=off", "-c", "max_wal_size=4GB")
}

// SIGQUIT: the immediate shutdown, which also ends all children.
func (p *postgres) stopSignal() syscall.Signal { return syscall.SIGINT }

func (p *postgres) adminURL(s *Server, database string) string {
	if database == "" {
		database = "postgres"
	}
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.Port, database)
}

func (p *postgres) users(name, password, database string) []string {
	return []string{
		fmt.Sprintf("drop role if exists %s", name),
		fmt.Sprintf("create role %s login password '%s' in role needs_password, pg_read_all_data", name, password),
		fmt.Sprintf("grant connect on database %s to %s", database, name),
	}
}
