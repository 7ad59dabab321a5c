package mailops_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmapd/vmapd/admin/mailops"
)

// job is a state of things, and what must become of it whatever happens.
type job struct {
	name string
	make func(w *world)
	want []string // files
}

func jobs() []job {
	return []job{
		{"delete", func(w *world) {
			w.mail("one.test/gone/Maildir/cur/1", "one.test/gone/Maildir/cur/2", "one.test/gone/Maildir/.Sent/cur/3", "one.test/gone/a/b/c/d/e/4", "one.test/gone/a/b/c/f/5", "one.test/bob/cur/6")
			w.order("delete", w.home("gone@one.test"), "")
		}, []string{"one.test/bob/cur/6"}},
		{"rename", func(w *world) {
			w.mail("one.test/ann/cur/1", "one.test/ann/.Sent/cur/2", "one.test/bob/cur/3")
			w.address("ann@one.test", "new@two.test")
			w.order("rename", w.home("ann@one.test"), "new@two.test")
		}, []string{"one.test/bob/cur/3", "two.test/new/.Sent/cur/2 = one.test/ann/.Sent/cur/2", "two.test/new/cur/1 = one.test/ann/cur/1"}},
		{"rename, somebody has logged in at the new place", func(w *world) {
			w.mail("one.test/ann/cur/1", "two.test/new/cur/", "two.test/new/dovecot-uidlist", "two.test/new/.Trash/maildirfolder")
			w.address("ann@one.test", "new@two.test")
			w.order("rename", w.home("ann@one.test"), "new@two.test")
		}, []string{"two.test/new/cur/1 = one.test/ann/cur/1"}},
		{"two change places", func(w *world) {
			w.mail("one.test/ann/cur/1", "one.test/bob/cur/2")
			w.address("ann@one.test", "tmp@one.test")
			w.address("bob@one.test", "ann@one.test")
			w.address("tmp@one.test", "bob@one.test")
			w.order("rename", w.home("ann@one.test"), "bob@one.test")
			w.order("rename", w.home("bob@one.test"), "ann@one.test")
			w.order("rename", w.home("tmp@one.test"), "bob@one.test")
		}, []string{"one.test/ann/cur/2 = one.test/bob/cur/2", "one.test/bob/cur/1 = one.test/ann/cur/1"}},
		{"deleted, and another one takes its address", func(w *world) {
			w.mail("one.test/gone/cur/1", "one.test/ann/cur/2")
			w.order("delete", w.home("gone@one.test"), "")
			w.address("ann@one.test", "gone@one.test")
			w.order("rename", w.home("ann@one.test"), "gone@one.test")
		}, []string{"one.test/gone/cur/2 = one.test/ann/cur/2"}},
	}
}

// TestCrash kills a process at every step it takes. The next one ends what it
// began; nothing is lost, nothing is left.
func TestCrash(t *testing.T) {
	for _, j := range jobs() {
		t.Run(j.name, func(t *testing.T) { crashEverywhere(t, &j, func(*world) {}) })
	}
}

// TestCrashBetweenFileSystems is TestCrash for a mailbox whose new domain is on
// another disk.
func TestCrashBetweenFileSystems(t *testing.T) {
	j := jobs()[1]
	crashEverywhere(t, &j, func(w *world) { w.mount("two.test") })
}

// mount puts another file system into the root.
func (w *world) mount(name string) {
	w.t.Helper()
	dir := filepath.Join(w.root, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700"); err != nil {
		w.t.Skipf("a file system must be mounted for this: %v", err)
	}
	w.t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			w.t.Error(err)
		}
	})
}

func crashEverywhere(t *testing.T, j *job, prepare func(*world)) {
	killed, database := 0, template(t)
	for stop := 1; ; stop++ {
		w := again(t, database)
		prepare(w)
		j.make(w)
		mail := contents(w)
		was := w.killAt(stop)
		kept(t, j, stop, mail, w)
		w.run()
		w.run() // what had to wait for another row
		if got := w.tree(); !slices.Equal(got, j.want) || len(w.pending()) > 0 {
			t.Fatalf("killed at step %d: files %q, want %q; rows %q", stop, got, j.want, w.pending())
		}
		if !was {
			break
		}
		killed++
	}
	if killed < 4 {
		t.Errorf("%d steps: too few to be true", killed)
	}
	t.Logf("killed at each of %d steps", killed)
}

