package manage_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
)

// TestStrangers deletes an account that tables of a plugin refer to: their
// rows go with it, with what refers to them in turn, or lose the reference
// where they may be without.
func TestStrangers(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		later := map[db.Dialect]string{db.PostgreSQL: " DEFERRABLE INITIALLY DEFERRED"}[o.d.Dialect]
		key := func(column, to string) string {
			return ", FOREIGN KEY (" + column + ") REFERENCES " + to + " (id)" + later + ")"
		}
		for _, table := range []string{
			"plugin_note (id integer PRIMARY KEY, user_id integer NOT NULL" + key("user_id", "core_user"),
			"plugin_reply (slug varchar(20) PRIMARY KEY, note_id integer NOT NULL" + key("note_id", "plugin_note"),
			"plugin_like (a integer, b integer, reply_id varchar(20) NOT NULL, PRIMARY KEY (a, b), FOREIGN KEY (reply_id) REFERENCES plugin_reply (slug)" + later + ")",
			"plugin_visit (id integer PRIMARY KEY, mailbox_id integer" + key("mailbox_id", "admin_mailbox"),
			`plugin_tree (id integer PRIMARY KEY, user_id integer NOT NULL, parent_id integer` + strings.TrimSuffix(key("user_id", "core_user"), ")") + key("parent_id", "plugin_tree"),
		} {
			o.exec("CREATE TABLE " + table)
		}
		amy, ben := o.read("amy@one.test"), o.read("ben@one.test")
		o.exec("INSERT INTO plugin_note (id, user_id) VALUES (1, ?), (2, ?), (3, ?)", amy.ID, amy.ID, ben.ID)
		o.exec("INSERT INTO plugin_reply (slug, note_id) VALUES ('one', 1), ('two', 1), ('three', 3)")
		o.exec("INSERT INTO plugin_like (a, b, reply_id) VALUES (1, 1, 'one'), (1, 2, 'three')")
		o.exec("INSERT INTO plugin_visit (id, mailbox_id) VALUES (1, ?), (2, ?)", amy.Mailbox.ID, ben.Mailbox.ID)
		o.exec("INSERT INTO plugin_tree (id, user_id, parent_id) VALUES (1, ?, NULL), (2, ?, 1), (3, ?, 2)", amy.ID, amy.ID, ben.ID)
		o.m = o.newManager() // which has not read the catalogue yet
		o.must("chief", func(tx *manage.Tx) error { return tx.DeleteAccount(amy.ID, true) })
		for query, want := range map[string][]string{
			"SELECT id FROM plugin_note": {"3"}, "SELECT slug FROM plugin_reply": {"three"}, "SELECT a, b FROM plugin_like": {"1 2"},
			"SELECT id, mailbox_id IS NULL FROM plugin_visit": {"1 1", "2 0"}, "SELECT id, parent_id FROM plugin_tree": {"3 -"},
		} {
			if diff := cmp.Diff(want, o.rows(query)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
		o.sound()
	})
}
