package modoboa_test

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// captured returns a database with rows and capture on each engine.
func captured(t *testing.T, f func(t *testing.T, url string, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		makeTables(t, d, newest())
		fill(t, d, newest())
		install(t, d)
		f(t, url, d)
	})
}

func install(t testing.TB, d *db.DB) {
	t.Helper()
	if err := modoboa.InstallCapture(t.Context(), d, modoboa.CaptureOptions{}); err != nil {
		t.Fatal(err)
	}
}

func inspect(t testing.TB, d *db.DB, state string) *modoboa.Capture {
	t.Helper()
	c, err := modoboa.InspectCapture(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if c.State != state {
		t.Fatalf("capture is %s, missing %q, want it %s", c.State, c.Missing, state)
	}
	return c
}

// dumpSchema returns what the engine's own tools say of all tables.
func dumpSchema(t *testing.T, url string, d *db.DB) string {
	t.Helper()
	var cmd *exec.Cmd
	switch d.Dialect {
	case db.PostgreSQL:
		cmd = exec.Command("pg_dump", "--schema-only", "--dbname="+url)
	case db.MySQL:
		var port int
		var name string
		if _, err := fmt.Sscanf(url, "mysql://tester@127.0.0.1:%d/%s", &port, &name); err != nil {
			t.Fatal(err)
		}
		cmd = exec.Command("mariadb-dump", "--no-defaults", "--user=tester", "--host=127.0.0.1", fmt.Sprintf("--port=%d", port), "--no-data", "--triggers", "--routines", "--skip-dump-date", name)
	default:
		return strings.Join(column(t, d, "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master"), "\n") +
			strings.Join(column(t, d, "SELECT name, seq FROM sqlite_sequence"), "\n")
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	// New versions of pg_dump bracket their output with a random word.
	return regexp.MustCompile(`(?m)^\\(un)?restrict .*$`).ReplaceAllString(string(out), "")
}

// TestRemoveLeavesNothing: the schema is afterwards byte for byte what it was.
func TestRemoveLeavesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		makeTables(t, d, generations()[0]) // with the optional table
		fill(t, d, generations()[0])
		before := dumpSchema(t, url, d)
		inspect(t, d, "absent")
		install(t, d)
		if n := inspect(t, d, "installed").Entries; n != 0 {
			t.Errorf("%d entries in a new log", n)
		}
		dbtest.Exec(t, d, "delete from postfix_autoreply_transport", "update core_user set email = 'x'")
		if c := inspect(t, d, "installed"); c.Entries != 4 || !strings.HasSuffix(c.Oldest, "Z") {
			t.Errorf("%+v, want 4 entries", c)
		}
		for range 2 {
			if _, err := modoboa.RemoveCapture(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			inspect(t, d, "absent")
		}
		if diff := cmp.Diff(before, dumpSchema(t, url, d)); diff != "" {
			t.Errorf("the schema before and after:\n%s", diff)
		}
		dbtest.Exec(t, d, "delete from core_user")
	})
}

// TestInstallRepairs: what is whole stays, what is not becomes whole, with
// another epoch.
func TestInstallRepairs(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		first := inspect(t, d, "installed").Epoch
		install(t, d)
		if epoch := inspect(t, d, "installed").Epoch; epoch != first || epoch == "" {
			t.Errorf("installing twice made epoch %q of %q", epoch, first)
		}
		drop := "drop trigger vmapd_admin_alias_update"
		if d.Dialect == db.PostgreSQL {
			drop += " on admin_alias"
		}
		damages := map[string][]string{
			drop:                                   {"admin_alias"},
			"drop table vmapd_change":              {"vmapd_change"},
			"delete from vmapd_capture":            {"vmapd_capture"},
			"update vmapd_capture set version = 0": {"vmapd_capture"},
		}
		if d.Dialect == db.PostgreSQL {
			damages["alter table core_user disable trigger vmapd_core_user_delete"] = []string{"core_user"}
		}
		for damage, missing := range damages {
			dbtest.Exec(t, d, damage)
			c := inspect(t, d, "incomplete")
			if diff := cmp.Diff(missing, c.Missing); diff != "" {
				t.Errorf("%s: missing: %s", damage, diff)
			}
			if at := load(t, d).Position(); at != "" {
				t.Errorf("%s: a load has the position %s", damage, at)
			}
			install(t, d)
			if epoch := inspect(t, d, "installed").Epoch; epoch == first || epoch == "" {
				t.Errorf("%s: repaired with the epoch %q", damage, epoch)
			}
		}
	})
}

func TestInitHasCapture(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		c, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{})
		if err != nil || c.Capture != nil {
			t.Fatal(err, c)
		}
		inspect(t, d, "installed")
		if load(t, d).Position() == "" {
			t.Error("a load of our own tables has no position")
		}
	})
}

func TestInstallRefuses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		var schema *modoboa.SchemaError
		if err := modoboa.InstallCapture(t.Context(), d, modoboa.CaptureOptions{}); !errors.As(err, &schema) {
			t.Errorf("in an empty database: %v, want a SchemaError", err)
		}
		inspect(t, d, "absent")
		if d.Dialect == db.SQLite {
			return
		}
		makeTables(t, d, newest())
		s := serverOf(t, d)
		reader := dbtest.Open(t, s.NewUser(t, url, "reader", "secret"), db.Options{Password: "secret"})
		err := modoboa.InstallCapture(t.Context(), reader, modoboa.CaptureOptions{})
		var refused *modoboa.CaptureError
		if !errors.As(err, &refused) || !strings.Contains(refused.Remedy(), "--grant") {
			t.Errorf("as a reader: %v, want a CaptureError with a remedy", err)
		}
		inspect(t, d, "absent")
	})
}

