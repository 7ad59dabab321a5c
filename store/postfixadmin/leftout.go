package postfixadmin

import (
	"database/sql"
	"fmt"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// leftOut warns of the rows of tables that are not taken over.
func (i *importer) leftOut() error {
	for _, t := range []struct {
		table string
		warn  func(row)
	}{
		{"vacation", i.vacation},
		{"fetchmail", func(r row) {
			i.warn("fetchmail", r["id"], "left out: mail of %q at %q is fetched for %q; let fetchmail itself do it", rows.Shown(r["src_user"]), rows.Shown(r["src_server"]), rows.Shown(r["mailbox"]))
		}},
		{"dkim_key", func(r row) {
			i.warn("dkim_key", r["id"], "left out: selector %q of %q; \"vmapd dkim generate\" makes a new key", rows.Shown(r["selector"]), rows.Shown(r["domain_name"]))
		}},
		{"mailbox_app_password", func(r row) {
			i.warn("mailbox_app_password", r["id"], "left out: a password of %q for one program, %q", rows.Shown(r["username"]), rows.Shown(r["description"]))
		}},
		{"totp_exception_address", func(r row) {
			i.warn("totp_exception_address", r["id"], "left out: an exception of %q", rows.Shown(r["username"]))
		}},
	} {
		err := i.src.pages(i.ctx, t.table, func(page []row) error {
			for _, r := range page {
				t.warn(r)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) vacation(r row) {
	state := "not active"
	if yes(r["active"]) {
		state = "active"
		if t, ok := moment(r["activeuntil"]); ok {
			state += ", until " + t.Format("2006-01-02 15:04")
		}
	}
	i.warn("vacation", r["email"], "left out (%s): set the message again, as a Sieve script or in Modoboa", state)
}

// allocations warns of domains whose mailboxes may hold more than the domain
// has: Modoboa then refuses new ones.
func (i *importer) allocations() error {
	query := `SELECT d.name, min(d.quota), sum(m.quota), sum(CASE WHEN m.quota = 0 THEN 1 ELSE 0 END)
		FROM admin_domain d JOIN admin_mailbox m ON m.domain_id = d.id WHERE d.quota > 0 GROUP BY d.name ORDER BY d.name`
	err := rows.Each(i.ctx, i.to, i.tx, query, nil, func(r *sql.Rows) error {
		var name string
		var has, given, free int64
		if err := r.Scan(&name, &has, &given, &free); err != nil {
			return err
		}
		name = store.Fold(name)
		if d := i.domains.ByName[name]; d == nil || !i.mine[name] {
			return nil
		}
		if given > has {
			i.warn("domain", name, "its mailboxes may have %d MB, the domain has %d MB: Modoboa refuses new ones", given, has)
		}
		if free > 0 {
			i.warn("domain", name, "%d of its mailboxes have no quota, but the domain has one, %d MB: Modoboa wants one at their next change", free, has)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read admin_mailbox: %w", err)
	}
	return nil
}

func plural(recipients int) string {
	if recipients == 1 {
		return "1 recipient"
	}
	return fmt.Sprintf("%d recipients", recipients)
}
