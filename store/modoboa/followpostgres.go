package modoboa

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// PostgreSQL gives out ids, and transaction numbers, before commit, so neither
// is an order of commits. But a snapshot says which transactions had committed
// when it was taken, and what is in the log after it is what those wrote that
// it did not see (https://www.postgresql.org/docs/current/functions-info.html,
// "Transaction ID and Snapshot Information Functions"). The txid_ functions
// exist from 8.3 to 18 and beyond; the pg_ ones that replace them are of 13.
//
// A server that crashes gives out numbers again of transactions that it has
// forgotten, for instance because they were rolled back; the snapshot takes
// what has such a number for old. But the ids in the log go on behind the last
// that was committed, so whatever is behind the greatest id that was seen is
// read as well. Only with synchronous_commit = off may a server forget what
// was committed and seen: hence everything is read again after a restart.

// postgresTables is what the catalogue says of server, timeline, tables (ALTER
// TABLE, TRUNCATE and rewrites change relfilenode or relnatts) and of triggers
// that fire.
func postgresTables() string {
	return `(select system_identifier::text from pg_control_system()) || ' ' ||
		(case when pg_is_in_recovery() then 'standby ' || (select timeline_id from pg_control_checkpoint())::text
			else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end) || ' ' ||
		(select string_agg(c.oid || '.' || relfilenode || '.' || relnatts || '.' ||
			(select count(*) from pg_trigger where tgrelid = c.oid and tgname like 'vmapd!_%' escape '!' and tgenabled in ('O', 'A')), ' ' order by c.oid)
			from pg_class c where c.oid in (select to_regclass(n) from unnest(array[` + watchedTables() + `]) n))`
}

// watchedTables lists, for SQL, the tables whose changes are captured and those
// of the capture.
func watchedTables() string {
	names := []string{logTable, captureTable}
	for _, t := range tables() {
		names = append(names, t.name)
	}
	return "'" + strings.Join(names, "', '") + "'"
}

// postgresLook is one statement, since each costs a round trip: the snapshot;
// whether this is a standby; when the server was started; what the catalogue says, or "" if it is not
// asked; the capture's row; the greatest id, whether the id that was last is
// there; and with it each entry of the log after a position, or NULLs.
//
// A standby's snapshots do not list the transactions that were open when they
// were taken (txid_current_snapshot() gives those of this server alone), so
// there all that is not older than the oldest of them is read.
func postgresLook(from *position, catalogue bool) string {
	about := "''"
	if catalogue {
		about = postgresTables()
	}
	xmin, _, _ := from.xids()
	const entry = "select id, xid, source, row_id, row_key from " + logTable
	return fmt.Sprintf(`select txid_current_snapshot()::text, pg_is_in_recovery(), extract(epoch from pg_postmaster_start_time())::text, %[1]s, c.epoch, c.pruned,
		coalesce((select max(id) from `+logTable+`), 0), exists (select 1 from `+logTable+` where id = %[2]d),
		e.id, e.xid, e.source, e.row_id, e.row_key
		from `+captureTable+` c left join lateral (
			`+entry+` where xid >= %[3]d and (pg_is_in_recovery() or not txid_visible_in_snapshot(xid, '%[4]s'::txid_snapshot))
			union `+entry+` where id > %[2]d order by id desc limit %[5]d) e on true`,
		about, from.Last, xmin, from.Snapshot, maxEntries+1)
}

// postgresLog is what postgresLook says.
type postgresLog struct {
	log
	snapshot string
	standby  bool
	boot     string // when the server was started
}

