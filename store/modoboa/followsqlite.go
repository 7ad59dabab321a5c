package modoboa

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// SQLite has one writer at a time, so ids are in the order of commits. Django
// makes a table anew when it migrates, which drops its triggers; any such
// change shows in schema_version.

// sqliteIdle is a connection that does nothing but look at data_version, which
// changes when any other connection commits
// (https://www.sqlite.org/pragma.html#pragma_data_version).
type sqliteIdle struct {
	conn    *sql.Conn
	version int64
	at      store.Position // where the log was when version was read
}

func (s *Source) followSQLite(ctx context.Context, from *position) (*position, *changes, error) {
	version, idle, err := s.askIdle(ctx, from.text())
	if err != nil || idle {
		return from, nil, err
	}
	tx, err := s.DB.BeginSnapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	l, err := lookSQLite(ctx, tx, from.Last)
	if err != nil {
		return nil, nil, err
	}
	if err := l.check(from); err != nil {
		return nil, nil, err
	}
	to := &position{Dialect: from.Dialect, Epoch: l.epoch, Tables: l.tables, Pruned: l.pruned, Last: l.last}
	k := new(keys)
	query := fmt.Sprintf("select id, 0, source, row_id, row_key from %s where id > %d order by id", logTable, from.Last)
	if err := readLog(ctx, tx, query, nil, k.add); err != nil {
		return nil, nil, err
	}
	c, err := s.readChanged(ctx, tx, k)
	if err == nil {
		s.noteIdle(version, to.text())
	}
	return to, c, err
}

func lookSQLite(ctx context.Context, q db.Queryer, last int64) (*log, error) {
	var l log
	var version int64
	query := fmt.Sprintf(`select c.epoch, c.pruned, coalesce((select max(id) from %[1]s), 0), exists (select 1 from %[1]s where id = %[2]d),
		(select schema_version from pragma_schema_version) from %[3]s c`, logTable, last, captureTable)
	err := scanOne(ctx, q, query, &l.epoch, &l.pruned, &l.last, &l.hasLast, &version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, lost("the triggers were removed")
	}
	l.tables = strconv.FormatInt(version, 10)
	return &l, err
}

// hereSQLite fills in the position of a load.
func (s *Source) hereSQLite(ctx context.Context, tx *sql.Tx, p *position) error {
	l, err := lookSQLite(ctx, tx, 0)
	if err == nil {
		p.Last, p.Tables = l.last, l.tables
	}
	return err
}

// lookAtFile reports whether another file is in the place of the one that was
// there the last time, and then closes the connections: they would go on with
// the one that is gone, or that is no database.
func (s *Source) lookAtFile() (replaced bool, err error) {
	file, err := os.Stat(s.DB.File())
	if err != nil {
		return false, err
	}
	replaced = s.file != nil && !os.SameFile(file, s.file)
	s.file = file
	if replaced {
		s.closeIdle()
		s.DB.CloseIdle()
	}
	return replaced, nil
}

// renew makes a load read the file that is there now.
func (s *Source) renew() {
	if s.DB.Dialect != db.SQLite {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.lookAtFile() // a file that is not there is the load's to report
}

// askIdle returns data_version, and whether nothing was committed since the
// log was read up to at.
func (s *Source) askIdle(ctx context.Context, at store.Position) (version int64, idle bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if replaced, err := s.lookAtFile(); err != nil {
		return 0, false, err
	} else if replaced {
		return 0, false, lost("the file was replaced by another")
	}
	if s.idle == nil {
		conn, err := s.DB.Conn(ctx)
		if err != nil {
			return 0, false, err
		}
		s.idle = &sqliteIdle{conn: conn}
	}
	if err := scanOne(ctx, s.idle.conn, "pragma data_version", &version); err != nil {
		s.closeIdle()
		return 0, false, err
	}
	return version, s.idle.at == at && s.idle.version == version, nil
}

func (s *Source) noteIdle(version int64, at store.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle != nil {
		s.idle.version, s.idle.at = version, at
	}
}

func (s *Source) closeIdle() {
	if s.idle != nil {
		_ = s.idle.conn.Close()
		s.idle = nil
	}
}

// Close gives back the connection that Follow keeps. It does not close DB and
// Writer.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeIdle()
	return nil
}

// digest shortens what a catalogue says.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
