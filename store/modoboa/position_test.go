package modoboa

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

func samplePositions() []position {
	one := "1"
	return []position{
		{Dialect: "postgres", Epoch: "A", Tables: "x", Pruned: 3, Last: 9, Snapshot: "7:9:7,8", Seen: []int64{4, 3}},
		{Dialect: "mysql", Epoch: "A", Tables: "x", Last: 9, Gaps: []gap{{2, 3, 100}, {5, 8, 101}}, Mins: map[string]*string{"admin_alias": nil, "admin_domain": &one}},
		{Dialect: "sqlite", Epoch: "A", Tables: "4", Last: 9},
	}
}

func dialects() []db.Dialect { return []db.Dialect{db.SQLite, db.PostgreSQL, db.MySQL} }

// FuzzPosition: a position comes from a file on disk. Whatever it is, it is
// read back as it was or refused as lost.
func FuzzPosition(f *testing.F) {
	for _, p := range samplePositions() {
		f.Add(string(p.text()))
	}
	f.Add(`{"d":"mysql","e":"A","n":5,"g":[[1,4,0]],"m":{"x; drop table y":null}}`)
	f.Add(`{"d":"postgres","e":"A","s":"9:7:"}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range dialects() {
			p, err := parsePosition(store.Position(text), d)
			if err != nil {
				if !errors.Is(err, store.ErrLost) {
					t.Fatalf("%v is not ErrLost", err)
				}
				continue
			}
			again, err := parsePosition(p.text(), d)
			if err != nil {
				t.Fatalf("%s, written as %s: %v", text, p.text(), err)
			}
			if again.text() != p.text() {
				t.Fatalf("%s is read back as %s", p.text(), again.text())
			}
			for name := range p.Mins {
				if keyOf(name) == "" {
					t.Fatalf("a table %q", name)
				}
			}
			p.low()
		}
	})
}

func TestPositions(t *testing.T) {
	for i, p := range samplePositions() {
		d := []db.Dialect{db.PostgreSQL, db.MySQL, db.SQLite}[i]
		got, err := parsePosition(p.text(), d)
		if diff := cmp.Diff(&p, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", p.text(), err, diff)
		}
		for _, other := range dialects() {
			if _, err := parsePosition(p.text(), other); (err == nil) != (other == d) {
				t.Errorf("%s as %s: %v", p.text(), other, err)
			}
		}
	}
	for _, bad := range []string{
		"", "{}", "x", `{"d":"mysql","e":"A","n":5,"g":[[3,2,0]]}`, `{"d":"mysql","e":"A","n":5,"g":[[1,5,0]]}`,
		`{"d":"mysql","e":"A","n":5,"g":[[2,3,0],[3,4,0]]}`, `{"d":"mysql","e":"A","n":5,"m":{"mysql.user":"x"}}`, `{"d":"mysql","e":"","n":5}`,
	} {
		if _, err := parsePosition(store.Position(bad), db.MySQL); !errors.Is(err, store.ErrLost) {
			t.Errorf("%q: %v, want ErrLost", bad, err)
		}
	}
}

// TestGaps compares the arithmetic of gaps with sets of ids.
func TestGaps(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		last := rapid.Int64Range(1, 40).Draw(t, "last")
		there := rapid.SliceOfN(rapid.Bool(), int(last), int(last)).Draw(t, "first there")
		later := rapid.SliceOfN(rapid.Bool(), int(last), int(last)).Draw(t, "later there")
		there[last-1] = true
		var first, second []int64
		want := map[int64]bool{}
		for i := range last {
			switch {
			case there[i]:
				first = append(first, i+1)
			case later[i]:
				second = append(second, i+1)
			default:
				want[i+1] = true
			}
		}
		got := map[int64]bool{}
		for _, g := range closeGaps(gapsBetween(nil, 0, first, 7), second) {
			for id := g[0]; id <= g[1]; id++ {
				got[id] = true
			}
			if g[2] != 7 {
				t.Fatalf("gap %v lost its age", g)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
