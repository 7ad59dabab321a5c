package modoboa_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestImportModoboa imports into databases that Modoboa itself made, on all
// engines: tables without defaults, two generations of columns, and rows of
// its own. VMAPD_FIXTURES names the folder of their dumps.
func TestImportModoboa(t *testing.T) {
	dbtest.EachModoboa(t, func(t *testing.T, url, release string) { importIntoModoboa(t, openDB(t, url), release) })
}

const modoboaFile = `domain;new.test;0;10;true
domainalias;newalias.test;new.test;true
relaydomain;newrelay.test;mx.away.test;2525;relay;true;true
account;n1@new.test;{PLAIN}n;N;One;true;SimpleUsers;n1@new.test;0
account;n2@example.test;{PLAIN}n;N;Two;false;SimpleUsers;n2@example.test;5
account;n3@newrelay.test;{PLAIN}n;N;Three;true;DomainAdmins;n3@newrelay.test;0;new.test;example.org
alias;both@new.test;true;n1@new.test;n1+x@new.test;n2@example.test;user1@example.test;info@example.test;who@relay.test
forward;n1@new.test;true;n1@new.test;far@away.test
`

func importIntoModoboa(t *testing.T, d *db.DB, release string) {
	before := counts(t, d)
	report := importCSV(t, d, modoboaFile, modoboa.ImportOptions{})
	want := map[string]int{"domain": 1, "domainalias": 1, "relaydomain": 1, "account": 3, "alias": 1, "forward": 1, "mailbox": 3, "recipient": 8}
	if diff := cmp.Diff(want, report.Created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	inactive := "n2@example.test" // before 2.3 the self-alias of a disabled account was enabled
	if release == "2.9.3" {
		inactive = ""
	}
	for _, c := range []struct{ query, key, want string }{
		{"domains", "new.test", "new.test"},
		{"relaydomains", "newrelay.test", "newrelay.test"},
		{"domain-aliases", "newalias.test", "new.test"},
		{"aliases", "@newalias.test", "@new.test"},
		{"aliases", "n1@new.test", "far@away.test,n1@new.test,n1@new.test"},
		{"aliases", "n2@example.test", inactive},
		{"aliases", "both@new.test", "info@example.test,n1+x@new.test,n1@new.test,n2@example.test,user1@example.test,who@relay.test"},
		{"transport", "newrelay.test", "relay:[mx.away.test]:2525"},
		{"recipient-verification", "x@newrelay.test", "reject_unverified_recipient"},
		{"spliteddomains", "n3@newrelay.test", "lmtp:unix:private/dovecot-lmtp"},
	} {
		if got := askSQL(t, d, c.query, c.key); got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.query, c.key, got, c.want)
		}
	}
	after := counts(t, d)
	for _, table := range []string{"core_user", "admin_mailbox", "admin_quota", "core_user_groups"} {
		if after[table] == before[table] {
			t.Errorf("%s has %s rows before and after", table, after[table])
		}
	}
	b := store.NewBuilder()
	if err := (&modoboa.Source{DB: d}).Load(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	b.Build(time.Now())
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err == nil || !strings.Contains(err.Error(), "is a Modoboa database") {
		t.Errorf("Init on a Modoboa database: %v", err)
	}
}
