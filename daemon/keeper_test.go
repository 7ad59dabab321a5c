package daemon

import (
	"testing"
)

// TestKeysAreMade: a domain of our own database that asks for a key gets one,
// and mail is signed with it; one of a database that Modoboa made does not.
func TestKeysAreMade(t *testing.T) {
	r := newRig(t, milterListener)
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	change(t, r.database(), "UPDATE admin_domain SET enable_dkim = 1, dkim_private_key_path = '' WHERE name = 'example.com'")
	c := dialMilter(t, r.dir)
	eventually(t, "a key is made, and signs", func() bool { return len(signatures(t, c, "user@example.com", "PLAIN")) == 1 })
	for schema, want := range map[string]bool{"vmapd": true, "Modoboa 2.2": false} {
		if r.cfg.makesKeys(schema) != want {
			t.Errorf("schema %s: keys are made: %v", schema, !want)
		}
	}
}
