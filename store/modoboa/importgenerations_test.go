package modoboa_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestImportGenerations imports into the tables of all releases of Modoboa,
// which have no defaults; those of accounts' rights are the same in all.
func TestImportGenerations(t *testing.T) {
	for _, g := range generations() {
		t.Run(g.release, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, url string) {
				d := openDB(t, url)
				makeTables(t, d, g)
				for _, table := range []string{
					"auth_group (id SERIAL, name varchar(80) not null)",
					"core_user_groups (id SERIAL, user_id integer not null, group_id integer not null)",
					"django_content_type (id SERIAL, app_label varchar(100) not null, model varchar(100) not null)",
					"core_objectaccess (id SERIAL, object_id NAT not null, is_owner BOOL not null, content_type_id integer not null, user_id integer not null)",
					"core_localconfig (id SERIAL, _parameters TEXT not null)",
				} {
					run(t, d, "create table "+engineWords(d.Dialect).Replace(table))
				}
				run(t, d, "insert into auth_group (name) values ('SimpleUsers'), ('DomainAdmins'), ('Resellers')",
					"insert into django_content_type (app_label, model) values ('core', 'user'), ('admin', 'domain'), ('admin', 'domainalias'), ('admin', 'mailbox'), ('admin', 'alias')",
					"insert into core_localconfig (_parameters) values ('{}')")
				insert(t, d, g, "core_user", "username, email, password, is_active, is_local, is_superuser, master_user", "admin", "", "", true, true, true, false)
				importCSV(t, d, modoboa.DemoData, modoboa.ImportOptions{})
				for _, c := range demoAnswers {
					if newer := strings.Contains(sqlQueries[c.query], "is_send_only"); newer && g.release < "2.2" {
						continue
					}
					if got := askSQL(t, d, c.query, c.key); got != c.want {
						t.Errorf("%s of %q: %q, want %q", c.query, c.key, got, c.want)
					}
				}
				self := column(t, d, "SELECT enabled FROM admin_alias WHERE address = 'dave@shop.example'")
				if on := slices.Contains([]string{"true", "1"}, self[0]); on != (g.release < "2.3") {
					t.Errorf("self-alias of a disabled account: enabled %v", self)
				}
				if g.plugin {
					got := column(t, d, "SELECT domain, method FROM postfix_autoreply_transport")
					if len(got) != 4 || got[0] != "autoreply.example.test autoreply:" {
						t.Errorf("rows of the autoreply plugin: %q", got)
					}
				}
			})
		})
	}
}
