package modoboa

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/store/db"
)

// PostgreSQL gives out ids, and transaction numbers, before commit, so neither
// is an order of commits. But a snapshot says which transactions had committed
// when it was taken, and what is in the log after it is what those wrote that
// it did not see (https://www.postgresql.org/docs/current/functions-info.html,
// "Transaction ID and Snapshot Information Functions"). The txid_ functions
// exist from 8.3 to 18 and beyond; the pg_ ones that replace them are of 13.

// postgresState is one row about the log: the snapshot; whether this is a
// standby; what the catalogue says of server, timeline, tables (ALTER TABLE,
// TRUNCATE and rewrites change relfilenode or relnatts) and of triggers that
// fire; the capture's row; the greatest id, and whether the id $1 is there.
func postgresState() string {
	names := "'" + logTable + "', '" + captureTable + "'"
	for _, t := range tables() {
		names += ", '" + t.name + "'"
	}
	return `select txid_current_snapshot()::text, pg_is_in_recovery(),
		(select system_identifier::text from pg_control_system()) || ' ' ||
		(case when pg_is_in_recovery() then 'standby ' || (select timeline_id from pg_control_checkpoint())::text
			else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end) || ' ' ||
		(select string_agg(c.oid || '.' || relfilenode || '.' || relnatts || '.' ||
			(select count(*) from pg_trigger where tgrelid = c.oid and tgname like 'vmapd!_%' escape '!' and tgenabled in ('O', 'A')), ' ' order by c.oid)
			from pg_class c where c.oid in (select to_regclass(n) from unnest(array[` + names + `]) n)),
		c.epoch, c.pruned, coalesce((select max(id) from ` + logTable + `), 0), exists (select 1 from ` + logTable + ` where id = $1)`
}

const postgresAfter = ` from ` + logTable + ` where xid >= $2 and not txid_visible_in_snapshot(xid, $3::txid_snapshot)`

// postgresLog is what one query of postgresState says.
type postgresLog struct {
	log
	snapshot string
	standby  bool
	changed  bool
}

// look reads the state, and whether the log has anything after from.
func lookPostgres(ctx context.Context, q db.Queryer, from *position) (*postgresLog, error) {
	var l postgresLog
	var tables string
	xmin, _, _ := from.xids()
	query := postgresState() + `, exists (select 1 ` + postgresAfter + `) from ` + captureTable + ` c`
	rows, err := q.QueryContext(ctx, query, from.Last, xmin, from.Snapshot)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, otherwise(rows.Err(), lost("the triggers were removed"))
	}
	err = rows.Scan(&l.snapshot, &l.standby, &tables, &l.epoch, &l.pruned, &l.last, &l.hasLast, &l.changed)
	l.tables = digest(tables)
	return &l, otherwise(err, rows.Close())
}

// followPostgres asks in one statement, which is one snapshot, whether there
// is anything at all, and only then begins a transaction.
func (s *Source) followPostgres(ctx context.Context, from *position) (*position, *changes, error) {
	l, err := lookPostgres(ctx, s.DB, from)
	if err != nil {
		return nil, nil, err
	}
	if err := l.check(from); err != nil {
		return nil, nil, err
	}
	if !l.changed && !l.standby {
		to, err := l.position(from)
		return to, nil, err
	}
	tx, err := s.DB.BeginSnapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	if l, err = lookPostgres(ctx, tx, from); err != nil {
		return nil, nil, err
	}
	if err := l.check(from); err != nil {
		return nil, nil, err
	}
	to, err := l.position(from)
	if err != nil {
		return nil, nil, err
	}
	k, err := s.readPostgresLog(ctx, tx, from, to, l.standby)
	if err != nil {
		return nil, nil, err
	}
	c, err := s.readChanged(ctx, tx, k)
	return to, c, err
}

// position is where the view is in the log.
func (l *postgresLog) position(from *position) (*position, error) {
	to := &position{Dialect: from.Dialect, Epoch: l.epoch, Tables: l.tables, Pruned: l.pruned, Last: l.last, Snapshot: l.snapshot}
	xmin, _, ok := to.xids()
	if before, _, _ := from.xids(); !ok || xmin < before {
		return nil, lost("the server counts transactions anew: it was restored")
	}
	return to, nil
}

// readPostgresLog collects the keys of what changed.
//
// A standby's snapshots do not list the transactions that were open when they
// were taken (txid_current_snapshot() gives those of this server alone), so
// there all that is not older than the oldest of them is read, and ids that
// were read before are left out. If there are too many ids to remember, rows
// are read once more than needed, which harms nobody.
func (s *Source) readPostgresLog(ctx context.Context, tx *sql.Tx, from, to *position, standby bool) (*keys, error) {
	xmin, _, _ := from.xids()
	next, _, _ := to.xids()
	query := "select id, xid, source, row_id, row_key" + postgresAfter
	args := []any{from.Last, xmin, from.Snapshot}
	query = strings.Replace(query, "xid >=", "$1::bigint >= 0 and xid >=", 1)
	if standby {
		query = "select id, xid, source, row_id, row_key from " + logTable + " where xid >= $1 order by id desc"
		args = []any{xmin}
	}
	seen := make(map[int64]bool, len(from.Seen))
	for _, id := range from.Seen {
		seen[id] = true
	}
	k := new(keys)
	err := readLog(ctx, tx, query, args, func(e *entry) error {
		if standby && e.xid >= next && len(to.Seen) < maxSeen {
			to.Seen = append(to.Seen, e.id)
		}
		if seen[e.id] {
			return nil
		}
		return k.add(e)
	})
	return k, err
}

// herePostgres fills in the position of a load.
func (s *Source) herePostgres(ctx context.Context, tx *sql.Tx, p *position) error {
	l, err := lookPostgres(ctx, tx, &position{Snapshot: "1:1:"})
	if err != nil {
		return err
	}
	p.Tables, p.Last, p.Snapshot = l.tables, l.last, l.snapshot
	xmin, _, ok := p.xids()
	if !ok {
		return fmt.Errorf("cannot read the snapshot %q", l.snapshot)
	}
	if !l.standby {
		return nil
	}
	return eachRow(ctx, s.DB, tx, fmt.Sprintf("select id from %s where xid >= %d order by id desc limit %d", logTable, xmin, maxSeen), nil, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		p.Seen = append(p.Seen, id)
		return err
	})
}
