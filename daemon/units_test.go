package daemon

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUnits: what is known of the units is what they say.
func TestUnits(t *testing.T) {
	files, err := filepath.Glob("../contrib/systemd/*.socket")
	if err != nil {
		t.Fatal(err)
	}
	value := func(text []byte, key string) string {
		m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindSubmatch(text)
		if m == nil {
			t.Fatalf("%s is missing in\n%s", key, text)
		}
		return string(m[1])
	}
	got := map[string]unit{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got["systemd:"+value(text, "FileDescriptorName")] = unit{filepath.Base(file), "unix:" + value(text, "ListenStream")}
	}
	if diff := cmp.Diff(units(), got, cmp.AllowUnexported(unit{})); diff != "" {
		t.Error(diff)
	}
	if l := (Listen{Address: "systemd:other"}); l.Place() != "systemd:other" || l.Unit() != "" {
		t.Errorf("a unit of somebody else: %q, %q", l.Place(), l.Unit())
	}
}
