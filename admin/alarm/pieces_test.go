package alarm

import (
	"fmt"
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
