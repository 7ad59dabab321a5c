package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/mapdiff"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/internal/peers"
)

// diffHost is a database with the map files of its administrator.
type diffHost struct {
	binary, url, maps, config string
}

func newDiffHost(t *testing.T) *diffHost {
	peers.Program(t, "postmap", "postfix postfix-pgsql")
	h := newMailHost(t, drill.Binary(t))
	d := &diffHost{binary: h.binary, url: h.database, maps: t.TempDir(), config: filepath.Join(t.TempDir(), "vmapd.toml")}
	u, err := url.Parse(h.database)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	access := fmt.Sprintf("hosts = %s\nuser = %s\npassword = %s\ndbname = %s\n", u.Host, u.User.Username(), password, strings.TrimPrefix(u.Path, "/"))
	files, err := filepath.Glob("testdata/postfix/sql-*.cf")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		d.write(t, filepath.Join(d.maps, filepath.Base(f)), access+readFile(t, f))
	}
	d.write(t, d.config, fmt.Sprintf("state_dir = %q\n[database]\nurl = %q\n", t.TempDir(), h.database))
	return d
}

func (d *diffHost) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// diff runs the command and returns its exit status and what it found.
func (d *diffHost) diff(t *testing.T, args ...string) (int, mapdiff.Report) {
	t.Helper()
	cmd := exec.Command(d.binary, append([]string{"diff", "-c", d.config, "--maps", d.maps, "--offline", "--json"}, args...)...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	var r mapdiff.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil && code < 2 {
		t.Fatalf("exit %d, %v: %s %s", code, err, out.Bytes(), log.Bytes())
	}
	return code, r
}

// TestDiff runs the maps of Modoboa's administrators and vmapd side by side: no
// difference; then with one map that says something else.
func TestDiff(t *testing.T) {
	t.Parallel()
	d := newDiffHost(t)
	log := filepath.Join(t.TempDir(), "mail.log")
	d.write(t, log, "Nov 30 01:00:00 mx postfix/smtp[1]: 4Q: to=<from-the-log@home.test>, orig_to=<x@home.test>, relay=none\n")
	code, r := d.diff(t, "--mail-log", log)
	if code != 0 || r.Compared["aliases"] < 100 || len(r.Compared) != 8 {
		t.Fatalf("exit status %d, compared %v, differences %+v", code, r.Compared, r.Differences)
	}
	meant := map[string]bool{}
	for _, x := range r.Differences {
		meant[x.Table+" "+x.Key] = x.Intended
	}
	for _, want := range []string{"aliases Shouted@home.test", "aliases jörg@home.test", "aliases two words@home.test", "maintain moving+Ext@home.test", "transport local+Ext@split.test"} {
		if !meant[want] {
			t.Errorf("%s: no difference that is meant", want)
		}
	}
	own := filepath.Join(d.maps, "sql-domains.cf")
	d.write(t, own, strings.Replace(readFile(t, own), "enabled AND", "", 1))
	code, r = d.diff(t)
	if code != 1 {
		t.Fatalf("exit status %d, differences %+v", code, r.Differences)
	}
	for _, x := range r.Differences {
		if !x.Intended && (x.Table != "domains" || x.Maps != x.Key || x.Vmapd != "") {
			t.Errorf("%+v", x)
		}
	}
	if code, _ := d.diff(t, "--strict"); code != 1 {
		t.Errorf("--strict: exit status %d", code)
	}
	d.write(t, own, strings.Replace(readFile(t, own), "FROM admin_domain", "FROM nowhere", 1))
	if code, _ = d.diff(t); code != 75 {
		t.Errorf("a map that fails: exit status %d", code)
	}
	if code, _ = d.diff(t, "--maps", t.TempDir()); code != 2 {
		t.Errorf("a folder without maps: exit status %d", code)
	}
}

// TestShadow has a daemon ask the maps what it is asked itself.
func TestShadow(t *testing.T) {
	t.Parallel()
	d := newDiffHost(t)
	socket := filepath.Join(t.TempDir(), "socketmap")
	own := filepath.Join(d.maps, "sql-domains.cf")
	d.write(t, own, strings.Replace(readFile(t, own), "enabled AND", "", 1))
	config := fmt.Sprintf("[database]\nurl = %q\n", d.url) + fmt.Sprintf("[shadow]\nmaps = %q\nevery = 1\n[[listen]]\nprotocol = \"socketmap\"\naddress = \"unix:%s\"\n", d.maps, socket)
	v := startVmapd(t, d.binary, config)
	v.awaitSockets(t, socket)
	file := v.cmd.Args[len(v.cmd.Args)-1]
	ask := func(table, key string) {
		out, err := exec.Command(d.binary, "lookup", "-c", file, table, key).CombinedOutput()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
			t.Fatalf("%s %s: %v: %s", table, key, err, out)
		}
	}
	drill.Await(t, time.Minute, "differences are told", func() bool {
		ask("aliases", "user@home.test")
		ask("domains", "off.test")
		ask("transport", "local+x@split.test")
		out, err := exec.Command(d.binary, "status", "-c", file, "--json").Output()
		var s struct {
			Shadow struct {
				Compared, Different, Intended int
				Last                          []mapdiff.Difference
			}
		}
		if err != nil || json.Unmarshal(out, &s) != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if s.Shadow.Different == 0 || s.Shadow.Intended == 0 {
			return false
		}
		last := s.Shadow.Last[0]
		return s.Shadow.Compared > s.Shadow.Different && last.Table == "domains" && last.Key == "off.test" && last.Maps == "off.test" && last.Vmapd == ""
	})
	out, err := exec.Command(d.binary, "status", "-c", file).Output()
	if err != nil || !strings.Contains(string(out), "domains off.test: maps off.test, vmapd (not found)") {
		t.Errorf("%v: %s", err, out)
	}
}
