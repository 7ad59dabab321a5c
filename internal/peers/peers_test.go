package peers

import (
	"strings"
	"testing"
)

// verdict records what a test was told.
type verdict struct {
	testing.TB
	skipped, failed string
}

func (v *verdict) Helper()           {}
func (v *verdict) Skip(args ...any)  { v.skipped = args[0].(error).Error() }
func (v *verdict) Fatal(args ...any) { v.failed = args[0].(error).Error() }

// TestMissingPrograms: without the programs a test is skipped; where they are
// required it fails. Either way the package is named.
func TestMissingPrograms(t *testing.T) {
	for setting, required := range map[string]bool{"": false, "optional": false, "required": true} {
		t.Setenv("VMAPD_PEERS", setting)
		v := &verdict{TB: t}
		Program(v, "no-such-program", "a-package")
		got := v.skipped
		if required {
			got = v.failed
		}
		if !strings.Contains(got, "apt-get install --no-install-recommends a-package") || (v.failed != "") != required {
			t.Errorf("VMAPD_PEERS=%q: skipped %q, failed %q", setting, v.skipped, v.failed)
		}
	}
}

func TestPrograms(t *testing.T) {
	t.Setenv("VMAPD_PEERS", "required")
	v := &verdict{TB: t}
	if path := Program(v, "sh", "dash"); !strings.HasSuffix(path, "/sh") || v.failed != "" {
		t.Errorf("%q %q", path, v.failed)
	}
}
