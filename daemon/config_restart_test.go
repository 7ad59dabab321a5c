package daemon

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAfterRestart: a changed setting that a reload does not follow is named, and
// its documentation says so.
func TestAfterRestart(t *testing.T) {
	was, is := Default(), Default()
	if got := afterRestart(was, is); len(got) > 0 {
		t.Errorf("nothing has changed: %v", got)
	}
	is.StateDir, is.Policy.WarnAt, is.Guard.Exempt, is.Dovecot.Mechanisms = "/elsewhere", 90, nil, []string{"PLAIN"}
	is.Log.Level, is.Listen[0].Address = "debug", "unix:/elsewhere/socketmap" // a reload follows these
	want := []string{"dovecot.mechanisms", "guard.exempt", "policy.warn_at", "state_dir"}
	if diff := cmp.Diff(want, afterRestart(was, is)); diff != "" {
		t.Error(diff)
	}
	for _, key := range []string{"\nstate_dir = ", "\nwarn_at = ", "\nexempt = ", "\nmechanisms = "} {
		before, _, found := strings.Cut(Commented(), key)
		before = strings.Join(strings.Fields(strings.ReplaceAll(before, "#", "")), " ")
		if !found || !strings.HasSuffix(before, " Takes effect after a restart.") {
			t.Errorf("%q is documented as\n...%s", key, before[max(0, len(before)-100):])
		}
	}
}

// TestOverview: the head of the file names every section.
func TestOverview(t *testing.T) {
	head, _, _ := strings.Cut(Commented(), "\n\n")
	for _, s := range Settings() {
		if s.Key == "" && strings.HasPrefix(s.Section, "[") {
			if _, about, found := strings.Cut(head, "\n# "+s.Section); !found || len(strings.TrimSpace(strings.SplitN(about, "\n", 2)[0])) < 5 {
				t.Errorf("nothing is said of %s", s.Section)
			}
		}
	}
}
