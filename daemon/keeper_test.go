package daemon

import (
	"testing"

	"github.com/vmapd/vmapd/store/db"
)

// TestKeysAreMade: a domain of our own database that asks for a key gets one,
// and mail is signed with it; one of a database that Modoboa made does not.
func TestKeysAreMade(t *testing.T) {
	r := newRig(t, milterListener)
	initDatabase(t, r.database())
	ask := func() {
		t.Helper()
		d, err := db.Open("sqlite:"+r.database(), db.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := d.ExecContext(t.Context(), "UPDATE admin_domain SET enable_dkim = 1, dkim_private_key_path = '' WHERE name = 'example.com'"); err != nil {
			t.Fatal(err)
		}
	}
	r.start(t).loaded(t)
	ask()
	c := dialMilter(t, r.dir)
	eventually(t, "a key is made, and signs", func() bool { return len(signatures(t, c, "user@example.com", "PLAIN")) == 1 })
	for schema, want := range map[string]bool{"vmapd": true, "Modoboa 2.2": false} {
		if r.cfg.makesKeys(schema) != want {
			t.Errorf("schema %s: keys are made: %v", schema, !want)
		}
	}
}
