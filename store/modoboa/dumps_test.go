package modoboa_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestDumps loads databases that Modoboa itself made, where there are some:
// VMAPD_FIXTURES names a directory with modoboa/RELEASE/{postgres-schema,
// postgres-data,mariadb-full,sqlite-full}.sql.
func TestDumps(t *testing.T) {
	dir := os.Getenv("VMAPD_FIXTURES")
	if dir == "" {
		t.Skip("VMAPD_FIXTURES is not set")
	}
	for release, generation := range map[string]string{"1.10.0": "Modoboa 1.10 – 1.15", "2.9.3": "Modoboa 2.7.1 – 2.9"} {
		files := map[string][]string{
			"sqlite": {"sqlite-full.sql"}, "postgres": {"postgres-schema.sql", "postgres-data.sql"}, "mariadb": {"mariadb-full.sql"},
		}
		t.Run(release, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, url string) {
				engine := t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]
				for _, f := range files[engine] {
					dbtest.RunFiles(t, url, filepath.Join(dir, "modoboa", release, f))
				}
				d := dbtest.Open(t, url, db.Options{ReadOnly: true})
				s := load(t, d)
				if s.Schema() != generation {
					t.Errorf("schema %q, want %q", s.Schema(), generation)
				}
				if s.Counts().Mailboxes < 10 {
					t.Errorf("only %d mailboxes: this is not the data set", s.Counts().Mailboxes)
				}
				problems, _ := s.Problems()
				if diff := cmp.Diff(countRows(t, d, problems), s.Counts()); diff != "" {
					t.Errorf("rows counted by SQL, less those with problems (-), loaded (+):\n%s\nproblems: %v", diff, problems)
				}
				t.Logf("%+v %v", s.Counts(), problems)
			})
		})
	}
}

// countRows counts the rows of all tables, less those that a problem keeps
// from being served. Two rows of one name are both loaded, but for tables
// whose rows are kept by name.
func countRows(t *testing.T, d *db.DB, problems []store.Problem) store.Counts {
	t.Helper()
	byName := map[string]bool{"transport_transport": true, "relaydomains_recipientaccess": true}
	lost := map[string]int{}
	for _, p := range problems {
		if p.Kind != store.Collision || byName[p.Table] {
			lost[p.Table]++
		}
	}
	count := func(table string) (n int) {
		columns, err := d.Columns(t.Context(), d, table)
		if err != nil {
			t.Fatal(err)
		}
		if len(columns) == 0 {
			return 0
		}
		if err := d.QueryRow("select count(*) from " + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n - lost[table]
	}
	return store.Counts{
		Domains: count("admin_domain"), DomainAliases: count("admin_domainalias"), Accounts: count("core_user"), Mailboxes: count("admin_mailbox"),
		Aliases: count("admin_alias"), Recipients: count("modoboa_admin_aliasrecipient"), SenderAddresses: count("admin_senderaddress"),
		Transports: count("transport_transport"), RecipientAccess: count("relaydomains_recipientaccess"),
		MailboxOperations: count("admin_mailboxoperation"), AutoreplyTransports: count("postfix_autoreply_transport"),
		SigningKeys: count("vmapd_dkim_key"),
	}
}
