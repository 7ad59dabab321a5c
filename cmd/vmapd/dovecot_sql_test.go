package main_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// newSQLDovecot prepares the Dovecot that vmapd's are compared with: it asks the
// database itself, with Modoboa's queries, and keeps quota figures there by its
// own dictionary, beside the trigger that Modoboa's installer puts on the table.
// The database is PostgreSQL and has Modoboa's tables.
func newSQLDovecot(t *testing.T, database string) *dovetest.Dovecot {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	d := dovetest.New(t)
	fill := strings.NewReplacer(
		"${connect}", fmt.Sprintf("host=%s port=%s user=%s dbname=%s", u.Hostname(), u.Port(), u.User.Username(), strings.TrimPrefix(u.Path, "/")),
		"${conf}", d.Conf, "${mail}", d.Mail, "${queue}", d.Queue, "${owner}", fmt.Sprint(dovetest.Owner),
	)
	for _, name := range []string{"dovecot.conf", "sql.conf.ext", "sql-master.conf.ext", "sql-quota.conf.ext"} {
		text := fill.Replace(readFile(t, "testdata/dovecot/"+name))
		if err := os.WriteFile(filepath.Join(d.Conf, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dbtest.Exec(t, dbtest.Open(t, database, db.Options{}), mergeQuota,
		"CREATE OR REPLACE TRIGGER mergequota BEFORE INSERT ON admin_quota FOR EACH ROW EXECUTE PROCEDURE merge_quota()")
	return d
}
