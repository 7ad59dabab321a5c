package keyring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestBadFiles: each is refused with a remedy, and does not harm a key that was
// good.
func TestBadFiles(t *testing.T) {
	s := newSite(t, Options{})
	good := pemOf(t, keys()[0])
	at := func(name string) string { return filepath.Join(s.dir, name) }
	outside := put(t, filepath.Join(t.TempDir(), "x.pem"), good)
	real := put(t, at("real.pem"), good)
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(os.Symlink(real, at("link.pem")))
	do(os.Symlink(outside, at("outlink.pem")))
	do(os.Mkdir(at("folder"), 0o700))
	do(os.Symlink(at("folder"), at("linked")))
	put(t, at("folder/in.pem"), good)
	put(t, at("open.pem"), good)
	do(os.Chmod(at("open.pem"), 0o644))
	put(t, at("writable.pem"), good)
	do(os.Chmod(at("writable.pem"), 0o602))
	do(syscall.Mkfifo(at("pipe"), 0o600))
	put(t, at("cut.pem"), good[:len(good)/2])
	put(t, at("empty.pem"), nil)
	put(t, at("long.pem"), make([]byte, maxKeyFile+1))
	put(t, at("hollow.pem"), []byte("-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n"))
	put(t, at("group.pem"), good)
	do(os.Chmod(at("group.pem"), 0o640))
	for path, want := range map[string]string{
		at("folder/in.pem"): "",
		"folder/in.pem":     "",
		at("group.pem"):     "",
		outside:             "is not below dkim.key_dir",
		"../x.pem":          "is not below dkim.key_dir",
		at("../x.pem"):      "is not below dkim.key_dir",
		s.dir:               "is not below dkim.key_dir",
		at("link.pem"):      "symbolic link",
		at("outlink.pem"):   "symbolic link",
		at("linked/in.pem"): "symbolic link",
		at("folder"):        "no plain file",
		at("pipe"):          "no plain file",
		at("open.pem"):      "may be read by everybody",
		at("writable.pem"):  "may be changed by everybody",
		at("cut.pem"):       "no whole PEM block",
		at("empty.pem"):     "no private key",
		at("long.pem"):      "too long",
		at("hollow.pem"):    "no private key",
		at("none.pem"):      "does not exist",
		at("real.pem/x"):    "",
	} {
		name := strings.ToLower(fmt.Sprintf("d%x.test", path))
		if len(name) > 60 {
			name = name[len(name)-60:]
		}
		s.rows = []any{domainRow(1, name, path)}
		got := s.signer(name)
		if want == "" && !strings.Contains(path, "real.pem/x") {
			if got != by("modoboa", name, 0) {
				t.Errorf("%s: %s", path, got)
			}
			continue
		}
		st := s.ring.State(name, "modoboa")
		var f *FileError
		if !errors.As(st.Err, &f) || !strings.Contains(f.Text, want) || f.Remedy() == "" || got != string(f.Reason) {
			t.Errorf("%s: %s, %v; want %q with a remedy", path, got, st.Err, want)
		}
		if strings.Contains(fmt.Sprint(st.Err), "MII") {
			t.Errorf("%s: the error quotes the file: %v", path, st.Err)
		}
	}
	d := domainRow(1, "keeps.test", put(t, at("keeps.pem"), good))
	s.serve(d)
	s.want("keeps.test", by("modoboa", "keeps.test", 0))
	put(t, at("keeps.pem"), good[:100])
	s.wantEvent("signs on")
	do(os.Chmod(s.dir, 0o700))
	put(t, at("keeps.pem"), good)
	s.wantEvent("can be used")
	do(os.Chmod(at("keeps.pem"), 0o604))
	s.wantEvent("signs on")
	s.want("keeps.test", by("modoboa", "keeps.test", 0))
}

// TestNoFolder: one report for all keys, and what was read signs on.
func TestNoFolder(t *testing.T) {
	s := newSite(t, Options{})
	put(t, filepath.Join(s.dir, "a.pem"), pemOf(t, keys()[0]))
	s.serve(domainRow(1, "a.test", "a.pem"))
	s.want("a.test", by("modoboa", "a.test", 0))
	if err := os.Rename(s.dir, s.dir+".away"); err != nil {
		t.Fatal(err)
	}
	e := s.wantEvent("no key can be read")
	if e.Domain != "" || e.Err == nil {
		t.Errorf("%+v", e)
	}
	s.want("a.test", by("modoboa", "a.test", 0))
	if err := os.Rename(s.dir+".away", s.dir); err != nil {
		t.Fatal(err)
	}
	s.wantEvent("can be read again")
}