func serverOf(t *testing.T, d *db.DB) *dbtest.Server {
	if d.Dialect == db.PostgreSQL {
		return dbtest.Postgres(t)
	}
	return dbtest.MariaDB(t)
}

// TestWritersNeedNoRights: another role, which may write Modoboa's tables and
// nothing of ours, does as before.
func TestWritersNeedNoRights(t *testing.T) {
	captured(t, func(t *testing.T, url string, d *db.DB) {
		writer := d
		if d.Dialect != db.SQLite {
			s := serverOf(t, d)
			writer = dbtest.Open(t, s.NewUser(t, url, "writer", "secret"), db.Options{Password: "secret"})
			for _, table := range mailTables() {
				if d.Dialect == db.PostgreSQL {
					dbtest.Exec(t, d, "grant insert, update, delete, truncate on "+table[0]+" to writer")
				} else {
					dbtest.Exec(t, d, "grant insert, update, delete on "+table[0]+" to writer")
				}
			}
			if d.Dialect == db.PostgreSQL {
				dbtest.Exec(t, d, "grant usage on all sequences in schema public to writer")
			}
		}
		writeAll(t, writer)
		f := newFollower(t, d)
		writeAll(t, writer)
		f.follow()
		// A log that somebody dropped by hand fails nobody, but on SQLite.
		if d.Dialect != db.SQLite {
			dbtest.Exec(t, d, "drop table vmapd_change")
			writeAll(t, writer)
			f.lost("")
		}
	})
}

// writeAll inserts, updates and deletes in each table.
func writeAll(t *testing.T, d *db.DB) {
	t.Helper()
	insert(t, d, newest(), "admin_domain", "id, name, type, enabled, quota, default_mailbox_quota", 1001, "w.test", "domain", true, 0, 0)
	insert(t, d, newest(), "admin_domainalias", "id, name, enabled, target_id", 1001, "wa.test", true, 1001)
	insert(t, d, newest(), "core_user", "id, username, email, password, is_active, is_local, is_superuser, master_user", 1001, "w@w.test", "w@w.test", "", true, true, false, false)
	insert(t, d, newest(), "admin_mailbox", "id, address, quota, domain_id, user_id, is_send_only", 1001, "w", 0, 1001, 1001, false)
	insert(t, d, newest(), "admin_quota", "username, bytes, messages", "w@w.test", 1, 1)
	insert(t, d, newest(), "admin_alias", "id, address, domain_id, enabled, internal", 1001, "w@w.test", 1001, true, true)
	insert(t, d, newest(), "modoboa_admin_aliasrecipient", "id, address, alias_id, r_mailbox_id", 1001, "w@w.test", 1001, 1001)
	insert(t, d, newest(), "admin_senderaddress", "id, address, mailbox_id", 1001, "s@x.test", 1001)
	insert(t, d, newest(), "admin_mailboxoperation", "id, type, argument, mailbox_id", 1001, "rename", "/x", 1001)
	insert(t, d, newest(), "transport_transport", "id, pattern, service, next_hop", 1001, "w.test", "relay", "")
	insert(t, d, newest(), "relaydomains_recipientaccess", "id, pattern, action", 1001, "w.test", "x")
	for _, table := range mailTables() {
		key, value := "id", "1001"
		if table[0] == "admin_quota" {
			key, value = "username", "'w@w.test'"
		}
		where := " where " + key + " = " + value
		dbtest.Exec(t, d, "update "+table[0]+" set "+key+" = "+value+where)
	}
	dbtest.Exec(t, d, "update admin_quota set username = 'W@w.test' where username = 'w@w.test'", "update admin_alias set id = 1002 where id = 1001")
	if d.Dialect == db.PostgreSQL {
		dbtest.Exec(t, d, "insert into admin_quota values ('W@w.test', 5, 5) on conflict (username) do update set bytes = 7")
	}
	for _, table := range slices.Backward(mailTables()) {
		where := " where id > 1000"
		if table[0] == "admin_quota" {
			where = " where username like 'W@w%'"
		}
		dbtest.Exec(t, d, "delete from "+table[0]+where)
	}
}

// TestInsertIDsStay: Django asks the driver for the id of a row that it
// inserted; the trigger's own insert must not be in the way.
func TestInsertIDsStay(t *testing.T) {
	captured(t, func(t *testing.T, _ string, d *db.DB) {
		if d.Dialect == db.PostgreSQL {
			return
		}
		dbtest.Exec(t, d, "update core_user set email = 'y'") // moves the log's own counter
		result, err := d.Exec("insert into relaydomains_recipientaccess (pattern, action) values ('new.test', 'x')")
		if err != nil {
			t.Fatal(err)
		}
		if id, err := result.LastInsertId(); err != nil || id != 82 {
			t.Errorf("the driver says id %d, %v; want 82", id, err)
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			t.Errorf("the driver says %d rows, %v; want 1", n, err)
		}
	})
}
