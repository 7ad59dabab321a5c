package db_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

const secret = "Tr0ub4dor-and-3"

// wantError checks that url cannot be reached for the reason of kind, and that
// nothing that we say holds the password.
func wantError(t *testing.T, url string, o db.Options, kind db.ConnectKind, message, remedy string) {
	t.Helper()
	d := dbtest.Open(t, url, o)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := d.BeginSnapshot(ctx)
	var e *db.ConnectError
	if !errors.As(err, &e) {
		t.Fatalf("BeginSnapshot: %v (%T), want a ConnectError", err, err)
	}
	if e.Kind != kind || !strings.Contains(e.Error(), message) || !strings.Contains(e.Remedy(), remedy) {
		t.Errorf("kind %d, %q, %q; want kind %d with %q and %q", e.Kind, e, e.Remedy(), kind, message, remedy)
	}
	if s := fmt.Sprint(d.Name, e, e.Remedy(), e.Unwrap()); strings.Contains(s, secret) || strings.ContainsAny(e.Error(), "\r\n") {
		t.Errorf("%q holds the password or a line break", s)
	}
}

type server struct {
	name string
	db.Dialect
	shared, own func(testing.TB) *dbtest.Server
}

func servers() []server {
	return []server{
		{"postgres", db.PostgreSQL, dbtest.Postgres, dbtest.NewPostgres},
		{"mariadb", db.MySQL, dbtest.MariaDB, dbtest.NewMariaDB},
	}
}

func TestPassword(t *testing.T) {
	for _, s := range servers() {
		t.Run(s.name, func(t *testing.T) {
			srv := s.shared(t)
			url := srv.NewUser(t, srv.NewDatabase(t), "bob", secret)
			inURL := strings.Replace(url, "bob@", "bob:"+secret+"@", 1)
			wrong := strings.Replace(url, "bob@", "bob:"+secret+"x@", 1)
			for _, good := range []struct {
				url      string
				password string
			}{{inURL, ""}, {url, secret}, {wrong, secret}} {
				if err := dbtest.Open(t, good.url, db.Options{Password: good.password}).Connect(t.Context()); err != nil {
					t.Errorf("%s with password %q: %v", good.url, good.password, err)
				}
			}
			const refused = "the server refused the password of user bob"
			wantError(t, wrong, db.Options{}, db.BadPassword, refused, "database.password_file")
			wantError(t, inURL, db.Options{Password: secret + "y"}, db.BadPassword, refused, "database.password_file")
			wantError(t, url, db.Options{}, db.BadPassword, refused, "database.password_file")
			if s.Dialect == db.MySQL { // PostgreSQL trusts whoever is not in needs_password
				wantError(t, strings.Replace(inURL, "bob:", "nobody:", 1), db.Options{}, db.BadPassword, "user nobody", "database.password_file")
			}
		})
	}
}

func TestMissingDatabase(t *testing.T) {
	for _, s := range servers() {
		t.Run(s.name, func(t *testing.T) {
			url := s.shared(t).NewDatabase(t)
			i := strings.LastIndexByte(url, '/')
			wantError(t, url[:i]+"/nosuch?"+strings.TrimPrefix(url[i:], "/"), db.Options{}, db.NoDatabase, "has no database nosuch", "database.url")
		})
	}
}

func TestServerDownAndBack(t *testing.T) {
	for _, s := range servers() {
		t.Run(s.name, func(t *testing.T) {
			srv := s.own(t)
			url := srv.NewDatabase(t)
			d := dbtest.Open(t, url, db.Options{})
			if err := d.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			tx, err := d.BeginSnapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := srv.Kill(); err != nil {
				t.Fatal(err)
			}
			var e *db.ConnectError
			if _, err := d.Columns(t.Context(), tx, "x"); !errors.As(err, &e) {
				t.Errorf("a query on a dead connection: %v (%T), want a ConnectError", err, err)
			}
			_ = tx.Rollback()
			wantError(t, url, db.Options{}, db.Unreachable, "no server answers at 127.0.0.1:", "check host and port")
			if err := srv.Start(); err != nil {
				t.Fatal(err)
			}
			if tx, err = d.BeginSnapshot(t.Context()); err != nil {
				t.Fatalf("after the restart: %v", err)
			}
			_ = tx.Rollback()
		})
	}
}

