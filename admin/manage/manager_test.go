package manage_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
)

// TestDeadlock: a change that the database takes back, because somebody else wants
// the same rows in another order, is made nevertheless.
func TestDeadlock(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		if w.d.Dialect == db.SQLite { // one writer at a time
			return
		}
		w.exec("CREATE TABLE weight (n integer)") // MariaDB takes back who has written least
		ids := w.rows("SELECT id FROM admin_domain WHERE name IN ('one.test', 'two.test') ORDER BY name")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		first, second := make(chan struct{}), make(chan struct{})
		other := make(chan error, 1)
		go func() {
			other <- w.d.Transact(ctx, func(c *sql.Conn) error {
				touch := func(id string) error {
					_, err := c.ExecContext(ctx, w.d.Rebind("UPDATE admin_domain SET quota = quota + 1000 WHERE id = ?"), id)
					return err
				}
				var err error
				for range 200 {
					_, e := c.ExecContext(ctx, "INSERT INTO weight VALUES (1)")
					err = errors.Join(err, e)
				}
				err = errors.Join(err, touch(ids[1]))
				close(first)
				<-second
				time.Sleep(200 * time.Millisecond) // PostgreSQL takes back who has waited longest
				return errors.Join(err, touch(ids[0]))
			})
		}()
		<-first
		attempts := 0
		err := w.m.Write(ctx, manage.Root(), func(tx *manage.Tx) error {
			attempts++
			for i, name := range []string{"one.test", "two.test"} {
				d, err := tx.DomainByName(name)
				if err == nil {
					_, err = tx.UpdateDomain(d.ID, manage.DomainInput{DefaultMailboxQuota: manage.Some(int64(7 + i))})
				}
				if err != nil {
					return err
				}
				if attempts == 1 && i == 0 {
					close(second)
				}
			}
			return nil
		})
		if err != nil || attempts < 2 {
			t.Errorf("the change: %v, after %d attempts; want a deadlock, and that it is made again", err, attempts)
		}
		if err := <-other; err != nil {
			t.Errorf("the other: %v", err)
		}
		if diff := cmp.Diff([]string{"7", "8"}, w.rows("SELECT default_mailbox_quota FROM admin_domain WHERE name IN ('one.test', 'two.test') ORDER BY name")); diff != "" {
			t.Errorf("quotas (-want +got):\n%s", diff)
		}
	})
}

func TestCallers(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		got := map[string]manage.Role{}
		for _, login := range []string{"root", "rita", "adm@one.test", "ann@one.test"} {
			got[login] = w.as(login).Role
		}
		want := map[string]manage.Role{"root": manage.SuperAdmins, "rita": manage.Resellers, "adm@one.test": manage.DomainAdmins, "ann@one.test": manage.SimpleUsers}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("roles (-want +got):\n%s", diff)
		}
		token := w.rows("SELECT " + w.d.Quote("key") + " FROM authtoken_token")[0]
		if c, err := w.m.CallerByToken(t.Context(), token); err != nil || c == nil || c.Name != "root" {
			t.Errorf("the token of root: %v, %v", c, err)
		}
		if c, err := w.m.CallerByToken(t.Context(), token[1:]+"0"); err != nil || c != nil {
			t.Errorf("a wrong token: %v, %v", c, err)
		}
		w.sound()
	})
}
