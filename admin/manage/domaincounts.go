package manage

import (
	"database/sql"
	"fmt"

	"github.com/vmapd/vmapd/store/db"
)

// addCounts fills in how much there is in domains: a few queries for all of
// them together.
func (t *Tx) addCounts(domains []Domain) error {
	if len(domains) == 0 {
		return nil
	}
	byID := make(map[int64]*Domain, len(domains))
	ids := make([]int64, len(domains))
	for i := range domains {
		byID[domains[i].ID], ids[i] = &domains[i], domains[i].ID
	}
	var mailboxes int64
	for _, c := range []struct {
		query string
		args  []any
		keep  func(d *Domain, n, quota int64)
	}{
		{
			"SELECT domain_id, count(*), sum(quota) FROM admin_mailbox WHERE domain_id IN (%s) GROUP BY domain_id", nil,
			func(d *Domain, n, quota int64) { d.Mailboxes, d.Allocated, mailboxes = n, quota, mailboxes+n },
		},
		{
			"SELECT domain_id, count(*), 0 FROM admin_alias WHERE domain_id IN (%s) AND internal = ? GROUP BY domain_id",
			[]any{false},
			func(d *Domain, n, _ int64) { d.Aliases = n },
		},
		{
			"SELECT target_id, count(*), 0 FROM admin_domainalias WHERE target_id IN (%s) GROUP BY target_id", nil,
			func(d *Domain, n, _ int64) { d.DomainAliases = n },
		},
	} {
		err := t.each(fmt.Sprintf(c.query, joinIDs(ids)), c.args, func(r *sql.Rows) error {
			var id, n int64
			var quota sql.NullInt64
			err := r.Scan(&id, &n, &quota)
			c.keep(byID[id], n, quota.Int64)
			return err
		})
		if err != nil {
			return err
		}
	}
	switch {
	case mailboxes == 0:
		return nil
	case mailboxes > fewMailboxes:
		return t.addUsedByName(domains)
	}
	return t.addUsed(byID, ids)
}

// fewMailboxes is how many are sought one by one in the table of their usage,
// whose key is an address. For more of them reading the whole table is quicker
// than putting their addresses together.
const fewMailboxes = 2000

func (t *Tx) addUsed(byID map[int64]*Domain, ids []int64) error {
	query := `SELECT m.domain_id, sum(q.bytes) FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id
		JOIN admin_quota q ON q.username = ` + t.concat("m.address", "'@'", "d.name") + " WHERE m.domain_id IN (" + joinIDs(ids) + ") GROUP BY m.domain_id"
	return t.each(query, nil, func(r *sql.Rows) error {
		var id int64
		var used sql.NullInt64
		err := r.Scan(&id, &used)
		byID[id].Used = used.Int64
		return err
	})
}

func (t *Tx) addUsedByName(domains []Domain) error {
	name := "substr(username, instr(username, '@') + 1)"
	if t.db.Dialect == db.PostgreSQL {
		name = "split_part(username, '@', 2)"
	}
	used := map[string]int64{}
	err := t.each("SELECT "+name+", sum(bytes) FROM admin_quota WHERE bytes > 0 GROUP BY 1", nil, func(r *sql.Rows) error {
		var s string
		var n int64
		err := r.Scan(&s, &n)
		used[s] = n
		return err
	})
	for i := range domains {
		domains[i].Used = used[domains[i].Name]
	}
	return err
}
