package modoboa_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/spool"
)

// mailboxes makes Modoboa's tables with n mailboxes u0@example.test … in them.
func mailboxes(t *testing.T, url string, n int) *db.DB {
	t.Helper()
	d := openDB(t, url)
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	var csv strings.Builder
	csv.WriteString("domain;example.test;0;0;true\n")
	for i := range n {
		fmt.Fprintf(&csv, "account;u%[1]d@example.test;{PLAIN}x;U;%[1]d;true;SimpleUsers;u%[1]d@example.test;0\n", i)
	}
	importCSV(t, d, csv.String(), modoboa.ImportOptions{})
	return d
}

// usage returns "username bytes messages" of all rows.
func usage(t *testing.T, d *db.DB) []string {
	return column(t, d, "SELECT username, bytes, messages FROM admin_quota ORDER BY username")
}

// logins returns "username last_login" of all mailbox users.
func logins(t *testing.T, d *db.DB) []string {
	return column(t, d, "SELECT username, "+d.Text("last_login")+" FROM core_user WHERE username <> 'admin' AND last_login IS NOT NULL ORDER BY username")
}

var noon = time.Date(2026, 5, 6, 12, 0, 0, 250000000, time.UTC)

// TestWriteBack writes rows that are there, that are missing, and of nobody,
// twice, as after a crash.
func TestWriteBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := mailboxes(t, url, 4)
		dbtest.Exec(t, d, "DELETE FROM admin_quota WHERE username IN ('u1@example.test', 'u2@example.test')")
		w := &modoboa.WriteBack{DB: d}
		batch := []spool.Write{
			modoboa.QuotaWrite("u2@example.test", 5<<40, 0, noon),
			modoboa.QuotaWrite("u1@example.test", 1000, 7, noon),
			modoboa.LastLoginWrite("u1@example.test", noon),
			modoboa.LastLoginWrite("u0@example.test", noon.Truncate(time.Second)),
			modoboa.QuotaWrite("u0@example.test", 999, 3, noon),
			modoboa.QuotaWrite("nobody@example.test", 1, 1, noon),
			modoboa.LastLoginWrite("nobody", noon),
			modoboa.QuotaWrite("admin", 1, 1, noon), // has no mailbox
		}
		for range 2 {
			if err := w.Apply(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			want := []string{"u0@example.test 999 3", "u1@example.test 1000 7", "u2@example.test 5497558138880 0", "u3@example.test 0 0"}
			if diff := cmp.Diff(want, usage(t, d)); diff != "" {
				t.Errorf("admin_quota (-want +got):\n%s", diff)
			}
		}
		if w.Unknown() != 6 {
			t.Errorf("Unknown = %d, want 2 x 3", w.Unknown())
		}
		// An older login does not replace a newer one.
		older := []spool.Write{modoboa.LastLoginWrite("u0@example.test", noon.Add(time.Hour)), modoboa.LastLoginWrite("u1@example.test", noon.Add(-time.Minute))}
		if err := w.Apply(t.Context(), older); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(logins(t, d), "\n")
		for _, want := range []string{"u0@example.test 2026-05-06 13:00:00.25", "u1@example.test 2026-05-06 12:00:00.25"} {
			if !strings.Contains(got, want) {
				t.Errorf("last logins:\n%s\nwant %s", got, want)
			}
		}
	})
}

// TestWriteBackPastTheTrigger: what is written is absolute, whether a row is
// there or not, although the trigger adds and negates.
func TestWriteBackPastTheTrigger(t *testing.T) {
	d := mailboxes(t, dbtest.Postgres(t).NewDatabase(t), 2)
	dbtest.MergeQuota(t, d)
	dbtest.Exec(t, d, "UPDATE admin_quota SET bytes = 100, messages = 2", "DELETE FROM admin_quota WHERE username = 'u1@example.test'")
	w := &modoboa.WriteBack{DB: d}
	for range 2 {
		if err := w.Apply(t.Context(), []spool.Write{modoboa.QuotaWrite("u0@example.test", 50, 3, noon), modoboa.QuotaWrite("u1@example.test", 60, 4, noon)}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"u0@example.test 50 3", "u1@example.test 60 4"}, usage(t, d)); diff != "" {
			t.Errorf("admin_quota (-want +got):\n%s", diff)
		}
	}
}

