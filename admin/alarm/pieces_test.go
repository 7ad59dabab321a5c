package alarm

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestManyAreSavedInPieces: whatever piece is the last that a crash lets into the
// file, it has the oldest alarms, and none twice.
func TestManyAreSavedInPieces(t *testing.T) {
	const all = 2*saveBatch + saveBatch/2
	n := start(t, t.TempDir(), nil)
	defer n.stop()
	subject := func(i int) string { return fmt.Sprintf("user%d@example.com", i) }
	for i := range all {
		n.Open(MailboxFull, subject(i), "title", "detail")
	}
	piece := func() (left bool) {
		if !n.keeper.savePieces(saveBatch, func(time.Duration) bool { left = true; return false }) {
			t.Fatalf("not saved: %q", n.errs)
		}
		return left
	}
	inFile := func() []*record {
		t.Helper()
		list, _, err := n.keeper.file.load()
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range list[:min(len(list), all)] {
			if r.subject != subject(i) {
				t.Fatalf("number %d is about %s", i, r.subject)
			}
		}
		return list
	}
	if left, list := piece(), inFile(); !left || len(list) != saveBatch {
		t.Fatalf("%d in the file after one piece, more to come: %v", len(list), left)
	}
	n.Close(MailboxFull, subject(0))
	n.Open(MailboxFull, subject(0), "title", "again")
	if left, list := piece(), inFile(); !left || list[0].held || list[0].open() || len(list) != 2*saveBatch-1 {
		t.Fatalf("%d in the file after two pieces, more to come: %v, the first: %+v", len(list), left, list[0])
	}
	if left, list := piece(), inFile(); left || len(list) != all+1 || list[all].detail != "again" || !list[all].held {
		t.Fatalf("%d in the file at the end, more to come: %v, the last: %+v", len(list), left, list[len(list)-1])
	}
}

// TestEndInTime: what does not come into the file in time before the end is as if
// the process had crashed. It says so, and all is opened again, once.
func TestEndInTime(t *testing.T) {
	const all = 2*saveBatch + 1
	dir := t.TempDir()
	open := func(n *node) {
		for i := range all {
			n.Open(MailboxFull, fmt.Sprintf("user%d@example.com", i), "title", "detail")
		}
	}
	n := start(t, dir, nil)
	open(n)
	n.keeper.saveLast(0)
	n.keeper.close()
	if want := fmt.Sprintf("%d changes of alarms are left out", all-saveBatch); len(n.errs) != 1 || !strings.Contains(n.errs[0], want) {
		t.Errorf("reported %q, want %q", n.errs, want)
	}
	n = start(t, dir, nil)
	if n.Count() != saveBatch {
		t.Errorf("%d alarms after the restart, want those of one piece", n.Count())
	}
	open(n)
	n.keeper.saveLast(time.Hour)
	n.keeper.close()
	if len(n.errs) > 0 {
		t.Errorf("reported %q", n.errs)
	}
	n = start(t, dir, nil)
	defer n.stop()
	if n.Count() != all {
		t.Errorf("%d alarms in the end, want %d", n.Count(), all)
	}
}
