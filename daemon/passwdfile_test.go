package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store"
)

// TestPasswdFileIsReplacedWhole: what cannot be written leaves the old file.
func TestPasswdFileIsReplacedWhole(t *testing.T) {
	c, dir := Default(), t.TempDir()
	path := filepath.Join(dir, "users")
	b := store.NewBuilder()
	b.AddDomain(store.Domain{ID: 1, Name: "a.test", Enabled: true})
	b.AddMailbox(store.Mailbox{ID: 1, Local: "u", DomainID: 1})
	s := b.Build(time.Now())
	if r, err := c.WritePasswdFile(path, s); err != nil || r.Users != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", st, err)
	}
	old, _ := os.ReadFile(path)
	c.Dovecot.PasswdFileGroup = "no-such-group"
	if _, err := c.WritePasswdFile(path, s); err == nil {
		t.Error("a group that does not exist")
	}
	if now, _ := os.ReadFile(path); string(now) != string(old) {
		t.Error("the file has changed though it could not be written")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}
