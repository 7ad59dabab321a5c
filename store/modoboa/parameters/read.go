package parameters

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/vmapd/vmapd/store/db"
)

// Read reads Modoboa's settings through q. The error is about the database;
// what is stored there and cannot be used is among [Set.Problems].
func Read(ctx context.Context, d *db.DB, q db.Queryer, release Release, o Overrides) (*Set, error) {
	stored, err := readStored(ctx, d, q)
	if err != nil {
		return nil, err
	}
	return Parse(stored, release, o), nil
}

// Detect finds out of which range of releases a database is.
func Detect(ctx context.Context, d *db.DB, q db.Queryer) (Release, error) {
	columns := map[string]map[string]bool{}
	for _, table := range []string{"admin_domain", "core_user", "admin_mailbox"} {
		var err error
		if columns[table], err = d.Columns(ctx, q, table); err != nil {
			return 0, err
		}
	}
	return ReleaseOf(func(table, column string) bool { return columns[table][column] }), nil
}

// readStored returns the text of the first row, which is the one that Modoboa
// takes, "" if there is none.
func readStored(ctx context.Context, d *db.DB, q db.Queryer) (string, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+d.Text("_parameters")+" FROM core_localconfig ORDER BY id LIMIT 1")
	if err != nil {
		return "", fmt.Errorf("read core_localconfig: %w", d.Explain(err))
	}
	defer func() { _ = rows.Close() }()
	var stored sql.NullString
	if rows.Next() {
		err = rows.Scan(&stored)
	}
	if err == nil {
		err = rows.Err()
	}
	if err != nil {
		return "", fmt.Errorf("read core_localconfig: %w", d.Explain(err))
	}
	return stored.String, nil
}
