package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

func TestMain(m *testing.M) {
	testscript.Main(runner{m}, map[string]func(){"vmapd": main})
}

// runner ends what tests share when all are done: database servers, and the
// program.
type runner struct{ m *testing.M }

func (r runner) Run() int {
	defer drill.RemoveBinary()
	return dbtest.Main(r.m)
}

// TestScripts runs the whole program as testdata/script/*.txtar say. Besides
// testscript's commands there are
//
//	exits N COMMAND…   runs a command that must exit with status N
//	ready              waits until the daemon is ready (! ready: until it is up and is not)
//	sql URL STATEMENT  changes a database behind the daemon's back
//	database VAR       puts the URL of a new PostgreSQL database into $VAR, and one of none into $MISSING
//	user VAR URL PW    makes a PostgreSQL user with a password; its URL, without the password, into $VAR
//	server down|up     stops or starts the PostgreSQL server of the script
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("STATE_DIRECTORY", e.WorkDir+"/state")
			e.Setenv("RUNTIME_DIRECTORY", e.WorkDir+"/run")
			e.Values[serverKey{}] = &scriptServer{t: t}
			return expandWork(e.WorkDir)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": cmdExits, "ready": cmdReady, "sql": cmdSQL, "database": cmdDatabase, "user": cmdUser, "server": cmdServer,
		},
		Condition: func(cond string) (bool, error) {
			_, err := exec.LookPath(cond)
			return err == nil, nil
		},
	})
}

// expandWork puts the script's folder into its configuration files.
func expandWork(dir string) error {
	files, err := filepath.Glob(dir + "/*.toml")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte("${WORK}"), []byte(dir)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		got = failed.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%s exited with status %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func cmdReady(ts *testscript.TestScript, neg bool, _ []string) {
	path := daemon.ControlPath(ts.Getenv("STATE_DIRECTORY"))
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		s, err := daemon.Control{Path: path}.Status(context.Background())
		if err == nil && s.Ready != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the daemon did not become ready: %+v %v", s, err)
		}
	}
}

func cmdSQL(ts *testscript.TestScript, _ bool, args []string) {
	d, err := db.Open(args[0], db.Options{})
	ts.Check(err)
	defer d.Close()
	// \n, \0 and \e stand for the bytes that no script can hold.
	_, err = d.Exec(strings.NewReplacer(`\n`, "\n", `\0`, "\x00", `\e`, "\x1b").Replace(args[1]))
	ts.Check(err)
}

type serverKey struct{}

// scriptServer is the PostgreSQL server of one script, started when wanted.
type scriptServer struct {
	t      *testing.T
	server *dbtest.Server
}

func server(ts *testscript.TestScript) *scriptServer {
	s := ts.Value(serverKey{}).(*scriptServer)
	if s.server == nil {
		s.server = dbtest.NewPostgres(s.t)
	}
	return s
}

func cmdDatabase(ts *testscript.TestScript, _ bool, args []string) {
	s := server(ts)
	url := s.server.NewDatabase(s.t)
	ts.Setenv(args[0], url)
	ts.Setenv("MISSING", strings.Replace(url, "?", "nosuch?", 1))
}

func cmdUser(ts *testscript.TestScript, _ bool, args []string) {
	s := server(ts)
	url := s.server.NewUser(s.t, args[1], "scripted", args[2])
	ts.Setenv(args[0], strings.Replace(url, ":"+args[2]+"@", "@", 1))
}

func cmdServer(ts *testscript.TestScript, _ bool, args []string) {
	s := server(ts)
	switch args[0] {
	case "down":
		ts.Check(s.server.Stop())
	case "up":
		ts.Check(s.server.Start())
	default:
		ts.Fatalf("usage: server down|up")
	}
}

// TestGeneratedDocumentation compares docs with what the code says.
func TestGeneratedDocumentation(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("go", "run", "./internal/gendocs", dir, dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gendocs: %v\n%s", err, out)
	}
	for name, folder := range map[string]string{
		"vmapd.toml": "docs", "tables.md": "docs", "doctor.md": "docs", "metrics.md": "docs", "2.3-dict/dovecot.conf": "contrib/dovecot", "2.3-dict/vmapd-auth.conf.ext": "contrib/dovecot",
		"2.3-dict/vmapd-master.conf.ext": "contrib/dovecot", "2.3-server/dovecot.conf": "contrib/dovecot", "2.4-server/dovecot.conf": "contrib/dovecot",
	} {
		want, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile("../../" + folder + "/" + name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s/%s is not what the code says (%v): run make generate", folder, name, err)
		}
	}
	var commands bytes.Buffer
	if code := (&app{out: &commands, err: t.Output()}).run([]string{"manual", "--markdown"}); code != 0 {
		t.Errorf("manual: exit status %d", code)
	}
	if got, err := os.ReadFile("../../docs/commands.md"); err != nil || !bytes.Equal(got, commands.Bytes()) {
		t.Errorf("docs/commands.md is not what the code says (%v): run make generate", err)
	}
}
