package modoboa_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func TestInit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := openDB(t, url)
		c, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{Admin: " Root "})
		if err != nil {
			t.Fatal(err)
		}
		if c.User != "root" || !regexp.MustCompile(`^[A-Za-z0-9]{16,}$`).MatchString(c.Password) || !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(c.Token) {
			t.Errorf("credentials have the wrong shape: user %q, password of %d, token of %d characters", c.User, len(c.Password), len(c.Token))
		}
		if hash := column(t, d, "SELECT password FROM core_user WHERE username = 'root' AND is_superuser = ?", true); len(hash) != 1 {
			t.Errorf("%d super administrators named root, want 1", len(hash))
		} else if stored, ok := strings.CutPrefix(hash[0], "{SHA512-CRYPT}"); !ok || !strings.HasPrefix(stored, "$6$rounds=70000$") {
			t.Errorf("the stored password is not {SHA512-CRYPT} with 70000 rounds")
		} else if digest, err := shacrypt.Decode(stored); err != nil || !digest.Match(c.Password) || digest.Match(c.Password+"x") {
			t.Errorf("the stored hash does not verify the password: %v", err)
		}
		for query, want := range map[string][]string{
			"SELECT name FROM auth_group":                      {"DomainAdmins", "Resellers", "SimpleUsers"},
			"SELECT app_label, model FROM django_content_type": {"admin alias", "admin domain", "admin domainalias", "admin mailbox", "core user"},
			"SELECT u.username FROM authtoken_token t JOIN core_user u ON u.id = t.user_id WHERE t." + d.Quote("key") + " = '" + c.Token + "'": {"root"},
			"SELECT s.name FROM core_localconfig l JOIN django_site s ON s.id = l.site_id":                                                     {"example.com"},
			"SELECT name FROM limits_userobjectlimit WHERE max_value = 0":                                                                      {"domain_admins", "domain_aliases", "domains", "mailbox_aliases", "mailboxes", "quota"},
			"SELECT version FROM vmapd_schema": {"1", "2", "3", "5"},
		} {
			if diff := cmp.Diff(want, column(t, d, query)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
		run(t, d, "INSERT INTO core_user (username) VALUES ('second')") // the counter stands behind the given ids
		if err := modoboa.Migrate(t.Context(), d); err != nil {
			t.Errorf("Migrate of what Init made: %v", err)
		}
		run(t, d, "INSERT INTO vmapd_schema (version) VALUES (99)")
		if err := modoboa.Migrate(t.Context(), d); err == nil || !strings.Contains(err.Error(), "install the newer vmapd again") {
			t.Errorf("Migrate of what a newer program made: %v", err)
		}
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err == nil || !strings.Contains(err.Error(), "has been initialised before") {
			t.Errorf("second Init: %v, want a refusal", err)
		}
	})
}

func TestInitRefuses(t *testing.T) {
	cases := []struct {
		name   string
		tables []string
		want   string
	}{
		{"a foreign table", []string{"blog"}, "is not empty, it has the tables blog: create an empty database"},
		{"many tables", []string{"a", "b", "c", "d", "e", "f", "g"}, "a, b, c, d, e and 2 more"},
		{"a Modoboa database", []string{"django_migrations", "admin_domain"}, "is a Modoboa database"},
	}
	dbtest.Each(t, func(t *testing.T, url string) {
		for _, c := range cases {
			d := openDB(t, url)
			for _, name := range c.tables {
				run(t, d, "CREATE TABLE "+name+" (id integer)")
			}
			_, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want %q", c.name, err, c.want)
			}
			if err := modoboa.Migrate(t.Context(), d); err == nil || !strings.Contains(err.Error(), "is not changed") {
				t.Errorf("%s: Migrate: %v, want a refusal", c.name, err)
			}
			for _, name := range c.tables {
				run(t, d, "DROP TABLE "+name)
			}
		}
	})
}

// TestInitFails lets Init fail at the last table, whose name a view has.
func TestInitFails(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := openDB(t, url)
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{Admin: "a\nb"}); err == nil || !strings.Contains(err.Error(), "line break") {
			t.Errorf("name with a line break: %v", err)
		}
		run(t, d, "CREATE VIEW admin_alarm AS SELECT 1 AS one")
		_, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{})
		if err == nil || !strings.Contains(err.Error(), "CREATE TABLE admin_alarm") {
			t.Errorf("Init with a view in the way: %v", err)
		}
		tables, err := d.Tables(t.Context(), d.DB)
		if err != nil || len(tables) > 0 {
			t.Errorf("a failed Init left %v behind (%v)", tables, err)
		}
		run(t, d, "DROP VIEW admin_alarm")
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Errorf("Init after a failed one: %v", err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := modoboa.Init(ended, openDB(t, dbtest.SQLite(t)), modoboa.InitOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Init with a context that has ended: %v", err)
		}
	})
}
