package page

import "testing"

// TestSendingBars: a limit is a bar, a suspension a word; nothing is shown of
// whom nobody knows.
func TestSendingBars(t *testing.T) {
	p := &page{o: Options{Sending: func(name string) (Sending, bool) {
		return Sending{Suspended: "until it is released: x", Limits: []SendLimit{
			{Unit: "recipients", Window: "day", Used: 96, Max: 100}, {Unit: "bytes", Window: "1h", Used: 1 << 20, Max: 10 << 20}, {Unit: "messages", Window: "day"},
		}}, name == "ann@one.test"
	}}}
	a := &about{}
	a.addSending(p, "nobody@one.test")
	a.addSending(&page{}, "ann@one.test")
	if len(a.Bars)+len(a.Facts) != 0 {
		t.Errorf("%+v", a)
	}
	a.addSending(p, "ann@one.test")
	if len(a.Bars) != 3 || len(a.Facts) != 1 {
		t.Fatalf("%+v", a)
	}
	for i, want := range []bar{{96, "bad", "96 of 100 (96 %)", "Recipients per day"}, {10, "good", "1 MB of 10 MB (10 %)", "Sent per 1h"}, {100, "bad", "0 of 0 (100 %)", "Messages sent per day"}} {
		if a.Bars[i] != want {
			t.Errorf("%+v, want %+v", a.Bars[i], want)
		}
	}
}
