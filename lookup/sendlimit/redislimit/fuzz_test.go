package redislimit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/lookup/sendlimit"
)

// FuzzNames reads what may be in Redis: what is understood is written as it was.
func FuzzNames(f *testing.F) {
	f.Add("c:a:recipients:0:alice@example.com", "aalice@example.com", "5|6|0|false|true|why|not", "c:host/x:17", "12")
	f.Add("c:d:bytes:3600000000000:a:b:c", "d", "1|-2|3|true|false|", "c::", "v")
	f.Fuzz(func(t *testing.T, key, subject, text, field, value string) {
		if k, ok := parseKey(key); ok {
			again, ok := parseKey(keyName(k))
			if !ok || again != k {
				t.Errorf("%q: %+v, then %+v", key, k, again)
			}
		}
		if s, ok := decode(subject, text); ok {
			again, ok := decode(subject, encode(&s))
			if !ok || !cmp.Equal(again, s) {
				t.Errorf("%q: %+v, then %+v", text, s, again)
			}
		}
		r := &reply{list: []any{[]any{field, value, "v", int64(3)}}}
		if c := r.count(); !r.bad && c.Version != 3 {
			t.Errorf("%q %q: %+v", field, value, c)
		}
	})
}

// TestBadReplies are errors.
func TestBadReplies(t *testing.T) {
	for _, list := range [][]any{
		nil,
		{int64(1)},
		{"what"},
		{"ok"},
		{"ok", "x", int64(0), []any{}},
		{"ok", int64(5)},
		{"over", int64(5), int64(1), "x"},
		{"ok", int64(5), int64(1), []any{"v", "x"}},
	} {
		if a, err := answerOf(&reply{list: list}, 1); err == nil {
			t.Errorf("%v: %+v", list, a)
		}
	}
	a, err := answerOf(&reply{list: []any{"over", int64(5), int64(1), []any{"v", "2", "c:h/x:7", "-3", "odd"}}}, 1)
	want := &sendlimit.Answer{Now: 5, Passed: []bool{true}, Counts: []sendlimit.Count{{Version: 2, Cells: []sendlimit.Cell{{Node: "h/x", Bucket: 7, N: -3}}}}}
	if err != nil || !cmp.Equal(a, want) {
		t.Errorf("%+v, %v, want %+v", a, err, want)
	}
}

func TestTimes(t *testing.T) {
	for _, at := range []time.Time{{}, time.UnixMilli(1_700_000_000_123)} {
		if got := fromMillis(millis(at)); !got.Equal(at) {
			t.Errorf("%v, want %v", got, at)
		}
	}
}
