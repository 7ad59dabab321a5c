package alarm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
)

func wantTold(t *testing.T, n *node, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string(nil), want...), append([]string(nil), n.hook.told()...)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestGrace tells what is open for long enough, once.
func TestGrace(t *testing.T) {
	n := start(t, t.TempDir(), nil)
	defer n.stop()
	n.grace = time.Minute
	n.Open(MailboxFull, "ann@one.test", "full", "")
	n.Open(MailboxFull, "bob@one.test", "full", "")
	n.must()
	n.Close(MailboxFull, "bob@one.test")
	n.must()
	wantTold(t, n)
	n.wait(time.Minute)
	n.must()
	n.must()
	wantTold(t, n, "opened mailbox_full ann@one.test")
	n.Close(MailboxFull, "ann@one.test")
	n.must()
	n.must()
	wantTold(t, n, "opened mailbox_full ann@one.test", "closed mailbox_full ann@one.test")
	n.Open(MailboxFull, "ann@one.test", "full", "")
	n.wait(2 * time.Minute)
	n.must()
	if len(n.hook.told()) != 3 {
		t.Errorf("told %q", n.hook.told())
	}
}

// TestView keeps nothing of a subject that is a view of something else: it would
// keep all of that, a snapshot for example.
func TestView(t *testing.T) {
	n := start(t, t.TempDir(), nil)
	defer n.stop()
	memory := []byte("ann@one.test")
	n.Open(MailboxFull, unsafe.String(&memory[0], len(memory)), "full", "")
	copy(memory, "bob")
	n.must()
	if !n.Holds(MailboxFull, "ann@one.test") {
		t.Errorf("there are alarms about %q", n.Subjects(MailboxFull))
	}
	wantTold(t, n, "opened mailbox_full ann@one.test")
}

// TestTogether sends what is due at the same time in one go.
func TestTogether(t *testing.T) {
	n := start(t, t.TempDir(), nil)
	defer n.stop()
	for i := range 250 {
		n.Open(MailboxFull, fmt.Sprintf("u%d@one.test", i), "full", "")
	}
	for range 3 {
		n.must()
	}
	var sizes []int
	for _, s := range n.hook.sends {
		sizes = append(sizes, len(s))
	}
	if diff := cmp.Diff([]int{100, 100, 50}, sizes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRetriesOutlastARestart fails for a while, restarts, and tells all once.
func TestRetriesOutlastARestart(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, nil)
	n.hook.fail(errors.New("down"))
	n.Open(MailboxFull, "ann@one.test", "full", "")
	n.Open(MailboxFull, "bob@one.test", "full", "")
	for range 3 {
		if n.step() == nil {
			t.Fatal("a failure is not reported")
		}
	}
	n.Close(MailboxFull, "bob@one.test")
	n.stop()
	m := start(t, dir, nil)
	m.clock = n.clock
	if !m.Holds(MailboxFull, "ann@one.test") || m.Holds(MailboxFull, "bob@one.test") {
		t.Errorf("held after a restart: %v", m.Subjects(MailboxFull))
	}
	m.must()
	got := m.hook.told()
	slices.Sort(got)
	if diff := cmp.Diff([]string{"closed mailbox_full bob@one.test", "opened mailbox_full ann@one.test", "opened mailbox_full bob@one.test"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m.stop()
	m = start(t, dir, nil)
	defer m.stop()
	m.clock = n.clock
	m.must()
	wantTold(t, m)
}

// TestRefusedAlone finds the one event that a receiver does not take.
func TestRefusedAlone(t *testing.T) {
	n := start(t, t.TempDir(), nil)
	defer n.stop()
	for _, s := range []string{"a@one.test", "bad@one.test", "c@one.test"} {
		n.Open(MailboxFull, s, "full", "")
	}
	picky := &pickyChannel{channel: n.hook}
	n.o.Channels = func() Channels { return Channels{Hook: picky} }
	for range 6 {
		n.must()
	}
	got := n.hook.told()
	slices.Sort(got)
	if diff := cmp.Diff([]string{"opened mailbox_full a@one.test", "opened mailbox_full c@one.test"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(n.errs) != 1 {
		t.Errorf("reported %q", n.errs)
	}
}

// TestTooOld gives up after a week.
func TestTooOld(t *testing.T) {
	n := start(t, t.TempDir(), nil)
	defer n.stop()
	n.hook.fail(errors.New("down"))
	n.Open(MailboxFull, "ann@one.test", "full", "")
	_ = n.step()
	n.wait(tooOld + time.Hour)
	n.hook.fail(nil)
	n.must()
	wantTold(t, n)
}

// TestDatabaseAway opens and closes while there is no database, over a restart.
func TestDatabaseAway(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *db.DB) {
		away, err := db.Open("postgres://nobody@127.0.0.1:1/away", db.Options{ConnectTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer away.Close()
		away.Name = d.Name // the same one, that does not answer
		dir := t.TempDir()
		n := start(t, dir, just(away))
		n.Open(MailboxFull, "ann@one.test", "full", "")
		n.Open(MailboxFull, "bob@one.test", "full", "")
		if n.step() == nil {
			t.Fatal("no error")
		}
		n.Close(MailboxFull, "bob@one.test")
		_ = n.step()
		wantTold(t, n)
		n.wait(patience)
		_ = n.step()
		if len(n.hook.told()) != 3 {
			t.Errorf("told without the database: %q", n.hook.told())
		}
		n.stop()
		again := start(t, dir, just(d))
		defer again.stop()
		again.clock = n.clock
		for range 2 {
			again.must()
		}
		got := rowsOf(t, d)
		slices.Sort(got)
		if diff := cmp.Diff([]string{"mailbox_full one.test ann 1", "mailbox_full one.test bob 2"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		wantTold(t, again)
	})
}

// TestDamagedFile begins with an empty one.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "alarms.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	n := start(t, dir, nil)
	n.Open(MailboxFull, "ann@one.test", "full", "")
	n.must()
	n.stop()
	if moved, _ := filepath.Glob(path + ".damaged-*"); len(moved) != 1 || len(n.errs) != 1 || !strings.Contains(n.errs[0], "damaged") {
		t.Errorf("moved to %q, reported %q", moved, n.errs)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	if n = start(t, dir, nil); !n.Holds(MailboxFull, "ann@one.test") {
		t.Error("the new file has nothing in it")
	}
	n.stop()
}

// TestForeignFile is not touched, and alarms work without a file.
func TestForeignFile(t *testing.T) {
	dir := t.TempDir()
	other, err := db.Open("sqlite:"+filepath.Join(dir, "alarms.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec("CREATE TABLE x (y)"); err != nil {
		t.Fatal(err)
	}
	other.Close()
	n := start(t, dir, nil)
	defer n.stop()
	n.Open(MailboxFull, "ann@one.test", "full", "")
	n.must()
	wantTold(t, n, "opened mailbox_full ann@one.test")
	if len(n.Local()) != 1 || len(n.errs) != 1 || !strings.Contains(n.errs[0], "move it away") {
		t.Errorf("%+v, reported %q", n.Local(), n.errs)
	}
}

// pickyChannel refuses sends with one alarm in them.
type pickyChannel struct{ *channel }

func (c *pickyChannel) Send(ctx context.Context, events []Event) error {
	for _, e := range events {
		if e.Alarm.Mailbox == "bad@one.test" {
			return &RefusedError{errors.New("I do not like it")}
		}
	}
	return c.channel.Send(ctx, events)
}