// TestWriteBackRefuses: only what will never be taken is ErrRefused.
func TestWriteBackRefuses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := mailboxes(t, url, 1)
		w := &modoboa.WriteBack{DB: d}
		for _, bad := range []spool.Write{
			{Kind: "odd", Key: "u0@example.test"},
			{Kind: modoboa.KindQuota, Key: "u0@example.test", Value: []byte("{}")},
			{Kind: modoboa.KindLastLogin, Key: "u0@example.test", Value: []byte("yesterday")},
			modoboa.QuotaWrite("u0@\xff", 1, 1, noon),
			modoboa.LastLoginWrite("u0\x00", noon),
			modoboa.QuotaWrite("u0@example.test", -1, 1, noon),
			modoboa.QuotaWrite("u0@example.test", 1, 1<<31, noon),
		} {
			if err := w.Apply(t.Context(), []spool.Write{modoboa.QuotaWrite("u0@example.test", 8, 8, noon), bad}); !errors.Is(err, spool.ErrRefused) {
				t.Errorf("%s of %q = %q: %v, want ErrRefused", bad.Kind, bad.Key, bad.Value, err)
			}
		}
		if diff := cmp.Diff([]string{"u0@example.test 0 0"}, usage(t, d)); diff != "" {
			t.Errorf("a refused batch was written in part (-want +got):\n%s", diff)
		}
		dbtest.Exec(t, d, "DROP TABLE admin_quota")
		if err := w.Apply(t.Context(), []spool.Write{modoboa.QuotaWrite("u0@example.test", 8, 8, noon)}); err == nil || errors.Is(err, spool.ErrRefused) {
			t.Errorf("without a table: %v, want an error that is not ErrRefused", err)
		}
	})
}

// TestWriteBackTogether: several daemons write overlapping batches at once.
func TestWriteBackTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		const n, writers = 60, 4
		d := mailboxes(t, url, n)
		dbtest.Exec(t, d, "DELETE FROM admin_quota")
		var wg sync.WaitGroup
		for g := range writers {
			wg.Go(func() {
				w := &modoboa.WriteBack{DB: openDB(t, url)}
				for round := range 5 {
					var batch []spool.Write
					for i := range n {
						name := fmt.Sprintf("u%d@example.test", (i*7+g*13)%n)
						batch = append(batch, modoboa.QuotaWrite(name, int64(round), 1, noon), modoboa.LastLoginWrite(name, noon.Add(time.Duration(round)*time.Second)))
					}
					// A spool would try again for ever.
					var err error
					for range 20 {
						if err = w.Apply(t.Context(), batch); err == nil {
							break
						}
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := usage(t, d); len(got) != n {
			t.Errorf("%d rows, want %d", len(got), n)
		}
		for _, row := range usage(t, d) {
			if !strings.HasSuffix(row, " 4 1") {
				t.Errorf("%s, want 4 bytes, 1 message", row)
			}
		}
		if got := logins(t, d); len(got) != n {
			t.Errorf("%d logins, want %d", len(got), n)
		}
	})
}

// FuzzWriteBackValues: no value is read that the tables cannot hold, and what
// is read can be written again.
func FuzzWriteBackValues(f *testing.F) {
	f.Add([]byte(`{"bytes":1,"messages":2}`))
	f.Add([]byte(`{"bytes":9223372036854775808,"messages":2}`))
	f.Add([]byte(`{"bytes":1e3,"messages":2} x`))
	f.Add([]byte(`2026-05-06T12:00:00.123456789+02:00`))
	f.Add([]byte(`9999-12-31T23:59:59-23:00`))
	f.Fuzz(func(t *testing.T, value []byte) {
		if size, messages, err := modoboa.ParseQuota(value); err == nil {
			if size < 0 || messages < 0 || messages > 1<<31-1 {
				t.Errorf("%q: %d, %d", value, size, messages)
			}
			again, m, err := modoboa.ParseQuota(modoboa.QuotaWrite("u", size, messages, noon).Value)
			if err != nil || again != size || m != messages {
				t.Errorf("%q: written again as %d, %d, %v", value, again, m, err)
			}
		}
		if at, err := modoboa.ParseLastLogin(value); err == nil {
			if at.Year() < 1000 || at.Year() > 9999 || at.Location() != time.UTC {
				t.Errorf("%q: %v", value, at)
			}
			again, err := modoboa.ParseLastLogin(modoboa.LastLoginWrite("u", at).Value)
			if err != nil || !again.Equal(at) {
				t.Errorf("%q: written again as %v, %v", value, again, err)
			}
		}
	})
}
