package dbtest

import (
	"testing"

	"github.com/vmapd/vmapd/store/db"
)

// MergeQuota makes a trigger in a database of PostgreSQL that behaves as the one
// that Modoboa's installer puts on admin_quota for Dovecot 2.3: it adds where a
// row is there, and negates where none is.
func MergeQuota(t testing.TB, d *db.DB) {
	t.Helper()
	Exec(t, d, mergeQuota, "CREATE OR REPLACE TRIGGER mergequota BEFORE INSERT ON admin_quota FOR EACH ROW EXECUTE PROCEDURE merge_quota()")
}

const mergeQuota = `CREATE OR REPLACE FUNCTION merge_quota() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.messages IS NULL OR NEW.messages < 0 THEN
		NEW.messages := coalesce(-NEW.messages, 0);
		RETURN NEW;
	END IF;
	UPDATE admin_quota SET bytes = bytes + NEW.bytes, messages = messages + NEW.messages WHERE username = NEW.username;
	IF found THEN RETURN NULL; END IF;
	NEW.messages := -NEW.messages;
	RETURN NEW;
END $$`
