package modoboa_test

import (
	"fmt"
	"testing"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// BenchmarkFollow measures what a look for changes costs when there is none,
// and when one row has changed (the change itself is not counted).
func BenchmarkFollow(b *testing.B) {
	urls := []string{dbtest.SQLite(b), dbtest.Postgres(b).NewDatabase(b), dbtest.MariaDB(b).NewDatabase(b)}
	for i, name := range []string{"sqlite", "postgres", "mariadb"} {
		d := dbtest.Open(b, urls[i], db.Options{})
		makeTables(b, d, newest())
		insert(b, d, newest(), "admin_domain", "id, name, type, enabled, quota, default_mailbox_quota", 1, "one.test", "domain", true, 0, 0)
		install(b, d)
		f := newFollower(b, d)
		b.Run(name+"/idle", func(b *testing.B) {
			for b.Loop() {
				if n := f.step(); n != 0 {
					b.Fatal(n)
				}
			}
		})
		n := 0
		b.Run(name+"/one row", func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				n++
				dbtest.Exec(b, d, fmt.Sprintf("update admin_domain set quota = %d where id = 1", n))
				b.StartTimer()
				if got := f.step(); got != 1 {
					b.Fatal(got)
				}
			}
		})
	}
}
