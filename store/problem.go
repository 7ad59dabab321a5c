package store

import "fmt"

// ProblemKind groups what can be wrong with a row.
type ProblemKind string

// The kinds of problems. They are label values of a metric: few and fixed.
const (
	BadValue    ProblemKind = "bad_value"    // control byte, invalid UTF-8, too long or empty: not served
	Collision   ProblemKind = "collision"    // two rows with the same name once folded: one served
	DanglingRef ProblemKind = "dangling_ref" // refers to a row that does not exist
)

// Problem is something wrong with one row of the database. The row, or the
// part of it that is bad, is not served.
type Problem struct {
	Kind   ProblemKind
	Table  string // database table
	RowID  string // primary key
	Column string
	Detail string // one sentence for the administrator, without the bad bytes themselves
}

// String gives one line: the row, the column and what is wrong.
func (p Problem) String() string {
	return fmt.Sprintf("%s %s=%s %s: %s", p.Table, "id", p.RowID, p.Column, p.Detail)
}
