package dbtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/vmapd/vmapd/store/db"
)

type mariadb struct{ server, install string }

func (m *mariadb) find() error {
	m.server, m.install = program("mariadbd"), program("mariadb-install-db")
	if m.server == "" || m.install == "" {
		return &missingError{"MariaDB", "mariadb-server"}
	}
	return nil
}

// program looks where Debian puts daemons too: PATH often lacks /usr/sbin.
func program(name string) string {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/bin") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

func (m *mariadb) account() string { return "mysql" }

func (m *mariadb) data(s *Server) string { return filepath.Join(s.Dir, "data") }

func (m *mariadb) create(s *Server) ([]*exec.Cmd, error) {
	s.Dialect, s.Socket = db.MySQL, filepath.Join(s.Dir, "sock")
	// The account of the tests: everything, over TCP, no password.
	rights := filepath.Join(s.Dir, "init.sql")
	const text = "CREATE USER IF NOT EXISTS 'tester'@'%' IDENTIFIED BY '';\nGRANT ALL ON *.* TO 'tester'@'%' WITH GRANT OPTION;\n" +
		"DELETE FROM mysql.global_priv WHERE User = '';\nFLUSH PRIVILEGES;\n"
	if err := os.WriteFile(rights, []byte(text), 0o644); err != nil {
		return nil, err
	}
	// A server that starts removes what it takes for left over in its tmpdir: it
	// must not be one that others have too.
	return []*exec.Cmd{
		exec.Command(m.install, "--no-defaults", "--datadir="+m.data(s), "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=16M", "--tmpdir="+s.Dir),
	}, nil
}

func (m *mariadb) command(s *Server) *exec.Cmd {
	return exec.Command(m.server, "--no-defaults", "--datadir="+m.data(s), "--socket="+s.Socket, "--pid-file="+filepath.Join(s.Dir, "pid"),
		"--bind-address=127.0.0.1", "--port="+strconv.Itoa(s.Port), "--skip-name-resolve", "--init-file="+filepath.Join(s.Dir, "init.sql"),
		"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M",
		"--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", "--performance-schema=OFF", "--max-connections=50", "--tmpdir="+s.Dir)
}

func (m *mariadb) stopSignal() syscall.Signal { return syscall.SIGTERM }

func (m *mariadb) adminURL(s *Server, database string) string {
	if database == "" {
		database = "mysql"
	}
	return fmt.Sprintf("mysql://tester@127.0.0.1:%d/%s", s.Port, database)
}

func (m *mariadb) users(name, password, database string) []string {
	return []string{
		fmt.Sprintf("create or replace user '%s'@'%%' identified by '%s'", name, password),
		fmt.Sprintf("grant select on `%s`.* to '%s'@'%%'", database, name),
	}
}
