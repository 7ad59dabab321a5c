package modoboa_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
	"github.com/vmapd/vmapd/store/spool"
)

func passwords(t *testing.T, d *db.DB) []string {
	return column(t, d, "SELECT username, password FROM core_user WHERE username <> 'admin' ORDER BY username")
}

func apply(t *testing.T, w *modoboa.WriteBack, batch ...spool.Write) {
	t.Helper()
	if err := w.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// TestPasswordsAreReplaced stores hashes anew: only those that are still what
// they were, of local accounts, and where Modoboa lets it.
func TestPasswordsAreReplaced(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := mailboxes(t, url, 4)
		dbtest.Exec(t, d, "UPDATE core_user SET password = '{PLAIN}changed' WHERE username = 'u1@example.test'")
		dbtest.Exec(t, d, "UPDATE core_user SET is_local = "+map[db.Dialect]string{db.PostgreSQL: "false"}[d.Dialect]+map[bool]string{true: "0"}[d.Dialect != db.PostgreSQL]+" WHERE username = 'u2@example.test'")
		dbtest.Exec(t, d, "UPDATE core_user SET password = '{PLAIN}old'  WHERE username IN ('u0@example.test', 'u2@example.test', 'u3@example.test')")
		w := &modoboa.WriteBack{DB: d}
		batch := []spool.Write{}
		for _, u := range []string{"u0", "u1", "u2", "nobody"} {
			batch = append(batch, modoboa.PasswordWrite(u+"@example.test", "{PLAIN}old", "{SSHA}new", noon))
		}
		apply(t, w, batch...)
		want := []string{"u0@example.test {SSHA}new", "u1@example.test {PLAIN}changed", "u2@example.test {PLAIN}old", "u3@example.test {PLAIN}old"}
		if diff := cmp.Diff(want, passwords(t, d)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		dbtest.Exec(t, d, `UPDATE core_localconfig SET _parameters = '{"core": {"update_scheme": false}}'`)
		apply(t, w, modoboa.PasswordWrite("u3@example.test", "{PLAIN}old", "{SSHA}new", noon))
		if diff := cmp.Diff(want, passwords(t, d)); diff != "" {
			t.Errorf("though Modoboa forbids it: -want +got\n%s", diff)
		}
		if w.Unknown() != 4 {
			t.Errorf("%d writes skipped, want 4", w.Unknown())
		}
	})
}

func TestPasswordWritesThatMakeNoSense(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		w := &modoboa.WriteBack{DB: mailboxes(t, url, 1)}
		for _, value := range []string{"", "{}", `{"old":"a"}`, `{"new":"a"}`, `{"old":"a\u0000","new":"b"}`} {
			bad := spool.Write{Kind: modoboa.KindPassword, Key: "u0@example.test", Value: []byte(value)}
			if err := w.Apply(t.Context(), []spool.Write{bad}); !errors.Is(err, spool.ErrRefused) {
				t.Errorf("%q: %v", value, err)
			}
		}
	})
}

// TestNamesInOtherSpellings writes under folded names what the tables spell
// otherwise.
func TestNamesInOtherSpellings(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := mailboxes(t, url, 3)
		dbtest.Exec(t, d, "UPDATE admin_quota SET username = 'U1@Example.test' WHERE username = 'u1@example.test'")
		dbtest.Exec(t, d, "UPDATE core_user SET username = 'U1@Example.test', email = 'U1@Example.test' WHERE username = 'u1@example.test'")
		w := &modoboa.WriteBack{DB: d}
		apply(t, w, modoboa.QuotaWrite("u0@example.test", 5, 1, noon), modoboa.QuotaWrite("u1@example.test", 7, 2, noon), modoboa.QuotaWrite("nobody@example.test", 9, 9, noon),
			modoboa.LastLoginWrite("u1@example.test", noon), modoboa.LastLoginWrite("nobody@example.test", noon))
		if n := len(logins(t, d)); n != 1 {
			t.Errorf("%d logins written, want 1: %v", n, logins(t, d))
		}
		got := column(t, d, "SELECT lower(username), bytes, messages FROM admin_quota ORDER BY 1")
		if diff := cmp.Diff([]string{"u0@example.test 5 1", "u1@example.test 7 2", "u2@example.test 0 0"}, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if w.Unknown() != 2 {
			t.Errorf("%d of nobody, want 2", w.Unknown())
		}
	})
}