// contents are the texts of all files, which name where they were first.
func contents(w *world) []string {
	var texts []string
	for _, line := range w.tree() {
		if _, text, ok := strings.Cut(line, " = "); ok {
			line = text
		}
		if !strings.HasSuffix(line, "/") {
			texts = append(texts, line)
		}
	}
	slices.Sort(texts)
	return texts
}

// kept sees that what a job keeps is there at every moment.
func kept(t *testing.T, j *job, stop int, before []string, w *world) {
	t.Helper()
	now := contents(w)
	for _, line := range j.want {
		if _, text, ok := strings.Cut(line, " = "); ok {
			line = text
		}
		if slices.Contains(before, line) && !slices.Contains(now, line) {
			t.Errorf("killed at step %d: %s is gone", stop, line)
		}
	}
}

// TestTogether has processes carry out the same jobs at once: with the lock, and
// without it.
func TestTogether(t *testing.T) {
	for _, j := range jobs() {
		for _, free := range []bool{false, true} {
			t.Run(j.name+map[bool]string{true: ", no lock", false: ""}[free], func(t *testing.T) {
				database := template(t)
				for range 8 {
					together(t, again(t, database), &j, free)
				}
			})
		}
	}
}

func together(t *testing.T, w *world, j *job, free bool) {
	t.Helper()
	j.make(w)
	before := contents(w)
	a, b, c := w.startChild(0, free), w.startChild(0, free), w.startChild(0, free)
	_, _, _ = a.Wait(), b.Wait(), c.Wait() // one that finds the lock held, or its row gone, says so
	kept(t, j, 0, before, w)
	w.run()
	w.run()
	if got := w.tree(); !slices.Equal(got, j.want) || len(w.pending()) > 0 {
		t.Fatalf("files %q, want %q; rows %q", got, j.want, w.pending())
	}
}

// TestPassed has another process take the home aside in the moment between two
// looks for it. To one of them it is nowhere: whoever says so deletes the row,
// and the other one, seeing that, puts the home back for good.
func TestPassed(t *testing.T) {
	for _, j := range jobs()[:3] {
		t.Run(j.name, func(t *testing.T) {
			w := again(t, template(t))
			j.make(w)
			other := &halfWay{Files: w.files(), stopped: make(chan struct{}), on: make(chan struct{})}
			other.SetUnlocked()
			finished := make(chan struct{})
			var theirs, ours []mailops.Result
			meanwhile := sync.OnceFunc(func() {
				go func() {
					defer close(finished)
					_, _ = w.runner(other, &theirs).Run(t.Context(), false) // what it meant to do may be done
				}()
				<-other.stopped
			})
			files := w.files()
			files.SetUnlocked()
			files.SetStep(func(point string) {
				if point == "look" {
					meanwhile()
				}
			})
			_, err := w.runner(files, &ours).Run(t.Context(), false)
			close(other.on)
			<-finished
			if err != nil {
				t.Fatal(err)
			}
			w.run()
			w.run()
			if got := w.tree(); !slices.Equal(got, j.want) || len(w.pending()) > 0 {
				t.Errorf("files %q, want %q; rows %q; we: %q, the other one: %q", got, j.want, w.pending(), w.lines(ours), w.lines(theirs))
			}
		})
	}
}

// halfWay stops once a home is out of everybody's way, until it may go on.
type halfWay struct {
	*mailops.Files
	stopped, on chan struct{}
}

func (h *halfWay) Open(ctx context.Context) (mailops.Session, error) {
	s, err := h.Files.Open(ctx)
	return &halfWaySession{s, h}, err
}

type halfWaySession struct {
	mailops.Session
	h *halfWay
}

func (s *halfWaySession) Carry(ctx context.Context, op *mailops.Operation, f mailops.Facts, dry bool) (string, error) {
	return s.Session.Carry(ctx, op, &halfWayFacts{Facts: f, stop: sync.OnceFunc(func() { close(s.h.stopped); <-s.h.on })}, dry)
}

type halfWayFacts struct {
	mailops.Facts
	stop func()
}

func (f *halfWayFacts) Pending(ctx context.Context, op *mailops.Operation) error {
	f.stop()
	return f.Facts.Pending(ctx, op)
}
