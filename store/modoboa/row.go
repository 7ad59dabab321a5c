package modoboa

import (
	"database/sql"
	"math"
	"strconv"
	"unicode"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// row is the row under the cursor, its columns as the drivers give them:
// int64, float64, bool, string, []byte, time.Time or nil. Values are taken as
// they are ("any" is the one destination for which database/sql neither
// converts nor copies a string) and read by position. A value that cannot be
// read is remembered until ok.
type row struct {
	table  *table
	values []any
	dest   []any // pointers to values
	bad    int   // column that could not be read, -1 = none
	detail string
	notes  []store.Problem // about values that were read in spite of a flaw
}

func newRow(t *table) *row {
	r := &row{table: t, values: make([]any, len(t.columns)), dest: make([]any, len(t.columns)), bad: -1}
	for i := range r.values {
		r.dest[i] = &r.values[i]
	}
	return r
}

// scan reads the row under the cursor.
func (r *row) scan(rows *sql.Rows) error { return rows.Scan(r.dest...) }

// ok reports whether all columns could be read, and tells the builder what
// could not.
func (r *row) ok(b *store.Builder) bool {
	for _, p := range r.notes {
		b.Report(p)
	}
	r.notes = r.notes[:0]
	if r.bad < 0 {
		return true
	}
	b.Report(r.problem(r.bad, r.detail+": the row is not served; correct or delete it"))
	r.bad = -1
	return false
}

func (r *row) problem(i int, detail string) store.Problem {
	return store.Problem{Kind: store.BadValue, Table: r.table.name, RowID: r.key(), Column: r.table.columns[i].name(), Detail: detail}
}

// key returns the primary key for a message; what cannot be printed is quoted.
func (r *row) key() string {
	s := ""
	switch v := r.values[0].(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case string:
		s = v
	case []byte:
		s = string(v)
	default:
		return "?"
	}
	for _, c := range s {
		if !unicode.IsPrint(c) || c == unicode.ReplacementChar {
			return strconv.QuoteToASCII(s)
		}
	}
	return s
}

func (r *row) fail(i int, detail string) {
	if r.bad < 0 {
		r.bad, r.detail = i, detail
	}
}

// id reads a primary key: 1 to 2^32-1. Modoboa's are 31 bits wide.
func (r *row) id(i int) uint32 {
	n := r.number(i)
	if n <= 0 || n > math.MaxUint32 {
		r.fail(i, "is not between 1 and 4294967295")
		return 0
	}
	return uint32(n)
}

// ref reads a reference to a row; NULL is 0.
func (r *row) ref(i int) uint32 {
	if r.values[i] == nil {
		return 0
	}
	return r.id(i)
}

// number reads an integer; NULL is 0.
func (r *row) number(i int) int64 {
	switch v := r.values[i].(type) {
	case int64:
		return v
	case nil:
		return 0
	case []byte:
		return r.parse(i, string(v))
	case string:
		return r.parse(i, v)
	}
	r.fail(i, "is not an integer")
	return 0
}

func (r *row) parse(i int, s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		r.fail(i, "is not an integer")
	}
	return n
}

// quota reads a limit in MB. One that makes no sense does not take the row
// with it: it counts as 0, no limit.
func (r *row) quota(i int) uint32 {
	n, ok := r.values[i].(int64)
	if !ok {
		n = r.number(i)
	}
	if n < 0 || n > math.MaxUint32 {
		r.notes = append(r.notes, r.problem(i, "is not between 0 and 4294967295: taken as 0, no limit; correct it"))
		return 0
	}
	return uint32(n)
}

// limit reads a limit; NULL is none. One that makes no sense does not take the
// row with it: it counts as none.
func (r *row) limit(i int) store.Limit {
	if r.values[i] == nil {
		return 0
	}
	n := r.number(i)
	if n < 0 || n > math.MaxUint32-1 {
		r.notes = append(r.notes, r.problem(i, "is not between 0 and 4294967294: taken as no limit; correct it"))
		return 0
	}
	return store.LimitOf(uint32(n))
}

// text reads a string, byte for byte; NULL is "".
func (r *row) text(i int) string {
	switch v := r.values[i].(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case nil:
		return ""
	case int64:
		return strconv.FormatInt(v, 10)
	}
	r.fail(i, "is not text")
	return ""
}

// flag reads a boolean; NULL is false.
func (r *row) flag(i int) bool {
	switch v := r.values[i].(type) {
	case bool:
		return v
	case int64:
		return v != 0
	case nil:
		return false
	case []byte:
		return r.word(i, string(v))
	case string:
		return r.word(i, v)
	}
	r.fail(i, "is not a boolean")
	return false
}

func (r *row) word(i int, s string) bool {
	on, err := strconv.ParseBool(s)
	if err != nil {
		r.fail(i, "is not a boolean")
	}
	return on
}

// expiry reads a timestamp as microseconds since 1970 UTC; NULL and
// PostgreSQL's "infinity" are 0, never.
func (r *row) expiry(i int) int64 {
	if r.values[i] == nil {
		return 0
	}
	us, err := parseTime(r.text(i))
	if err != nil {
		r.fail(i, err.Error())
	}
	return us
}

// parseTime reads a timestamp as text: microseconds since 1970 UTC, 0 for
// never. Midnight of 1970 itself becomes the microsecond before.
func parseTime(s string) (int64, error) {
	switch s {
	case "infinity":
		return 0, nil
	case "-infinity":
		return -1, nil
	}
	t, err := rows.ParseTime(s)
	if err != nil {
		return 0, err
	}
	if us := t.UnixMicro(); us != 0 {
		return us, nil
	}
	return -1, nil
}
