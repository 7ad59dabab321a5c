package dbtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vmapd/vmapd/store/db"
)

// EachModoboa runs f on databases that Modoboa itself made, of the releases
// 1.10.0 and 2.9.3 on each engine (see Each), as subtests "RELEASE/ENGINE". The
// test is skipped unless VMAPD_FIXTURES names a folder that has their dumps in
// modoboa/RELEASE.
func EachModoboa(t *testing.T, f func(t *testing.T, url, release string)) {
	t.Helper()
	dir := os.Getenv("VMAPD_FIXTURES")
	if dir == "" {
		t.Skip("VMAPD_FIXTURES names no folder with databases of Modoboa")
	}
	for _, release := range []string{"1.10.0", "2.9.3"} {
		t.Run(release, func(t *testing.T) {
			Each(t, func(t *testing.T, url string) {
				LoadModoboa(t, url, filepath.Join(dir, "modoboa", release))
				f(t, url, release)
			})
		})
	}
}

// LoadModoboa fills an empty database from the dumps of one release.
func LoadModoboa(t testing.TB, url, dir string) {
	t.Helper()
	names := map[db.Dialect][]string{db.SQLite: {"sqlite-full.sql"}, db.PostgreSQL: {"postgres-schema.sql", "postgres-data.sql"}, db.MySQL: {"mariadb-full.sql"}}
	for _, name := range names[Open(t, url, db.Options{}).Dialect] {
		RunFiles(t, url, filepath.Join(dir, name))
	}
}
