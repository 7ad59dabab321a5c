//go:build bench

package main_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

// benchSize says how many rows a database has.
type benchSize struct {
	domains, mailboxes, aliases int // mailboxes and aliases are for each domain
	// others is the number of relay domains (with transport and recipient
	// access), of domain aliases and of mailboxes being moved.
	others int
}

// fill makes Modoboa's tables and rows as Modoboa writes them: a mailbox has an
// account with a hash, a quota row and an alias of its own address, an alias
// has two mailboxes. The rows are made by the server itself, which skips the
// checks of foreign keys meanwhile.
func (h *benchHost) fill(t *testing.T) {
	t.Helper()
	d, err := db.Open(h.url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	conn, err := d.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, q := range h.size.statements() {
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// statements fill an empty database. The account of a mailbox has its id plus
// one, as the administrator has the id 1.
func (z benchSize) statements() []string {
	each := fmt.Sprintf("generate_series(1, %d) d, generate_series(1, %d) m, LATERAL (SELECT (d - 1) * %[2]d + m AS i, 'user' || m || '@d' || d || '.bench.test' AS name) x",
		z.domains, z.mailboxes)
	alias := fmt.Sprintf("generate_series(1, %d) d, generate_series(1, %d) a, LATERAL (SELECT %d + (d - 1) * %[2]d + a AS i) x",
		z.domains, z.aliases, z.domains*z.mailboxes)
	// As long as a real SHA512-CRYPT hash, and as hard to compress.
	const hash = "'{SHA512-CRYPT}$6$rounds=70000$' || substr(md5('s' || i), 1, 16) || '$' || md5('a' || i) || md5('b' || i) || substr(md5('c' || i), 1, 22)"
	return []string{
		"SET session_replication_role = replica",
		fmt.Sprintf("INSERT INTO admin_domain (id, name) SELECT d, 'd' || d || '.bench.test' FROM generate_series(1, %d) d", z.domains),
		"INSERT INTO core_user (id, username, email, password) SELECT i + 1, name, name, " + hash + " FROM " + each,
		"INSERT INTO admin_mailbox (id, address, domain_id, user_id, quota) SELECT i, 'user' || m, d, i + 1, 1024 FROM " + each,
		// One in a hundred is nearly full, of which there will be alarms.
		"INSERT INTO admin_quota (username, bytes, messages) SELECT name, (CASE i % 100 WHEN 0 THEN 1000 ELSE i % 500 END) * 1000000::bigint, i % 1000 FROM " + each,
		"INSERT INTO admin_alias (id, address, domain_id, internal) SELECT i, name, d, true FROM " + each,
		"INSERT INTO admin_alias (id, address, domain_id) SELECT i, 'alias' || a || '@d' || d || '.bench.test', d FROM " + alias,
		"INSERT INTO modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id) SELECT name, i, i FROM " + each,
		fmt.Sprintf("INSERT INTO modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id) SELECT 'user' || m || '@d' || d || '.bench.test', i, (d - 1) * %d + m"+
			" FROM %s, generate_series(0, 1) j, LATERAL (SELECT (a * 7 + j) %% %[1]d + 1 AS m) y", z.mailboxes, alias),
		fmt.Sprintf("INSERT INTO transport_transport (id, pattern, service, next_hop) SELECT o, 'r' || o || '.bench.test', 'relay', '[192.0.2.' || o %% 256 || ']:25' FROM generate_series(1, %d) o", z.others),
		fmt.Sprintf("INSERT INTO admin_domain (id, name, type, transport_id) SELECT %d + o, 'r' || o || '.bench.test', 'relaydomain', o FROM generate_series(1, %d) o", z.domains, z.others),
		fmt.Sprintf("INSERT INTO relaydomains_recipientaccess (pattern, action) SELECT 'r' || o || '.bench.test', 'reject_unverified_recipient' FROM generate_series(1, %d) o", z.others),
		fmt.Sprintf("INSERT INTO admin_domainalias (name, target_id) SELECT 'a' || o || '.bench.test', o FROM generate_series(1, %d) o", z.others),
		fmt.Sprintf("INSERT INTO admin_mailboxoperation (type, argument, mailbox_id) SELECT 'rename', '/srv/vmail/old', o FROM generate_series(1, %d) o", z.others),
		// The indexes that vmapd's own tables have and Modoboa's do not.
		"DROP INDEX admin_mailbox_address, core_objectaccess_object",
		"RESET session_replication_role",
		"VACUUM ANALYZE",
		"CHECKPOINT",
	}
}

// mailboxKeys returns n addresses of mailboxes, the same in every run.
func (z benchSize) mailboxKeys(n int) []string {
	return z.keys(n, func(r *rand.Rand) string {
		return fmt.Sprintf("user%d@d%d.bench.test", 1+r.IntN(z.mailboxes), 1+r.IntN(z.domains))
	})
}

// aliasKeys returns n addresses: mailboxes, aliases, and every tenth unknown.
func (z benchSize) aliasKeys(n int) []string {
	return z.keys(n, func(r *rand.Rand) string {
		d := 1 + r.IntN(z.domains)
		switch r.IntN(10) {
		case 0:
			return fmt.Sprintf("stranger%d@d%d.bench.test", r.IntN(1000), d)
		case 1, 2, 3:
			return fmt.Sprintf("alias%d@d%d.bench.test", 1+r.IntN(z.aliases), d)
		}
		return fmt.Sprintf("user%d@d%d.bench.test", 1+r.IntN(z.mailboxes), d)
	})
}

// strangeKeys returns n addresses that nothing is known of in domains of the
// host.
func (z benchSize) strangeKeys(n int) []string {
	return z.keys(n, func(r *rand.Rand) string {
		return fmt.Sprintf("stranger%d@d%d.bench.test", r.IntN(1000), 1+r.IntN(z.domains))
	})
}

// movingKeys returns n addresses of mailboxes, every second one being moved.
func (z benchSize) movingKeys(n int) []string {
	return z.keys(n, func(r *rand.Rand) string {
		i := r.IntN(z.domains * z.mailboxes)
		if i%2 == 0 {
			i = r.IntN(z.others)
		}
		return fmt.Sprintf("user%d@d%d.bench.test", 1+i%z.mailboxes, 1+i/z.mailboxes)
	})
}

// domainKeys returns n names of local domains.
func (z benchSize) domainKeys(n int) []string {
	return z.keys(n, func(r *rand.Rand) string { return fmt.Sprintf("d%d.bench.test", 1+r.IntN(z.domains)) })
}

// relayKeys returns n names of domains, nine out of ten of relay domains.
func (z benchSize) relayKeys(n int) []string {
	return z.keys(n, func(r *rand.Rand) string {
		if r.IntN(10) == 0 {
			return fmt.Sprintf("d%d.bench.test", 1+r.IntN(z.domains))
		}
		return fmt.Sprintf("r%d.bench.test", 1+r.IntN(z.others))
	})
}

func (benchSize) keys(n int, one func(*rand.Rand) string) []string {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]string, n)
	for i := range out {
		out[i] = one(r)
	}
	return out
}
