package modoboa

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// MySQL gives out ids before commit too, and tells nobody which transactions
// are open. So ids below the last that are not there are remembered as gaps and
// asked for again. An insert that is not committed holds a lock on its row: a
// locking read that finds neither row nor lock proves that a gap was rolled
// back (https://dev.mysql.com/doc/refman/8.0/en/innodb-locking-reads.html).
//
// TRUNCATE runs no trigger. MySQL 8 renews create_time then, MariaDB does not;
// but a table's smallest primary key cannot go without an entry in the log
// otherwise. ALTER TABLE and a table made anew show in create_time.

const (
	// gapAge is how long an insert may take between getting its id and locking
	// its row. It is far less; until then the gap is asked for, but not given up.
	gapAge = 5 // seconds
	// settleAtOnce bounds the locking reads of one Follow.
	settleAtOnce = 100
	// lookInterval is how often an idle Follow looks at the catalogue, which
	// costs more than all the rest.
	lookInterval = 5 * time.Second
)

// mysqlLog is what one query says of the log.
type mysqlLog struct {
	log
	mins map[string]*string
}

// lookMySQL reads the capture's row, the ends of the log, and the smallest keys
// of the tables named in from.Mins. It is one round trip: a query without
// arguments is not prepared.
func (s *Source) lookMySQL(ctx context.Context, q db.Queryer, from *position) (*mysqlLog, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "select c.epoch, c.pruned, coalesce((select max(id) from %[1]s), 0), exists (select 1 from %[1]s where id = %[2]d)", logTable, from.Last)
	l := &mysqlLog{log: log{tables: from.Tables}, mins: map[string]*string{}}
	dest := []any{&l.epoch, &l.pruned, &l.last, &l.hasLast}
	var mins []sql.NullString
	names := slices.Sorted(maps.Keys(from.Mins))
	mins = make([]sql.NullString, len(names))
	for i, name := range names {
		fmt.Fprintf(&b, ", (select min(%s) from %s)", keyOf(name), name)
		dest = append(dest, &mins[i])
	}
	fmt.Fprintf(&b, " from %s c", captureTable)
	err := scanOne(ctx, q, b.String(), dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, lost("the triggers were removed")
	}
	for i, name := range names {
		l.mins[name] = nil
		if mins[i].Valid {
			l.mins[name] = &mins[i].String
		}
	}
	return l, err
}

// keyOf returns the name of a table's primary key.
func keyOf(name string) string {
	for _, t := range tables() {
		if t.name == name {
			return t.key()
		}
	}
	return "id"
}

