package mailops_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/mailops"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestOddNames has homes and files whose names are anything but tame.
func TestOddNames(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		names := []string{"a b", "-rf", "$(id)", "`id`", "; rm -rf ~", "a'b\"c", "*", "?", "\\", "a\nb", "a\tb", "...", ".hidden", "ünïcode", "日本", strings.Repeat("x", 200)}
		for _, name := range names {
			w.mail("one.test/"+name+"/cur/"+name, "one.test/bob/cur/x")
			w.order("delete", w.root+"/one.test/"+name, "")
		}
		w.mail("one.test/gone/cur/\xff\xfe\x01", "one.test/gone/\xc3\x28/1")
		w.order("delete", w.root+"/one.test/gone", "")
		for _, line := range w.run() {
			if !strings.HasSuffix(line, "done: removed") {
				t.Error(line)
			}
		}
		same(t, "files", w.tree(), []string{"one.test/bob/cur/x"})
	})
}

// TestLarge moves and removes a mailbox of 10,000 files, and one whose folders
// are deeper than any path may be, in little memory.
func TestLarge(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for i := range 10_000 {
		w.mail(fmt.Sprintf("one.test/ann/.Folder%d/cur/%d", i%25, i))
	}
	deepen(t, w.root+"/one.test/ann/deep", 3000)
	w.address("ann@one.test", "big@two.test")
	w.order("rename", w.home("ann@one.test"), "big@two.test")
	same(t, "results", w.run(), []string{"1 done: moved"})
	w.drop("big@two.test")
	w.order("delete", w.home("big@two.test"), "")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	same(t, "results", w.run(), []string{"2 done: removed"})
	runtime.ReadMemStats(&after)
	same(t, "files", w.tree(), []string{})
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 16<<20 {
		t.Errorf("removing 13,000 entries took %d MB of heap", grown>>20)
	}
}

// deepen makes folders in folders.
func deepen(t *testing.T, dir string, levels int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	for i := 0; err == nil && i < levels; i++ {
		var next *os.Root
		if err = root.Mkdir("d", 0o700); err == nil {
			next, err = root.OpenRoot("d")
		}
		_ = root.Close()
		root = next
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := root.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = root.Close()
}

// TestReadOnly removes what its owner may not write to.
func TestReadOnly(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.mail("one.test/gone/a/b/1", "one.test/gone/a/2")
	for _, dir := range []string{"a/b", "a", ""} {
		if err := os.Chmod(filepath.Join(w.root, "one.test/gone", dir), 0o500); err != nil {
			t.Fatal(err)
		}
	}
	w.order("delete", w.home("gone@one.test"), "")
	same(t, "results", w.run(), []string{"1 done: removed"})
}

// TestMadeAgain never takes anything from a mailbox that is there again.
func TestMadeAgain(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.exec("UPDATE admin_mailbox SET creation = ?", w.db.Time(time.Now().Add(-time.Hour)))
		// ann@one.test was deleted and made again before the files went.
		w.mail("one.test/ann/cur/1")
		w.order("delete", w.home("ann@one.test"), "")
		// bob@one.test was renamed, and made again, and has got mail.
		w.mail("one.test/bob/cur/2")
		w.address("cem@two.test", "new@two.test")
		w.order("rename", w.home("bob@one.test"), "new@two.test")
		before := w.tree()
		got := w.run()
		same(t, "results", got, []string{
			"1 kept: ~/one.test/ann is the home of the mailbox ann@one.test, which was made again after the one that was deleted: what is there may be its mail",
			"2 kept: ~/one.test/bob is the home of the mailbox bob@one.test, which was made after the one that is to be renamed, and something came in since: whose mail it is must be decided by hand",
		})
		same(t, "files", w.tree(), before)
		// If nothing came in since, all there is belongs to the old one.
		w.exec("UPDATE admin_mailbox SET creation = ?", w.db.Time(time.Now().Add(time.Hour)))
		same(t, "results", w.run(), []string{got[0], "2 done: moved"})
		same(t, "files", w.tree(), []string{"one.test/ann/cur/1", "two.test/new/cur/2 = one.test/bob/cur/2"})
	})
}

