package mailops_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmapd/vmapd/admin/mailops"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// outside makes a folder that no operation may touch, and checks that at the end.
func outside(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	putMail(t, dir, "ann/cur/1", "one.test/ann/cur/2", "cur/3")
	before := treeOf(t, dir)
	t.Cleanup(func() { same(t, "outside of the root", treeOf(t, dir), before) })
	return dir
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// TestLinks puts symbolic links everywhere in the way.
func TestLinks(t *testing.T) {
	database := template(t)
	for _, c := range []struct {
		name string
		make func(w *world, out string)
		want string // how the one operation ends
	}{
		{"the domain", func(w *world, out string) {
			link(t, out, w.root+"/gone.test")
			w.order("delete", w.root+"/gone.test/ann", "")
		}, "1 kept: ~/gone.test/ann leads through gone.test, which is a symbolic link or no folder"},
		{"the home", func(w *world, out string) {
			link(t, out, w.root+"/gone.test/ann")
			w.order("delete", w.root+"/gone.test/ann", "")
		}, "1 kept: ~/gone.test/ann is a symbolic link or no folder"},
		{"within the home", func(w *world, out string) {
			w.mail("gone.test/ann/cur/1")
			link(t, out, w.root+"/gone.test/ann/Maildir")
			link(t, out+"/cur/3", w.root+"/gone.test/ann/cur/file")
			w.order("delete", w.root+"/gone.test/ann", "")
		}, "1 done: removed"},
		{"the old domain", func(w *world, out string) {
			link(t, out, w.root+"/gone.test")
			w.order("rename", w.root+"/gone.test/ann", "ann@one.test")
		}, "1 kept: ~/gone.test/ann leads through gone.test, which is a symbolic link or no folder"},
		{"the old home", func(w *world, out string) {
			link(t, out, w.root+"/one.test/old")
			w.order("rename", w.root+"/one.test/old", "ann@one.test")
		}, "1 kept: ~/one.test/old is a symbolic link or no folder"},
		{"the new domain", func(w *world, out string) {
			w.mail("one.test/old/cur/1")
			link(t, out, w.root+"/two.test")
			w.order("rename", w.root+"/one.test/old", "cem@two.test")
		}, "1 kept: ~/two.test/cem leads through two.test, which is a symbolic link or no folder"},
		{"the new home", func(w *world, out string) {
			w.mail("one.test/old/cur/1")
			link(t, out, w.root+"/two.test/cem")
			w.order("rename", w.root+"/one.test/old", "cem@two.test")
		}, "1 kept: ~/two.test/cem is a symbolic link or no folder"},
		{"the working name", func(w *world, out string) {
			w.mail("one.test/old/cur/1")
			for _, state := range []string{"aside", "deleted", "moving", "done"} {
				link(t, out, fmt.Sprintf("%s/one.test/.vmapd-%s-1-%08x", w.root, state, mailops.Sum("one.test/old")))
			}
			w.order("delete", w.root+"/one.test/old", "")
		}, "kept"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := again(t, database)
			c.make(w, outside(t))
			if got := w.run(); len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestSwap exchanges folders for links to outside, and back, all the time while
// operations are carried out.
func TestSwap(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	out := outside(t)
	const n = 60
	for i := range n {
		w.mail(fmt.Sprintf("x.test/m%d/a/b/c/1", i), fmt.Sprintf("x.test/m%d/a/2", i))
		w.order("delete", fmt.Sprintf("%s/x.test/m%d", w.root, i), "")
	}
	link(t, out, w.root+"/link")
	ctx, stop := context.WithCancel(t.Context())
	var swapping sync.WaitGroup
	exchange := func(path string) {
		for ctx.Err() == nil {
			_ = unix.Renameat2(unix.AT_FDCWD, w.root+"/link", unix.AT_FDCWD, path, unix.RENAME_EXCHANGE)
		}
	}
	swapping.Go(func() { exchange(w.root + "/x.test") })
	swapping.Go(func() {
		for i := 0; ctx.Err() == nil; i = (i + 1) % n {
			_ = unix.Renameat2(unix.AT_FDCWD, w.root+"/link", unix.AT_FDCWD, fmt.Sprintf("%s/x.test/m%d/a", w.root, i), unix.RENAME_EXCHANGE)
		}
	})
	for range 20 {
		w.run()
	}
	stop()
	swapping.Wait()
}

// TestBetweenFileSystems has links, pipes and odd modes copied as they are.
func TestBetweenFileSystems(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.mount("two.test")
	out := outside(t)
	w.mail("one.test/ann/cur/1", "one.test/ann/new/", "one.test/ann/tmp/2")
	link(t, out, w.root+"/one.test/ann/abroad")
	link(t, "sieve/x", w.root+"/one.test/ann/.dovecot.sieve")
	if err := unix.Mkfifo(w.root+"/one.test/ann/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(w.root+"/one.test/ann/cur", os.ModeSetgid|0o750); err != nil {
		t.Fatal(err)
	}
	var was, is unix.Stat_t
	if err := unix.Stat(w.root+"/one.test/ann/cur/1", &was); err != nil {
		t.Fatal(err)
	}
	w.address("ann@one.test", "ann@two.test")
	w.order("rename", w.home("ann@one.test"), "ann@two.test")
	same(t, "results", w.run(), []string{"1 done: moved"})
	same(t, "files", w.tree(), []string{"two.test/ann/.dovecot.sieve -> sieve/x", "two.test/ann/abroad -> " + out, "two.test/ann/cur/1 = one.test/ann/cur/1", "two.test/ann/new/", "two.test/ann/tmp/2 = one.test/ann/tmp/2"})
	if err := unix.Stat(w.root+"/two.test/ann/cur/1", &is); err != nil {
		t.Fatal(err)
	}
	if was.Mtim != is.Mtim || was.Mode != is.Mode || was.Dev == is.Dev {
		t.Errorf("time %v became %v, mode %o %o", was.Mtim, is.Mtim, was.Mode, is.Mode)
	}
	if st, err := os.Stat(w.root + "/two.test/ann/cur"); err != nil || st.Mode() != os.ModeDir|os.ModeSetgid|0o750 {
		t.Errorf("mode of a folder: %v, %v", st.Mode(), err)
	}
}
