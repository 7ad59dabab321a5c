package mailops_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/mailops"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestRun carries out what a day may bring, on each engine.
func TestRun(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.mail("one.test/ann/Maildir/cur/1", "one.test/ann/Maildir/dovecot.index", "one.test/ann/sieve/a.sieve", "one.test/bob/Maildir/new/2", "one.test/gone/Maildir/cur/3", "one.test/other/Maildir/cur/4")
		w.address("ann@one.test", "anna@two.test")
		w.order("rename", w.home("ann@one.test"), "anna@two.test")
		w.order("delete", w.home("gone@one.test"), "")
		w.order("rename", w.home("never@one.test"), "cem@two.test")
		w.order("delete", w.home("never@one.test"), "")
		same(t, "results", w.run(), []string{"1 done: moved", "2 done: removed", "3 done: there is no such folder", "4 done: there is no such folder"})
		same(t, "files", w.tree(), []string{
			"one.test/bob/Maildir/new/2", "one.test/other/Maildir/cur/4",
			"two.test/anna/Maildir/cur/1 = one.test/ann/Maildir/cur/1", "two.test/anna/Maildir/dovecot.index = one.test/ann/Maildir/dovecot.index", "two.test/anna/sieve/a.sieve = one.test/ann/sieve/a.sieve",
		})
		same(t, "rows", w.pending(), []string{})
		log := strings.ReplaceAll(strings.Join(w.column("SELECT message FROM core_log WHERE logger = 'modoboa.admin' ORDER BY id"), "\n"), w.root, "~")
		if want := "Rename mailbox ~/one.test/ann to ~/two.test/anna succeed\nDelete mailbox ~/one.test/gone succeed"; !strings.Contains(log, want) {
			t.Errorf("core_log has %s", log)
		}
		same(t, "a second run", w.run(), []string{})
	})
}

// TestRefused keeps rows that cannot be carried out, and touches nothing.
func TestRefused(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.mail("one.test/ann/cur/1", "one.test/bob/cur/2", "two.test/cem/cur/3", "x/y/z/cur/4")
		before := w.tree()
		for _, argument := range []string{
			"", "one.test/gone", w.root, w.root + "/", w.root + "/one.test", w.root + "/one.test/", w.root + "/one.test/ann/cur", w.root + "/x/../one.test",
			w.root + "/one.test/../../etc", "/etc/passwd", "/", w.root + "x/a/b", w.root + "/one.test/.vmapd-deleted-1-00000000",
		} {
			w.order("delete", argument, "")
		}
		w.order("shred", w.home("ann@one.test"), "")
		same(t, "results", w.run(), []string{
			`1 kept: "" is no path`,
			"2 kept: one.test/gone is not an absolute path",
			"3 kept: ~ is mailboxes.root itself",
			"4 kept: ~/ is mailboxes.root itself",
			"5 kept: ~/one.test is a folder that holds mailboxes (by dovecot.home a mailbox lies 2 folders below mailboxes.root), not one mailbox",
			"6 kept: ~/one.test/ is a folder that holds mailboxes (by dovecot.home a mailbox lies 2 folders below mailboxes.root), not one mailbox",
			"7 kept: ~/one.test/ann/cur is a folder within a mailbox (by dovecot.home a mailbox lies 2 folders below mailboxes.root)",
			`8 kept: ~/x/../one.test has ".." in it`,
			`9 kept: ~/one.test/../../etc has ".." in it`,
			"10 kept: /etc/passwd is not below mailboxes.root, ~",
			"11 kept: / is not below mailboxes.root, ~",
			"12 kept: ~x/a/b is not below mailboxes.root, ~",
			"13 kept: ~/one.test/.vmapd-deleted-1-00000000 has a name in it that begins with .vmapd-, which vmapd gives to folders it works on",
			`14 kept: ~/one.test/ann has an operation "shred" in store, and vmapd knows rename and delete`,
		})
		same(t, "files", w.tree(), before)
		w.run()
		if n := len(w.column("SELECT message FROM core_log WHERE level = 'critical'")); n != 14 {
			t.Errorf("core_log has %d lines, want one for each", n)
		}
	})
}

// TestHalt leaves an operation alone that failed, and those after it that are
// about the same folders.
func TestHalt(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.mail("one.test/bob/cur/1", "two.test/new/cur/2", "one.test/ann/cur/3")
	w.address("bob@one.test", "new@two.test")
	w.order("rename", w.home("bob@one.test"), "new@two.test")
	w.order("delete", w.home("bob@one.test"), "")
	w.order("delete", w.home("other@one.test"), "")
	var got []mailops.Result
	o := options(w.db, w.root, w.files())
	now := time.Now()
	o.Now = func() time.Time { return now }
	o.Report = func(r mailops.Result) { got = append(got, r) }
	var alarms alarmed
	o.Alarms = &alarms
	r := mailops.NewRunner(o)
	run := func(want ...string) {
		t.Helper()
		got = nil
		if _, err := r.Run(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		same(t, "results", w.lines(got), append([]string{}, want...))
	}
	const full = "1 kept: ~/one.test/bob cannot become ~/two.test/new: both hold mail (there: ~/two.test/new/cur/2), and vmapd does not merge mailboxes"
	run(full, "3 done: there is no such folder")
	run()
	now = now.Add(61 * time.Second)
	run(full)
	now = now.Add(61 * time.Second)
	run()
	if s := r.Status(); s.Pending != 2 || len(s.Failed) != 1 || s.Oldest != 122*time.Second || s.Failed[0].Remedy == "" {
		t.Errorf("status %+v", s)
	}
	now = now.Add(2 * time.Hour)
	if err := os.RemoveAll(w.home("new@two.test")); err != nil {
		t.Fatal(err)
	}
	run("1 done: moved", "2 done: there is no such folder")
	if s := r.Status(); s.Pending != 0 || len(s.Failed) != 0 {
		t.Errorf("status %+v", s)
	}
	same(t, "alarms", alarms, []string{"failed new@two.test", "settled new@two.test"})
}

// alarmed is what was told.
type alarmed []string

func (a *alarmed) OperationFailed(address string, _ mailops.Result) {
	*a = append(*a, "failed "+address)
}

func (a *alarmed) OperationSettled(address string) { *a = append(*a, "settled "+address) }