// TestPlaces has capitals stored, and mailboxes that are gone.
func TestPlaces(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.mail("one.test/ann/cur/1", "one.test/bob/cur/2")
	w.exec("UPDATE admin_domain SET name = 'One.Test' WHERE name = 'one.test'")
	w.order("delete", w.home("ann@one.test"), "")
	w.exec("UPDATE admin_mailbox SET address = 'Bob' WHERE address = 'bob'")
	w.exec("INSERT INTO admin_mailboxoperation (id, type, argument, mailbox_id) SELECT 2, 'rename', ?, id FROM admin_mailbox WHERE address = 'Bob'", w.home("bob@one.test"))
	w.next = 3
	w.order("rename", w.home("old@one.test"), "")
	got := w.run()
	same(t, "results", got, []string{
		"1 kept: ~/one.test/ann is the home of the mailbox ann@one.test, which was made again after the one that was deleted: what is there may be its mail",
		"2 done: it is there",
		"3 kept: ~/one.test/old is to be renamed, and its mailbox is gone",
	})
}

// TestDryRun says what would be done, and changes nothing.
func TestDryRun(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.mail("one.test/gone/cur/1", "one.test/old/cur/2", "one.test/full/cur/3", "one.test/ann/cur/4", "two.test/cem/dovecot-uidlist")
	w.order("delete", w.home("gone@one.test"), "")
	w.order("rename", w.home("old@one.test"), "cem@two.test")
	w.order("rename", w.home("full@one.test"), "ann@one.test")
	w.order("delete", w.home("never@one.test"), "")
	w.order("rename", w.home("never@one.test"), "bob@one.test")
	before := w.tree()
	var got []mailops.Result
	if _, err := w.runner(w.files(), &got).Run(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	same(t, "results", w.lines(got), []string{
		"1 plan: would be removed", "2 plan: would be moved",
		"3 kept: ~/one.test/full cannot become ~/one.test/ann: both hold mail (there: ~/one.test/ann/cur/4)", "4 plan: there is no such folder", "5 plan: there is no such folder",
	})
	same(t, "files", w.tree(), before)
	same(t, "rows", w.pending(), []string{"1", "2", "3", "4", "5"})
}

// TestTidy finishes what is decided though its row is gone, and names the rest.
func TestTidy(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.mail("one.test/.vmapd-deleted-7-00000000/cur/1", "one.test/.vmapd-copying-7-00000000-ABCDEFGH/cur/2", "one.test/.vmapd-done-7-00000000/",
		"one.test/.vmapd-moving-8-00000000/cur/3", "one.test/.vmapd-unknown/cur/4", "one.test/ann/cur/5", "file")
	got := w.run()
	if len(got) != 3 {
		t.Errorf("%q", got)
	}
	same(t, "files", w.tree(), []string{"file", "one.test/.vmapd-moving-8-00000000/cur/3", "one.test/.vmapd-unknown/cur/4", "one.test/ann/cur/5"})
}

// TestOwner refuses to work as somebody else than the owner of the mail.
func TestOwner(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	if err := os.Chown(w.root, 65534, 65534); err != nil {
		t.Skip("only root can give a folder away")
	}
	var got []mailops.Result
	_, err := w.runner(w.files(), &got).Run(t.Context(), false)
	var owner *mailops.OwnerError
	if !asError(err, &owner) || owner.Owner != 65534 || !strings.Contains(owner.Remedy(), "--reuid=65534") {
		t.Errorf("error %v", err)
	}
}

// TestBusy has a second one wait for the first.
func TestBusy(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	s, err := w.files().Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.files().Open(t.Context()); err != mailops.ErrBusy {
		t.Errorf("error %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = w.files().Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
}
