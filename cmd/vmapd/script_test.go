package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// documents are the pages for administrators.
func documents(t *testing.T) (texts map[string]string) {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	texts = map[string]string{}
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(file)] = string(text)
	}
	return texts
}

// TestDocumentedConfigurations checks every toml block of the documentation
// with the program's own eyes.
func TestDocumentedConfigurations(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	// What only an installed system has is left out.
	installed := regexp.MustCompile(`(?m)^ *(password_file|group|passwd_file_group) = .*$`)
	blocks := 0
	for name, text := range documents(t) {
		for _, block := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(text, -1) {
			blocks++
			file := fmt.Sprintf("%s/%d.toml", t.TempDir(), blocks)
			if err := os.WriteFile(file, []byte(installed.ReplaceAllString(block[1], "")), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := daemon.Load(file, nil); err != nil {
				t.Errorf("%s: %v\n%s", name, err, block[1])
			}
		}
	}
	if blocks < 3 {
		t.Errorf("the documentation shows %d configurations", blocks)
	}
}

// TestDocumentedCommands looks whether there are the commands and flags that the
// documentation names.
func TestDocumentedCommands(t *testing.T) {
	lines := regexp.MustCompile("(?m)^ *(vmapd [^#\n]*)")
	spans := regexp.MustCompile("`(vmapd [^`]*)`")
	found := 0
	check := func(name, line string, whole bool) {
		found++
		root := (&app{}).command()
		line, _, _ = strings.Cut(line, "   ")                                           // an explanation
		args := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(line))[1:] // what may be left out
		cmd, rest, err := root.Find(args)
		if err == nil && cmd == root && len(args) > 0 {
			err = errors.New("there is no such command")
		}
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil && whole {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil {
			t.Errorf("%s: %s: %v", name, line, err)
		}
	}
	for name, text := range documents(t) {
		if name == "commands.md" {
			continue // it is made of them
		}
		for _, m := range lines.FindAllStringSubmatch(text, -1) {
			if indent := strings.Index(m[0], "vmapd"); indent >= 4 {
				check(name, m[1], true)
			}
		}
		for _, m := range spans.FindAllStringSubmatch(text, -1) {
			check(name, m[1], false)
		}
	}
	if found < 20 {
		t.Errorf("the documentation names %d commands", found)
	}
}
