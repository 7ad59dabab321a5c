package dbtest

import (
	"fmt"
	"testing"

	"github.com/vmapd/vmapd/store/db"
)

// added are the tables that came with the numbered files of
// store/modoboa/schema after the first, those that refer to others first.
var added = []struct {
	version int
	tables  []string
}{
	{5, []string{"vmapd_dns_check", "dnstools_dnsrecord", "admin_dnsblresult", "admin_mxrecord"}},
	{3, []string{"vmapd_job"}},
	{2, []string{"vmapd_dkim_key"}},
}

// Downgrade makes tables that vmapd init made into those of an older vmapd.
func Downgrade(t testing.TB, d *db.DB, to int) {
	t.Helper()
	for _, a := range added {
		if a.version <= to {
			continue
		}
		for _, table := range a.tables {
			Exec(t, d, "DROP TABLE IF EXISTS "+table)
		}
	}
	Exec(t, d, fmt.Sprintf("DELETE FROM vmapd_schema WHERE version > %d", to))
}
