package dbtest

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
// required it fails and names the package.
func TestMissingPrograms(t *testing.T) {
	for setting, required := range map[string]bool{"": false, "optional": false, "required": true} {
		t.Setenv("VMAPD_PEERS", setting)
		v := &verdict{TB: t}
		need(v, &missingError{"MariaDB", "mariadb-server"})
		got := v.skipped
		if required {
			got = v.failed
		}
		if !strings.Contains(got, "apt-get install --no-install-recommends mariadb-server") || (v.failed != "") != required {
			t.Errorf("VMAPD_PEERS=%q: skipped %q, failed %q", setting, v.skipped, v.failed)
		}
	}
}
