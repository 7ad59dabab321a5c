package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store"
)

// TestWeakSchemesRefused: a weak hash is an error where logins with it are
// refused.
func TestWeakSchemesRefused(t *testing.T) {
	w := newWorld()
	w.domain("example.test")
	w.box("a@example.test", hash("{MD5}7b0ed3d418fc6f2573cc1a142f0311e4"))
	w.box("b@example.test", hash("{SHA256}xMF9OUJ8iMRU2DU0IJFVfOKU1/P620fJJ5/tV3elHB4="))
	finds(t, examine(t, Input{Snapshot: w.build(), DefaultScheme: "CRYPT"}), "password-weak error: a@example.test", "password-weak warning: b@example.test")
}

// TestManySubjects: of each level 20 are shown, the others are counted.
func TestManySubjects(t *testing.T) {
	w := newWorld()
	w.domain("example.test")
	for i := range 50 {
		w.alias(fmt.Sprintf("a%02d@example.test", i))
	}
	list := diagnose(t, w)
	last := list[len(list)-1]
	if len(list) != 21 || last.Count != 30 || last.Subject != "30 more" || list[0].Subject != "a00@example.test" {
		t.Errorf("%d findings, the last one %+v", len(list), last)
	}
}

func TestOnly(t *testing.T) {
	w := newWorld()
	w.domain("strange.test", func(d *store.Domain) { d.Type = store.OtherDomain })
	w.alias("a@strange.test")
	w.alias("a@gone.test")
	finds(t, diagnose(t, w, "domains"), "domain-type warning: strange.test")
	finds(t, diagnose(t, w, "orphan-alias", "domain-type"), "domain-type warning: strange.test", "orphan-alias warning: a@gone.test")
	if _, err := Run(t.Context(), Input{Only: []string{"aliases", "nosuch"}}); err == nil || !strings.Contains(err.Error(), `"nosuch"`) {
		t.Errorf("an unknown name: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Input{Snapshot: newWorld().build()}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of ctx: %v", err)
	}
}

// TestNamesOfChecks: names are unique, so that --only means one thing.
func TestNamesOfChecks(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Checks() {
		if c.Name == "" || c.Group == "" || c.Text == "" || c.Do == "" || seen[c.Name] {
			t.Errorf("check %q of group %q: no name, no group, no text, nothing to do, or twice", c.Name, c.Group)
		}
		seen[c.Name] = true
	}
	for _, g := range Groups() {
		if seen[g] {
			t.Errorf("%q is a check and a group", g)
		}
	}
}
