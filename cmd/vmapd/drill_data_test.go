package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

// drillSize says how many rows the database of the drills has.
type drillSize struct {
	domains, mailboxes int // mailboxes are for each domain
}

// fillDrill makes Modoboa's tables and rows in an empty database of any engine.
// Mailboxes have what Modoboa gives them; each domain has an alias of two
// mailboxes, and a relay domain beside it.
func fillDrill(t testing.TB, url string, z drillSize) {
	t.Helper()
	d, err := db.Open(url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	tx, err := d.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	f := &filler{exec: func(q string) {
		if _, err := tx.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.200s: %v", q, err)
		}
	}}
	z.rows(f)
	f.flush()
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// rows are everything that fillDrill adds, parents first. The account of a
// mailbox has its id plus one, as the administrator has the id 1.
func (z drillSize) rows(f *filler) {
	// As long as a real hash.
	const hash = "{SHA512-CRYPT}$6$rounds=70000$0123456789abcdef$0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef012345"
	for d := 1; d <= z.domains; d++ {
		f.add("transport_transport (id, pattern, service, next_hop)", "(%d, 'r%[1]d.drill.test', 'relay', '[192.0.2.1]:25')", d)
	}
	for d := 1; d <= z.domains; d++ {
		f.add("admin_domain (id, name, type, transport_id)", "(%d, 'd%[1]d.drill.test', 'domain', null), (%d, 'r%[1]d.drill.test', 'relaydomain', %[1]d)", d, z.domains+d)
	}
	each := func(add func(d, m, i int)) {
		for d := 1; d <= z.domains; d++ {
			for m := 1; m <= z.mailboxes; m++ {
				add(d, m, (d-1)*z.mailboxes+m)
			}
		}
	}
	each(func(d, m, i int) {
		f.add("core_user (id, username, email, password)", "(%d, 'u%d@d%d.drill.test', 'u%[2]d@d%[3]d.drill.test', '%s')", i+1, m, d, hash)
	})
	each(func(d, m, i int) {
		f.add("admin_mailbox (id, address, domain_id, user_id, quota)", "(%d, 'u%d', %d, %d, 1024)", i, m, d, i+1)
	})
	each(func(d, m, i int) {
		f.add("admin_quota (username, bytes, messages)", "('u%d@d%d.drill.test', %d, 7)", m, d, i*1000)
	})
	each(func(d, m, i int) {
		f.add("admin_alias (id, address, domain_id, internal)", "(%d, 'u%d@d%d.drill.test', %[3]d, true)", i, m, d)
	})
	for d := 1; d <= z.domains; d++ {
		f.add("admin_alias (id, address, domain_id, internal)", "(%d, 'all@d%d.drill.test', %[2]d, false)", z.domains*z.mailboxes+d, d)
	}
	each(func(d, m, i int) {
		f.add("modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id)", "('u%d@d%d.drill.test', %d, %[3]d)", m, d, i)
	})
	for d := 1; d <= z.domains; d++ {
		f.add("modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id)", "('u1@d%d.drill.test', %d, %d), ('u2@d%[1]d.drill.test', %[2]d, %[4]d)",
			d, z.domains*z.mailboxes+d, (d-1)*z.mailboxes+1, (d-1)*z.mailboxes+2)
	}
}

// filler gathers rows of one table into long INSERT statements.
type filler struct {
	exec  func(query string)
	into  string
	batch []string
}

func (f *filler) add(into, format string, args ...any) {
	if f.into != into || len(f.batch) >= 1000 {
		f.flush()
	}
	f.into = into
	f.batch = append(f.batch, fmt.Sprintf(format, args...))
}

func (f *filler) flush() {
	if len(f.batch) > 0 {
		f.exec("insert into " + f.into + " values " + strings.Join(f.batch, ","))
	}
	f.batch = nil
}

// probes are questions about what fillDrill made, and about what is not there.
func (z drillSize) probes() []drill.Probe {
	var all []drill.Probe
	for i := range 200 {
		d, m := 1+(i*7)%z.domains, 1+(i*13)%z.mailboxes
		domain := fmt.Sprintf("d%d.drill.test", d)
		user, relay := fmt.Sprintf("u%d@%s", m, domain), fmt.Sprintf("r%d.drill.test", d)
		all = append(all,
			drill.Probe{Table: "aliases", Key: user, Want: user},
			drill.Probe{Table: "aliases", Key: "all@" + domain, Want: "u1@" + domain + ",u2@" + domain},
			drill.Probe{Table: "aliases", Key: "nobody@" + domain},
			drill.Probe{Table: "domains", Key: domain, Want: domain},
			drill.Probe{Table: "domains", Key: "no" + domain},
			drill.Probe{Table: "relay-domains", Key: relay, Want: relay},
			drill.Probe{Table: "transport", Key: relay, Want: "relay:[192.0.2.1]:25"},
			drill.Probe{Table: "sender-login", Key: user, Want: user},
			drill.Probe{Table: "mailboxes", Key: user, Want: user},
			drill.Probe{Table: "mailboxes", Key: "nobody@" + domain},
		)
	}
	return all
}
