package postfixadmin_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/postfixadmin"
)

// largeSource is a database with n mailboxes in domains of 1,000, their rows of
// alias, and n aliases with two recipients.
func largeSource(t testing.TB, url string, n int) *db.DB {
	t.Helper()
	var b strings.Builder
	insert := func(into string, n int, row func(i int) string) {
		for from := 0; from < n; from += 500 {
			b.WriteString("INSERT INTO " + into + " VALUES ")
			for i := from; i < min(n, from+500); i++ {
				if i > from {
					b.WriteString(", ")
				}
				b.WriteString(row(i))
			}
			b.WriteString(";\n")
		}
	}
	in := func(i int) string { return fmt.Sprintf("d%d.test", i/1000) }
	insert("domain (domain, transport, backupmx, active)", (n+999)/1000, func(i int) string { return fmt.Sprintf("('d%d.test', 'virtual', {NO}, {YES})", i) })
	insert("mailbox (username, password, name, maildir, quota, domain, active)", n, func(i int) string {
		return fmt.Sprintf("('u%d@%[2]s', '$6$saltsalt$%[3]s', 'First%[1]d Last', '%[2]s/u%[1]d/', 104857600, '%[2]s', {YES})", i, in(i), strings.Repeat("x", 86))
	})
	insert("alias (address, goto, domain, active)", n, func(i int) string { return fmt.Sprintf("('u%d@%[2]s', 'u%[1]d@%[2]s', '%[2]s', {YES})", i, in(i)) })
	insert("alias (address, goto, domain, active)", n, func(i int) string {
		return fmt.Sprintf("('a%d@%[2]s', 'u%[1]d@%[2]s,x%[1]d@far.test', '%[2]s', {YES})", i, in(i))
	})
	insert("quota2 (username, bytes, messages)", n, func(i int) string { return fmt.Sprintf("('u%d@%s', %d, 1)", i, in(i), i) })
	return source(t, url, "4", b.String())
}

// TestMemory imports much and little: what is in memory at once must not
// depend on it. A set of 16,000 mailboxes and as many aliases takes some 40 MB.
func TestMemory(t *testing.T) {
	peak := func(n int) uint64 {
		from, to := largeSource(t, dbtest.SQLite(t), n), target(t, dbtest.SQLite(t))
		var most uint64
		r, _ := imports(t, from, to, postfixadmin.Options{Progress: func(int64, int64) {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}})
		if r.Created["mailbox"] != n || r.Created["recipient"] != 2*n || r.WarningsTotal != 0 {
			t.Errorf("created %v, warnings %v", r.Created, r.Warnings)
		}
		return most
	}
	little, much := peak(4000), peak(20000)
	if much > little+8<<20 {
		t.Errorf("4,000 mailboxes take %d KB, 20,000 take %d KB", little>>10, much>>10)
	}
}

// TestCutOff ends imports in the middle, at two places, and runs them again.
func TestCutOff(t *testing.T) {
	for name, url := range engines() {
		t.Run(name, func(t *testing.T) {
			from, to := largeSource(t, dbtest.SQLite(t), 5000), target(t, url(t))
			before := contents(t, to)
			for _, percent := range []int64{20, 90} {
				ctx, cancel := context.WithCancel(t.Context())
				_, err := postfixadmin.Import(ctx, from, to, postfixadmin.Options{Progress: func(done, total int64) {
					if done*100 >= total*percent {
						cancel()
					}
				}})
				cancel()
				if !errors.Is(err, context.Canceled) {
					t.Errorf("cut off at %d %%: error %v", percent, err)
				}
				if diff := cmp.Diff(before, contents(t, to)); diff != "" {
					t.Errorf("cut off at %d %% there are rows:\n%s", percent, diff)
				}
			}
			imports(t, from, to, postfixadmin.Options{})
			for table, want := range map[string]string{
				"admin_domain": "5", "core_user": "5001", "admin_mailbox": "5000", "admin_quota": "5000", "admin_alias": "10000",
				"modoboa_admin_aliasrecipient": "15000", "core_user_groups": "5000", "limits_domainobjectlimit": "20", "limits_userobjectlimit": "30006",
			} {
				if got := query(t, to, "SELECT count(*) FROM "+table)[0][0]; got != want {
					t.Errorf("%s has %s rows, want %s", table, got, want)
				}
			}
			if got := query(t, to, "SELECT count(*) FROM modoboa_admin_aliasrecipient WHERE r_mailbox_id IS NULL")[0][0]; got != "5000" {
				t.Errorf("%s recipients are no mailbox, want those far away", got)
			}
		})
	}
}

func BenchmarkImport20000(b *testing.B) {
	from := largeSource(b, dbtest.SQLite(b), 20000)
	for name, url := range engines() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				to := target(b, url(b))
				b.StartTimer()
				imports(b, from, to, postfixadmin.Options{})
			}
		})
	}
}
