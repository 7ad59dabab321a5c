package main_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"database/sql"
	"errors"
	"flag"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/lookup/guard"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/spool"
)

// testdata/releases has the state folder of every release, as its program left
// it (docs/contributing.md): next.tar.gz is that of the release that is in the
// making.
var updateReleases = flag.Bool("update-releases", false, "write testdata/releases/next.tar.gz again")

// databaseInState has the database named from the folder in which the programs
// run, which is the state folder: the copy of the data knows its name.
const databaseInState = "[database]\nurl = \"sqlite:vmapd.db\"\n"

const (
	releases    = "testdata/releases"
	releaseUser = "user@example.com"
	usedBytes   = 12345 // what the spool has to say of releaseUser
)

// TestReleases opens the state of every release with this program: what was
// acknowledged reaches the database, keys and accounts are there. The copy of
// the data may be of another form: then it is put aside, and the log says so.
func TestReleases(t *testing.T) {
	binary := drill.Binary(t)
	if *updateReleases {
		dir := t.TempDir()
		t.Run("make", func(t *testing.T) { makeState(t, binary, dir) })
		pack(t, dir, filepath.Join(releases, "next.tar.gz"))
	}
	archives, err := filepath.Glob(releases + "/*.tar.gz")
	if err != nil || len(archives) == 0 {
		t.Fatalf("%d releases: %v", len(archives), err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".tar.gz"), func(t *testing.T) {
			v := openState(t, binary, archive)
			v.Start(t)
			v.AwaitReady(t)
			for table, want := range map[string]string{"mailboxes": releaseUser + "\t", "aliases": releaseUser + "\t" + releaseUser} {
				if out, status := v.Run(t, "lookup", table, releaseUser); status != 0 || !strings.HasPrefix(out, want) {
					t.Errorf("%s: %q (%d)", table, out, status)
				}
			}
			if out, status := v.Run(t, "dkim", "list", "example.com"); status != 0 || !strings.Contains(out, "active") {
				t.Errorf("keys: %q (%d)", out, status)
			}
			drill.Await(t, time.Minute, "the spool reaches the database", func() bool { return quotaOf(t, v) == usedBytes })
			complaints := linesOf(v.Log(t), "WARN", "ERROR")
			complaints = slices.DeleteFunc(complaints, func(line string) bool {
				moved := strings.Contains(line, "is not below dkim.key_dir") // as the copy has it still
				return moved || strings.Contains(line, "another version of vmapd") || strings.Contains(line, "of this version of vmapd")
			})
			if len(complaints) > 0 {
				t.Errorf("complaints: %q", complaints)
			}
		})
	}
}

// TestNewerState: what a newer release has made is refused by name, and left as
// it is where it says what nobody else knows.
func TestNewerState(t *testing.T) {
	v := openState(t, drill.Binary(t), filepath.Join(releases, "next.tar.gz"))
	snapshot, known, queue := filepath.Join(v.State, "snapshot"), filepath.Join(v.State, "guard"), filepath.Join(v.State, "spool.db")
	replace(t, snapshot, "vmapd snapshot 4", "vmapd snapshot 9")
	replace(t, known, "vmapd guard 1", "vmapd guard 9")
	execute(t, queue, "pragma user_version = 99")
	v.Start(t)
	v.AwaitReady(t)
	if out, status := v.Run(t, "lookup", "mailboxes", releaseUser); status != 0 {
		t.Errorf("lookup: %q (%d): the database has it", out, status)
	}
	log := v.Log(t)
	for _, want := range []string{"is no snapshot of this version of vmapd", "not of this version", "made by a newer version (layout 99"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	v.Stop(t)
	if got := quotaOf(t, v); got != 0 {
		t.Errorf("%d bytes: the spool of a newer release was read", got)
	}
	execute(t, queue, "pragma user_version = 1") // as it was
	v.Start(t)
	v.AwaitReady(t)
	drill.Await(t, time.Minute, "nothing was lost", func() bool { return quotaOf(t, v) == usedBytes })
}

// makeState has this program make a state folder: an embedded database with an
// account and a key, the copy of the data, known places, and a report of a mail
// server that the database has not.
func makeState(t *testing.T, binary, dir string) {
	t.Helper()
	t.Chdir(dir)
	v := drill.NewVmapd(t, binary, dir, databaseInState)
	for _, args := range [][]string{
		{"init"},
		{"domain", "add", "example.com"},
		{"account", "add", releaseUser, "--random", "--quota", "10M"},
		{"dkim", "generate", "example.com", "--bits", "2048"},
	} {
		if out, status := v.Run(t, args...); status != 0 {
			t.Fatalf("vmapd %v: %s", args, out)
		}
	}
	v.Start(t)
	v.AwaitReady(t)
	drill.Await(t, time.Minute, "the copy of the data", func() bool { _, err := os.Stat(filepath.Join(dir, "snapshot")); return err == nil })
	v.Stop(t)

	g, a := guard.New(guard.Settings{}), guard.Attempt{Account: releaseUser, Remote: netip.MustParseAddr("192.0.2.1")}
	g.Before(a)
	g.After(a, true)
	var places bytes.Buffer
	if err := g.Save(&places); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "guard"), places.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(filepath.Join(dir, "spool.db"), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), modoboa.QuotaWrite(releaseUser, usedBytes, 3, time.Now())); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// openState unpacks a state folder for a program that does not run yet.
func openState(t *testing.T, binary, archive string) *drill.Vmapd {
	t.Helper()
	v := drill.NewVmapd(t, binary, "", databaseInState)
	unpack(t, archive, v.State)
	t.Chdir(v.State)
	// The database knows the place of the key by its whole path.
	execute(t, filepath.Join(v.State, "vmapd.db"), "update admin_domain set dkim_private_key_path = ? where dkim_private_key_path <> ''", filepath.Join(v.State, "dkim", keyName(t, v.State)))
	return v
}

// keyName is the name of the only key in a state folder.
func keyName(t *testing.T, state string) string {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(state, "dkim"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d keys: %v", len(files), err)
	}
	return files[0].Name()
}

func quotaOf(t *testing.T, v *drill.Vmapd) (used int64) {
	t.Helper()
	d := dbtest.Open(t, "sqlite:"+filepath.Join(v.State, "vmapd.db"), db.Options{ReadOnly: true})
	defer d.Close()
	if err := d.QueryRowContext(t.Context(), "select coalesce(sum(bytes), 0) from admin_quota").Scan(&used); err != nil {
		t.Fatal(err)
	}
	return used
}

func execute(t *testing.T, file, statement string, args ...any) {
	t.Helper()
	d, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Exec(statement, args...); err != nil {
		t.Fatal(err)
	}
}

func replace(t *testing.T, file, old, text string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b, []byte(old)) {
		t.Fatalf("%s begins with %q, not with %q: it has a new form, name it here", file, b[:len(old)], old)
	}
	if err := os.WriteFile(file, append([]byte(text), b[len(old):]...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// linesOf are the lines of a log with these levels.
func linesOf(log string, levels ...string) (list []string) {
	for line := range strings.Lines(log) {
		if f := strings.Split(line, "\t"); len(f) > 1 && slices.Contains(levels, f[1]) {
			list = append(list, line)
		}
	}
	return list
}

// pack writes the files of a folder into an archive, without sockets.
func pack(t *testing.T, dir, archive string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text))}); err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
	for _, err := range []error{err, w.Close(), z.Close(), os.WriteFile(archive, b.Bytes(), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