// lookPostgres asks, and hands each entry to f. The values in the statement are
// numbers, and a snapshot in the server's own notation.
func lookPostgres(ctx context.Context, q db.Queryer, from *position, catalogue bool, f func(l *postgresLog, e *entry) error) (*postgresLog, error) {
	rows, err := q.QueryContext(ctx, postgresLook(from, catalogue), db.AtOnce)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	l, any := postgresLog{}, false
	tables := ""
	for n := 1; rows.Next(); n++ {
		var id, xid sql.NullInt64
		var source sql.NullString
		e := entry{}
		if err := rows.Scan(&l.snapshot, &l.standby, &l.boot, &tables, &l.epoch, &l.pruned, &l.last, &l.hasLast, &id, &xid, &source, &e.rowID, &e.key); err != nil {
			return nil, err
		}
		any = true
		if n > maxEntries {
			return nil, lost("more than %d changes are in the log", maxEntries)
		}
		if !id.Valid {
			continue
		}
		e.id, e.xid, e.source = id.Int64, xid.Int64, source.String
		if err := f(&l, &e); err != nil {
			return nil, err
		}
	}
	if !any {
		return nil, otherwise(rows.Err(), lost("the triggers were removed"))
	}
	if l.tables = from.Tables; catalogue {
		l.tables = digest(tables)
	}
	return &l, rows.Err()
}

// followPostgres asks the catalogue every few seconds: its answer costs more
// than all the rest.
func (s *Source) followPostgres(ctx context.Context, from *position) (*position, *changes, error) {
	tx, err := s.DB.BeginSnapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	k, to := new(keys), &position{Dialect: from.Dialect}
	seen := make(map[int64]bool, len(from.Seen))
	for _, id := range from.Seen {
		seen[id] = true
	}
	catalogue := s.mustLook()
	l, err := lookPostgres(ctx, tx, from, catalogue, func(l *postgresLog, e *entry) error {
		to.see(l, e)
		if seen[e.id] {
			return nil
		}
		return k.add(e)
	})
	if err != nil {
		return nil, nil, err
	}
	if err := l.check(from); err != nil {
		return nil, nil, err
	}
	if catalogue {
		s.hasLooked()
	}
	if err := l.position(from, to); err != nil {
		return nil, nil, err
	}
	c, err := s.readChanged(ctx, tx, k)
	return to, c, err
}

// see remembers, on a standby, the entries that will be read once more: those
// of transactions that are not older than the oldest one that is open. If there
// are too many, rows are read once more than needed, which harms nobody.
func (p *position) see(l *postgresLog, e *entry) {
	if !l.standby || len(p.Seen) >= maxSeen {
		return
	}
	if xmin, _, ok := (&position{Snapshot: l.snapshot}).xids(); ok && e.xid >= xmin {
		p.Seen = append(p.Seen, e.id)
	}
}

// position fills in where the view is in the log.
func (l *postgresLog) position(from, to *position) error {
	to.Epoch, to.Tables, to.Pruned, to.Last, to.Snapshot, to.Boot = l.epoch, l.tables, l.pruned, l.last, l.snapshot, l.boot
	xmin, _, ok := to.xids()
	if before, _, _ := from.xids(); !ok || xmin < before {
		return lost("the server counts transactions anew: it was restored")
	}
	return nil
}

// herePostgres fills in the position of a load.
func (s *Source) herePostgres(ctx context.Context, tx *sql.Tx, p *position) error {
	// Nothing is after a place in the far future; what a standby has to
	// remember is asked for below, when the snapshot is known.
	l, err := lookPostgres(ctx, tx, &position{Last: math.MaxInt64, Snapshot: "999999999999999999:999999999999999999:"}, true, func(*postgresLog, *entry) error { return nil })
	if err != nil {
		return err
	}
	p.Tables, p.Last, p.Snapshot, p.Boot = l.tables, l.last, l.snapshot, l.boot
	xmin, _, ok := p.xids()
	if !ok {
		return fmt.Errorf("cannot read the snapshot %q", l.snapshot)
	}
	if !l.standby {
		return nil
	}
	return rows.Each(ctx, s.DB, tx, fmt.Sprintf("select id from %s where xid >= %d order by id desc limit %d", logTable, xmin, maxSeen), nil, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		p.Seen = append(p.Seen, id)
		return err
	})
}
