package manage

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// Options say what a [Manager] works with.
type Options struct {
	DB *db.DB
	// Hash makes of a clear password what is stored: "{SCHEME}...".
	Hash func(username, password string) (string, error)
	// Delimiter stands before an address extension, "+" if it is 0.
	Delimiter byte
	// Home is where a mailbox's mail lies, "" if nowhere. Where Modoboa has
	// mailboxes moved and removed (handle_mailboxes) it is told these paths.
	Home func(address string) string
	// Elsewhere changes passwords that are not kept here; nil: nobody can.
	Elsewhere Elsewhere
	// DNS says which checks of DNS count.
	DNS DNSRules
	// Parameters are those of Modoboa's that vmapd's file sets.
	Parameters parameters.Overrides
}

// Manager carries out actions on one database. It is safe for concurrent use.
type Manager struct {
	o Options

	mu     sync.Mutex
	tables map[string]rows.Table // nil: to be read
	kinds  map[Object]int64      // content types, read with them
	read   time.Time
	refs   map[string][]reference // nil: to be read; see references
	totals totals
}

// New returns a manager of a database.
func New(o Options) *Manager { return &Manager{o: o} }

// tablesFor is how long the shape of the tables is remembered: an upgrade of
// Modoboa may add a column that every new row must have.
const tablesFor = time.Minute

// Tx is a transaction of one caller. Its methods are the actions.
type Tx struct {
	ctx    context.Context
	m      *Manager
	db     *db.DB
	tx     *sql.Tx
	caller *Caller
	tables map[string]rows.Table
	kinds  map[Object]int64 // content types
	base   *rows.Base       // nil until it is needed
	writes bool
	params *parameters.Set // nil until they are needed
}

// Read gives f one consistent view of the database.
func (m *Manager) Read(ctx context.Context, c *Caller, f func(t *Tx) error) error {
	tx, err := m.o.DB.BeginSnapshot(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	t, err := m.tx(ctx, tx, c)
	if err != nil {
		return err
	}
	return f(t)
}

// Write runs f in a transaction, which is committed if f returns nil. Other
// writers wait meanwhile: what takes long (hashing) is to be done before. Whoever
// writes without a Manager (a mail server's usage, Modoboa) may be in the way; then
// all is taken back and f runs again.
func (m *Manager) Write(ctx context.Context, c *Caller, f func(t *Tx) error) error {
	return m.write(ctx, c, f, (*sql.Tx).Commit)
}

// Try does what [Manager.Write] does and takes it back.
func (m *Manager) Try(ctx context.Context, c *Caller, f func(t *Tx) error) error {
	return m.write(ctx, c, f, (*sql.Tx).Rollback)
}

func (m *Manager) write(ctx context.Context, c *Caller, f func(t *Tx) error, end func(*sql.Tx) error) error {
	return m.o.DB.Again(ctx, func() error { return m.transact(ctx, c, f, end) })
}

func (m *Manager) transact(ctx context.Context, c *Caller, f func(t *Tx) error, end func(*sql.Tx) error) error {
	tx, err := rows.Begin(ctx, m.o.DB)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after end it does nothing, before it the error that counts is another
	t, err := m.tx(ctx, tx, c)
	if err != nil {
		return err
	}
	t.writes = true
	if err := f(t); err != nil {
		m.forget(err)
		return err
	}
	m.totals.forget()
	defer m.totals.forget() // somebody may have counted before the end
	if err := end(tx); err != nil {
		return fmt.Errorf("commit: %w", m.o.DB.Explain(err))
	}
	return nil
}

func (m *Manager) tx(ctx context.Context, tx *sql.Tx, c *Caller) (*Tx, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tables == nil || time.Since(m.read) > tablesFor {
		tables, err := rows.ReadTables(ctx, m.o.DB, tx)
		if err != nil {
			return nil, err
		}
		kinds, err := readKinds(ctx, m.o.DB, tx)
		if err != nil {
			return nil, err
		}
		m.tables, m.kinds, m.read, m.refs = tables, kinds, time.Now(), nil
	}
	return &Tx{ctx: ctx, m: m, db: m.o.DB, tx: tx, caller: c, tables: m.tables, kinds: m.kinds}, nil
}

func readKinds(ctx context.Context, d *db.DB, q db.Queryer) (map[Object]int64, error) {
	kinds := map[Object]int64{}
	err := rows.Each(ctx, d, q, "SELECT id, app_label, model FROM django_content_type", nil, func(r *sql.Rows) error {
		var id int64
		var app, model string
		err := r.Scan(&id, &app, &model)
		kinds[Object(app+"."+model)] = id
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read django_content_type: %w", err)
	}
	return kinds, nil
}

// forget has the tables read again after an error that they may explain.
func (m *Manager) forget(err error) {
	if _, blamed := asError(err); blamed {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tables = nil
}

func (m *Manager) delimiter() byte {
	if m.o.Delimiter == 0 {
		return '+'
	}
	return m.o.Delimiter
}
