package modoboa_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// accountLines is a file of n accounts in a domain and an alias for each.
func accountLines(domain string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "domain;%s;0;100;true\n", domain)
	for i := range n {
		fmt.Fprintf(&b, "account;u%d@%[2]s;{PLAIN}x;First%[1]d;Last;true;SimpleUsers;u%[1]d@%[2]s;0\nalias;a%[1]d@%[2]s;true;u%[1]d@%[2]s;x@far.test\n", i, domain)
	}
	return b.String()
}

// TestImportLarge fills several statements of each table.
func TestImportLarge(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		var done, total int64
		r := importCSV(t, d, accountLines("large.test", 2000), modoboa.ImportOptions{Progress: func(a, b int64) { done, total = a, b }})
		if r.Created["mailbox"] != 2000 || r.Created["recipient"] != 4000 || done != total || done == 0 {
			t.Errorf("created %v, progress %d of %d", r.Created, done, total)
		}
		for _, key := range []string{"u0", "u999", "u1999"} {
			if got, want := askSQL(t, d, "sender-login", "a"+key[1:]+"@large.test"), key+"@large.test"; got != want {
				t.Errorf("sender-login of the alias of %s: %q", key, got)
			}
		}
	})
}

// TestImportTogether runs two imports at once: ids must not collide, and both
// files must be there whole.
func TestImportTogether(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		importCSV(t, d, base+"domainalias;three.test;one.test;1\nalias;x@one.test;1;a@one.test\n", modoboa.ImportOptions{})
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				text := accountLines(fmt.Sprintf("d%d.test", i), 300)
				if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(text), modoboa.ImportOptions{}); err != nil {
					t.Errorf("import %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		got := column(t, d, `SELECT d.name, count(*) FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id
			JOIN core_user u ON u.id = m.user_id JOIN admin_quota q ON q.username = u.email WHERE d.name LIKE 'd%' GROUP BY d.name`)
		if strings.Join(got, ",") != "d0.test 300,d1.test 300" {
			t.Errorf("mailboxes %v", got)
		}
	})
}

func BenchmarkImport10000(b *testing.B) {
	text := accountLines("large.test", 10000)
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return dbtest.SQLite(b) },
		"postgres": func() string { return dbtest.Postgres(b).NewDatabase(b) },
		"mariadb":  func() string { return dbtest.MariaDB(b).NewDatabase(b) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				d, err := db.Open(url(), db.Options{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := modoboa.Init(b.Context(), d, modoboa.InitOptions{}); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err := modoboa.ImportCSV(b.Context(), d, strings.NewReader(text), modoboa.ImportOptions{}); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				d.Close()
				b.StartTimer()
			}
		})
	}
}
