package spool_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/spool"
)

// BenchmarkPut measures acknowledged writes with 1, 16 and 64 writers at once.
// "fsync" is the physical limit of one writer: a page appended and synced.
func BenchmarkPut(b *testing.B) {
	b.Run("fsync", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "file"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		page := make([]byte, 4096)
		for b.Loop() {
			if _, err := f.Write(page); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
	})
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := open(b, path(b), spool.Options{})
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						put(b, s, quota(int(n)%100_000, n))
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			st := s.Stats()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			b.ReportMetric(float64(st.Acknowledged)/float64(st.Commits), "writes/commit")
		})
	}
}

// BenchmarkDrain measures how fast a backlog reaches the databases.
func BenchmarkDrain(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{
		"sqlite":   dbtest.SQLite,
		"postgres": func(t testing.TB) string { return dbtest.Postgres(t).NewDatabase(t) },
		"mariadb":  func(t testing.TB) string { return dbtest.MariaDB(t).NewDatabase(t) },
	} {
		b.Run(name, func(b *testing.B) {
			const users = 5000
			d := mailboxes(b, url(b), users)
			s := open(b, path(b), spool.Options{})
			batch := make([]spool.Write, users)
			n := int64(0)
			for b.Loop() {
				b.StopTimer()
				n++
				for u := range batch {
					batch[u] = quota(u, n)
				}
				put(b, s, batch...)
				b.StartTimer()
				stop := run(b, s, &modoboa.WriteBack{DB: d})
				eventually(b, "the spool is drained", func() bool { return s.Stats().Pending == 0 })
				stop()
			}
			b.ReportMetric(float64(users)*float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
