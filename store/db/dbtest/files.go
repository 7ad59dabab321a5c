package dbtest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store/db"
)

// RunFiles feeds files of SQL to the database of url, a result of NewDatabase
// or SQLite, through the server's own client program (psql, mariadb), which
// knows the commands that dumps are made of.
func RunFiles(t testing.TB, url string, files ...string) {
	t.Helper()
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd := client(t, url)
		if cmd == nil {
			runSQLite(t, url, file)
			continue
		}
		cmd.Stdin = f
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s <%s: %v\n%s", cmd.Path, file, err, out)
		}
	}
}

// client returns the command that runs SQL from its standard input, nil for
// SQLite.
func client(t testing.TB, url string) *exec.Cmd {
	t.Helper()
	if strings.HasPrefix(url, "postgres:") {
		cmd := exec.Command(program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url)
		return cmd
	}
	if !strings.HasPrefix(url, "mysql:") {
		return nil
	}
	s := MariaDB(t)
	var port int
	var name string
	if _, err := fmt.Sscanf(url, "mysql://tester@127.0.0.1:%d/%s", &port, &name); err != nil || port != s.Port {
		t.Fatalf("%s is not a URL of NewDatabase", url)
	}
	return exec.Command(program("mariadb"), "--no-defaults", "--user=tester", "--host=127.0.0.1", fmt.Sprintf("--port=%d", port), "--database="+name)
}

func runSQLite(t testing.TB, url, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	Exec(t, Open(t, url, db.Options{}), string(text))
}
