package keyring

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/store"
)

var times = Times{Settle: time.Hour, Retire: 8 * 24 * time.Hour}

func TestStages(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	key := func(id uint32, s Stage, age time.Duration) store.SigningKey {
		return store.SigningKey{ID: id, Selector: fmt.Sprintf("s%d", id), Algorithm: "rsa", Stage: string(s), Changed: now.Add(-age).UnixMicro()}
	}
	ed := key(9, Active, time.Hour)
	ed.Algorithm = "ed25519"
	day := 24 * time.Hour
	for _, tc := range []struct {
		name   string
		keys   []store.SigningKey
		answer Answer // for key 1
		want   string
	}{
		{"new, not there", []store.SigningKey{key(1, New, day)}, No, ""},
		{"new, nobody knows", []store.SigningKey{key(1, New, day)}, Unknown, ""},
		{"new, there", []store.SigningKey{key(1, New, day)}, Yes, "1 published"},
		{"published a moment ago", []store.SigningKey{key(1, Published, 59*time.Minute)}, Yes, ""},
		{"published long enough", []store.SigningKey{key(1, Published, time.Hour)}, Yes, "1 active"},
		{"published, nobody knows now", []store.SigningKey{key(1, Published, day)}, Unknown, ""},
		{"published and gone again", []store.SigningKey{key(1, Published, day)}, No, "1 new"},
		{"takes the place of another", []store.SigningKey{key(2, Active, day), key(1, Published, day), ed}, Yes, "1 active, 2 retiring"},
		{"two active by hand", []store.SigningKey{key(2, Active, day), key(1, Active, time.Hour)}, Unknown, "2 retiring"},
		{"active, gone from DNS", []store.SigningKey{key(1, Active, day)}, No, ""},
		{"retiring", []store.SigningKey{key(1, Retiring, 8*day-time.Minute)}, Yes, ""},
		{"retired", []store.SigningKey{key(1, Retiring, 8*day)}, Yes, "1 gone"},
		{"gone", []store.SigningKey{key(1, Gone, 100*day)}, Yes, ""},
		{"a stage that we do not know", []store.SigningKey{key(1, "x", 100*day)}, Yes, ""},
	} {
		got := ""
		for i, c := range Next(tc.keys, map[uint32]Answer{1: tc.answer}, now, times) {
			if i > 0 {
				got += ", "
			}
			got += fmt.Sprintf("%d %s", c.Key.ID, c.To)
			if c.Why == "" {
				t.Errorf("%s: no reason", tc.name)
			}
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := Next([]store.SigningKey{key(1, Retiring, 6*day)}, nil, now, Times{}); got != nil {
		t.Errorf("retired before seven days: %v", got)
	}
	if got := Activate([]store.SigningKey{key(2, Active, day), key(1, New, day), ed}, 1, "by order"); len(got) != 2 || got[0].To != Active || got[1].Key.ID != 2 || got[1].To != Retiring {
		t.Errorf("activated by order: %v", got)
	}
	if got := Activate([]store.SigningKey{key(1, Active, day)}, 1, "by order"); got != nil {
		t.Errorf("activated again: %v", got)
	}
}

// TestStagesKeepTheirPromises lets DNS say anything, for weeks.
func TestStagesKeepTheirPromises(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		now := time.Unix(1e9, 0)
		var keys []store.SigningKey
		for i := range rapid.IntRange(1, 4).Draw(t, "keys") {
			keys = append(keys, store.SigningKey{ID: uint32(i + 1), Algorithm: rapid.SampledFrom([]string{"rsa", "ed25519"}).Draw(t, "algorithm"), Stage: string(New), Changed: now.UnixMicro()})
		}
		seen := map[uint32]time.Time{} // since when DNS has shown it without a break
		for range rapid.IntRange(1, 60).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour / 2)
			answers := map[uint32]Answer{}
			for _, k := range keys {
				answers[k.ID] = Answer(rapid.IntRange(0, 2).Draw(t, "answer"))
				switch _, ok := seen[k.ID]; {
				case answers[k.ID] == No:
					delete(seen, k.ID)
				case answers[k.ID] == Yes && !ok:
					seen[k.ID] = now
				}
			}
			active := activeOf(keys)
			for _, c := range Next(keys, answers, now, times) {
				k := &keys[c.Key.ID-1]
				at, ok := seen[k.ID]
				switch {
				case c.To == Active && (answers[k.ID] != Yes || !ok || now.Sub(at) < times.Settle):
					t.Fatalf("%v became active without having been seen long enough", *k)
				case c.To == Gone && now.Sub(time.UnixMicro(k.Changed)) < MinRetire:
					t.Fatalf("%v went too early", *k)
				}
				k.Stage, k.Changed = string(c.To), now.UnixMicro()
				for a := range active {
					if activeOf(keys)[a] == 0 {
						t.Fatalf("nothing is active in the midst of %v", c)
					}
				}
			}
			for a, n := range activeOf(keys) {
				if n > 1 {
					t.Fatalf("%d active %s keys", n, a)
				}
			}
			if again := Next(keys, answers, now, times); len(again) > 0 && again[0].To != Published {
				t.Fatalf("not all that was due was done: %v", again)
			}
		}
	})
}

func activeOf(keys []store.SigningKey) map[string]int {
	n := map[string]int{}
	for _, k := range keys {
		if k.Stage == string(Active) {
			n[k.Algorithm]++
		}
	}
	return n
}
