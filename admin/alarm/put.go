package alarm

import (
	"database/sql"
	"slices"
	"strings"
)

// manyRecords go into the file in one statement, which takes half as long as one
// for each.
const manyRecords = 50

// putRecords writes records, so many in one statement, and gives new ones their
// numbers in order.
func putRecords(tx *sql.Tx, all []*record, size int) error {
	if len(all) == 0 {
		return nil
	}
	put, err := tx.Prepare("INSERT INTO alarm (" + columns + ") VALUES " + strings.Repeat(", (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", size)[2:] + onConflict)
	if err != nil {
		return err
	}
	defer func() { _ = put.Close() }()
	for some := range slices.Chunk(all, size) {
		if err := putSome(put, some); err != nil {
			return err
		}
	}
	return nil
}

const onConflict = ` ON CONFLICT (id) DO UPDATE SET detail = excluded.detail, closed = excluded.closed, held = excluded.held, place = excluded.place,
	"row" = excluded."row", status = excluded.status, ours = excluded.ours, mail = excluded.mail, hook = excluded.hook RETURNING id, number`

// putSome writes records in one statement. Its rows come back in no order.
func putSome(put *sql.Stmt, some []*record) error {
	byID := make(map[string]*record, len(some))
	args := make([]any, 0, 14*len(some))
	for _, r := range some {
		byID[r.id] = r
		args = append(args, r.id, r.kind, r.subject, r.title, r.detail, micros(r.opened), micros(r.closed), r.held,
			r.place, r.row, r.status, r.ours, r.told[mailChannel], r.told[hookChannel])
	}
	rows, err := put.Query(args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id string
		var number int64
		if err := rows.Scan(&id, &number); err != nil {
			return err
		}
		byID[id].number = number
	}
	return rows.Err()
}