// TestHungServer: a server that takes connections and says nothing is given
// up when the context ends.
func TestHungServer(t *testing.T) {
	for _, s := range servers() {
		t.Run(s.name, func(t *testing.T) {
			srv := s.own(t)
			d := dbtest.Open(t, srv.NewDatabase(t), db.Options{})
			if err := d.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := srv.Pause(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := d.BeginSnapshot(ctx); err == nil {
				t.Error("a server that hangs gave us a snapshot")
			}
			if err := srv.Resume(); err != nil {
				t.Fatal(err)
			}
			tx, err := d.BeginSnapshot(t.Context())
			if err != nil {
				t.Fatalf("after the server woke up: %v", err)
			}
			_ = tx.Rollback()
		})
	}
}

func TestNoTLS(t *testing.T) {
	pg := dbtest.Postgres(t).NewDatabase(t)
	wantError(t, strings.Replace(pg, "sslmode=disable", "sslmode=require", 1), db.Options{}, db.BadTLS, "encryption", "sslmode")
}

func TestNoTLSMariaDB(t *testing.T) {
	wantError(t, dbtest.MariaDB(t).NewDatabase(t)+"?tls=true", db.Options{}, db.BadTLS, "encryption", "tls")
}

func TestNameNotFound(t *testing.T) {
	wantError(t, "postgres://bob@no.such.host.invalid/x", db.Options{Password: secret}, db.Unreachable, "no.such.host.invalid", "check host")
	wantError(t, "mysql://bob@no.such.host.invalid/x", db.Options{Password: secret}, db.Unreachable, "no.such.host.invalid", "check host")
}

func TestSockets(t *testing.T) {
	pg := dbtest.Postgres(t)
	maria := dbtest.MariaDB(t)
	for _, url := range []string{
		fmt.Sprintf("postgres://postgres@:%d/postgres?host=%s", pg.Port, pg.Socket),
		fmt.Sprintf("mysql://tester@unix(%s)/mysql", maria.Socket),
	} {
		if err := dbtest.Open(t, url, db.Options{}).Connect(t.Context()); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	wantError(t, "mysql://bob@unix(/nonexistent/sock)/x", db.Options{}, db.Unreachable, "/nonexistent/sock", "check host")
	wantError(t, "postgres://bob@/x?host=/nonexistent", db.Options{}, db.Unreachable, "/nonexistent", "check host")
}

func TestSQLiteErrors(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.db")
	if err := os.WriteFile(junk, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		readOnly   bool
		kind       db.ConnectKind
		message    string
		remedy     string
	}{
		{"no file", filepath.Join(dir, "none.db"), true, db.NoDatabase, "there is no file", "vmapd init"},
		{"no directory", filepath.Join(dir, "no/x.db"), false, db.NoDatabase, "there is no file", "vmapd init"},
		{"a directory", dir, true, db.NotDatabase, "not an SQLite database", "database.url"},
		{"not a database", junk, false, db.NotDatabase, "not an SQLite database", "restore"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := dbtest.Open(t, "sqlite:"+tt.path, db.Options{ReadOnly: tt.readOnly})
			_, err := d.Columns(t.Context(), d, "x")
			var e *db.ConnectError
			if !errors.As(err, &e) || e.Kind != tt.kind || !strings.Contains(e.Error(), tt.message) || !strings.Contains(e.Error(), tt.path) || !strings.Contains(e.Remedy(), tt.remedy) {
				t.Errorf("%v, want a ConnectError of kind %d that says %q and %q", err, tt.kind, tt.message, tt.remedy)
			}
		})
	}
}
