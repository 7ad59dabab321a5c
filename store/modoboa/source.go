package modoboa

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// Source reads a snapshot out of Modoboa's tables and follows the log of their
// changes. It implements store.Follower; its methods may be called
// concurrently. The exported fields are set before the first call.
type Source struct {
	DB *db.DB
	// Writer is for Prune, which deletes from the log; nil = this daemon does
	// not prune.
	Writer *db.DB
	// Retention is how long a change stays in the log after this daemon has
	// read it, for others to read it too; 0 = ten minutes.
	Retention time.Duration

	mu     sync.Mutex
	marks  []mark      // for Prune
	looked time.Time   // when Follow last looked at the catalogue
	idle   *sqliteIdle // nil = not SQLite, or not asked yet
	file   os.FileInfo // SQLite: the file when it was last looked at
}

// pace is the number of rows after which a load lets others have the
// processor: requests must not feel it on a machine with two of them.
const pace = 256

// Load reads all tables in one consistent view and adds their rows to b, and
// the place in the log of changes if capture is completely installed. It ends
// at once when ctx does. The error is a *SchemaError, a *db.ConnectError
// or the driver's, wrapped with the table's name.
func (s *Source) Load(ctx context.Context, b *store.Builder) error {
	s.renew()
	tx, err := s.DB.BeginSnapshot(ctx)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	at, err := s.here(ctx, tx)
	if err != nil {
		return fmt.Errorf("load: place in the log of changes: %w", s.explain(ctx, err))
	}
	schema, err := Detect(ctx, s.DB, tx)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	b.SetSchema(schema.Name)
	if at != nil {
		b.SetPosition(at.text())
	}
	for _, t := range tables() {
		if t.optional && !schema.has(t.name) {
			continue
		}
		if err := s.loadTable(ctx, tx, &t, schema, b); err != nil {
			return fmt.Errorf("load %s: %w", t.name, s.explain(ctx, err))
		}
	}
	return nil
}

// explain says first that the load was called off, if it was: what the driver
// makes of that differs.
func (s *Source) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	explained := s.DB.Explain(err)
	var connect *db.ConnectError
	if errors.As(explained, &connect) {
		return explained
	}
	return fmt.Errorf("%s: %w", s.DB.Dialect, err)
}

// loadTable adds the rows of one table.
func (s *Source) loadTable(ctx context.Context, q db.Queryer, t *table, schema *Schema, b *store.Builder) error {
	rows, err := q.QueryContext(ctx, t.query(s.DB, schema.columns[t.name]))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	r := newRow(t)
	for n := 1; rows.Next(); n++ {
		if err := r.scan(rows); err != nil {
			return err
		}
		t.add(b, r)
		if n%pace == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			b.GiveWay()
		}
	}
	return rows.Err()
}
