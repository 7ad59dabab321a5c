package daemon

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUnitPlaces: what unitPlaces says is what the units say.
func TestUnitPlaces(t *testing.T) {
	units, err := filepath.Glob("../contrib/systemd/*.socket")
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
	got := map[string]string{}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		got["systemd:"+value(text, "FileDescriptorName")] = "unix:" + value(text, "ListenStream")
	}
	if diff := cmp.Diff(unitPlaces(), got); diff != "" {
		t.Error(diff)
	}
	if got := (Listen{Address: "systemd:other"}).Place(); got != "systemd:other" {
		t.Errorf("a unit of somebody else: %s", got)
	}
}