func (s *Source) followMySQL(ctx context.Context, from *position) (*position, *changes, error) {
	if len(from.Gaps) == 0 && !s.mustLook() {
		l, err := s.lookMySQL(ctx, s.DB, from)
		if err != nil {
			return nil, nil, err
		}
		if err := l.check(from); err != nil {
			return nil, nil, err
		}
		if l.last == from.Last && sameMins(l.mins, from.Mins) {
			to := *from
			to.Pruned = l.pruned
			return &to, nil, nil
		}
	}
	gaps, err := s.settleGaps(ctx, from.Gaps)
	if err != nil {
		return nil, nil, err
	}
	tx, err := s.DB.BeginSnapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	digest, err := s.mysqlTables(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	l, err := s.lookMySQL(ctx, tx, from)
	if err != nil {
		return nil, nil, err
	}
	l.tables = digest
	if err := l.check(from); err != nil {
		return nil, nil, err
	}
	to := &position{Dialect: from.Dialect, Epoch: l.epoch, Tables: digest, Pruned: l.pruned, Last: l.last, Mins: l.mins}
	k, err := readMySQLLog(ctx, tx, from, to, gaps)
	if err == nil {
		err = vanished(ctx, tx, from, to, k)
	}
	if err != nil {
		return nil, nil, err
	}
	c, err := s.readChanged(ctx, tx, k)
	return to, c, err
}

// readMySQLLog collects the keys of what is new above from.Last and in gaps,
// and notes in to what is then missing.
func readMySQLLog(ctx context.Context, q db.Queryer, from, to *position, gaps []gap) (*keys, error) {
	where := []string{fmt.Sprintf("id > %d", from.Last)}
	for _, g := range gaps {
		where = append(where, fmt.Sprintf("id between %d and %d", g[0], g[1]))
	}
	k := new(keys)
	var ids []int64
	err := readLog(ctx, q, "select id, 0, source, row_id, row_key from "+logTable+" where "+strings.Join(where, " or ")+" order by id", nil, func(e *entry) error {
		ids = append(ids, e.id)
		return k.add(e)
	})
	if err != nil {
		return nil, err
	}
	above, _ := slices.BinarySearch(ids, from.Last+1)
	to.Gaps = gapsBetween(closeGaps(gaps, ids[:above]), from.Last, ids[above:], time.Now().Unix())
	if len(to.Gaps) > maxGaps {
		return nil, lost("more than %d transactions are open, or were rolled back just now", maxGaps)
	}
	return k, nil
}

// vanished looks for smallest keys that went without a word in the log. One
// that is no longer the smallest may still be there.
func vanished(ctx context.Context, q db.Queryer, from, to *position, k *keys) error {
	for name, before := range from.Mins {
		now := to.Mins[name]
		if before == nil || now != nil && *now == *before {
			continue
		}
		_, said := k.text[*before]
		if id, err := strconv.ParseInt(*before, 10, 64); err == nil && keyOf(name) == "id" {
			_, said = k.ids[name][id]
		}
		if said {
			continue
		}
		n := 0
		rows, err := q.QueryContext(ctx, "select count(*) from "+name+" where "+keyOf(name)+" = ?", *before)
		if err == nil {
			err = one(rows, &n)
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return lost("rows of %s are gone without a trace, as TRUNCATE does it", name)
		}
	}
	return nil
}

func sameMins(a, b map[string]*string) bool {
	return maps.EqualFunc(a, b, func(x, y *string) bool {
		return (x == nil) == (y == nil) && (x == nil || *x == *y)
	})
}

// mustLook reports whether it is time to look at the catalogue again.
func (s *Source) mustLook() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.looked) > lookInterval
}

func (s *Source) hasLooked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked = time.Now()
}

// mysqlTables returns a digest of what the catalogue says of the tables and of
// our triggers: dropping one leaves create_time as it was. It must be read
// before the view is taken. MySQL 8 keeps old figures unless told
// otherwise; MariaDB does not read the comment.
func (s *Source) mysqlTables(ctx context.Context, tx *sql.Tx) (string, error) {
	if _, err := tx.ExecContext(ctx, "set /*!80000 session information_schema_stats_expiry = 0, */ @vmapd = 1"); err != nil {
		return "", err
	}
	query := "select table_name, coalesce(cast(create_time as char), '') from information_schema.tables where table_schema = database() and table_name in (" + watchedTables() +
		") union all select trigger_name, event_object_table from information_schema.triggers " +
		"where trigger_schema = database() and trigger_name like 'vmapd!_%' escape '!' order by 1"
	var all strings.Builder
	err := rows.Each(ctx, s.DB, tx, query, nil, func(r *sql.Rows) error {
		var name, at string
		err := r.Scan(&name, &at)
		fmt.Fprintln(&all, name, at)
		return err
	})
	s.hasLooked()
	return digest(all.String()), err
}

// hereMySQL fills in the position of a load: all ids that the log lacks may
// still come.
func (s *Source) hereMySQL(ctx context.Context, tx *sql.Tx, p *position) error {
	present, err := capturedTables(ctx, s.DB, tx)
	if err != nil {
		return err
	}
	p.Mins = map[string]*string{}
	for _, t := range present {
		p.Mins[t.name] = nil
	}
	l, err := s.lookMySQL(ctx, tx, p)
	if err != nil {
		return err
	}
	p.Last, p.Mins = l.last, l.mins
	now, after := time.Now().Unix(), p.Pruned
	err = rows.Each(ctx, s.DB, tx, fmt.Sprintf("select id from %s where id > %d order by id", logTable, after), nil, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		if p.Gaps = gapsBetween(p.Gaps, after, []int64{id}, now); len(p.Gaps) > maxGaps {
			p.Gaps = p.Gaps[:maxGaps+1]
		}
		after = id
		return err
	})
	return err
}
