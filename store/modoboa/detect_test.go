package modoboa_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func TestDetectErrors(t *testing.T) {
	tests := []struct {
		name    string
		change  func(t *testing.T, d *db.DB) // of the newest tables
		message string
		remedy  string
	}{
		{"empty", emptied, "this database is empty", `run "vmapd init" to make the tables`},
		{"foreign", func(t *testing.T, d *db.DB) {
			emptied(t, d)
			dbtest.Exec(t, d, "create table domain (domain varchar(255))", "create table mailbox (username varchar(255))")
		}, "this database has no table admin_domain: is it Modoboa's?", `"vmapd init"`},
		{"before 1.10", func(t *testing.T, d *db.DB) {
			dbtest.Exec(t, d, "drop table transport_transport", "drop table relaydomains_recipientaccess",
				"create table postfix_relay_domains_relaydomain (id integer, domain_id integer, target_host varchar(255))", "create table postfix_relay_domains_service (name varchar(50))")
		}, "made by a Modoboa before 1.10", "upgrade Modoboa"},
		{"missing table", func(t *testing.T, d *db.DB) {
			dbtest.Exec(t, d, "drop table admin_quota")
		}, "no table admin_quota", "manage.py migrate"},
		{"missing column", func(t *testing.T, d *db.DB) {
			dbtest.Exec(t, d, "alter table core_user drop column master_user")
		}, "no column master_user in table core_user", "manage.py migrate"},
	}
	dbtest.Each(t, func(t *testing.T, url string) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				d := dbtest.Open(t, url, db.Options{})
				emptied(t, d)
				makeTables(t, d, newest())
				tt.change(t, d)
				err := (&modoboa.Source{DB: d}).Load(t.Context(), store.NewBuilder())
				var e *modoboa.SchemaError
				if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.message) || !strings.Contains(e.Remedy(), tt.remedy) {
					t.Errorf("%v, want a SchemaError with %q and a remedy with %q", err, tt.message, tt.remedy)
				}
			})
		}
	})
}

func TestDetectOptional(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		makeTables(t, d, generations()[0])
		s, err := modoboa.Detect(t.Context(), d, d)
		if err != nil || s.Name != generations()[0].name {
			t.Errorf("1.10 with the plugin: %+v, %v", s, err)
		}
		emptied(t, d)
		makeTables(t, d, newest())
		dbtest.Exec(t, d, "create table vmapd_schema (version integer)")
		s, err = modoboa.Detect(t.Context(), d, d)
		if err != nil || s.Name != "vmapd" {
			t.Errorf("our own tables: %+v, %v", s, err)
		}
	})
}

// TestDetectOwnTables: what Init makes is recognised and loads.
func TestDetectOwnTables(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		s := load(t, d)
		if s.Schema() != "vmapd" || s.Counts().Accounts != 1 {
			t.Errorf("schema %q with %d accounts, want vmapd with the administrator", s.Schema(), s.Counts().Accounts)
		}
	})
}

// TestNoRights: a table that may not be read is not taken for a missing one.
func TestNoRights(t *testing.T) {
	srv := dbtest.Postgres(t)
	url := srv.NewDatabase(t)
	admin := dbtest.Open(t, url, db.Options{})
	makeTables(t, admin, newest())
	user := srv.NewUser(t, url, "reader", "pw")
	dbtest.Exec(t, admin, "revoke pg_read_all_data from reader")
	d := dbtest.Open(t, user, db.Options{Password: "pw"})
	err := (&modoboa.Source{DB: d}).Load(t.Context(), store.NewBuilder())
	var e *db.ConnectError
	if !errors.As(err, &e) || e.Kind != db.NoRights || !strings.Contains(err.Error(), "load admin_domain: postgres: user reader lacks a right") || !strings.Contains(e.Remedy(), "SELECT") {
		t.Errorf("%v, want a ConnectError of kind NoRights", err)
	}
}

func TestLoadNeedsTheServer(t *testing.T) {
	d := dbtest.Open(t, "mysql://nobody@127.0.0.1:1/none", db.Options{Password: "pw"})
	err := (&modoboa.Source{DB: d}).Load(t.Context(), store.NewBuilder())
	var e *db.ConnectError
	if !errors.As(err, &e) || e.Kind != db.Unreachable || !strings.Contains(err.Error(), "load: mysql: no server answers at 127.0.0.1:1") {
		t.Errorf("%v, want a ConnectError of kind Unreachable", err)
	}
}

// TestLoadNamesTheTable: an error in the middle says where it happened, and is
// not taken for a failure to connect.
func TestLoadNamesTheTable(t *testing.T) {
	d := dbtest.Open(t, dbtest.Postgres(t).NewDatabase(t), db.Options{})
	makeTables(t, d, newest())
	dbtest.Exec(t, d, "drop table admin_quota", "create view admin_quota as select 'x'::text as username, 1/(i-300) as bytes, 0 as messages from generate_series(1, 1000) i")
	err := (&modoboa.Source{DB: d}).Load(t.Context(), store.NewBuilder())
	var e *db.ConnectError
	if err == nil || errors.As(err, &e) || !strings.HasPrefix(err.Error(), "load admin_quota: postgres: ") || !strings.Contains(err.Error(), "division by zero") {
		t.Errorf("%v, want the table, the engine and the server's words", err)
	}
}
