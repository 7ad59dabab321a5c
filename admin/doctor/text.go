package doctor

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// row names a row of the database.
func row(table string, id uint32) string { return fmt.Sprintf("row %d of %s", id, table) }

// sql is a statement for the database's own client. Text goes through quote.
func sql(format string, args ...any) string { return "SQL: " + fmt.Sprintf(format, args...) }

// quote writes a text as SQL wants it. Backslashes are doubled: MySQL reads them
// so, and addresses have none but where somebody wants to make mischief.
func quote(s string) string {
	return "'" + strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(s) + "'"
}

// remedyOf is the remedy that an error brings with it, or another one.
func remedyOf(err error, other string) string {
	var has interface{ Remedy() string }
	if errors.As(err, &has) && has.Remedy() != "" {
		return has.Remedy()
	}
	return other
}

func date(us int64) string { return time.UnixMicro(us).UTC().Format(time.DateOnly) }

// megabytes shows bytes as administrators count mailboxes.
func megabytes(n int64) string { return fmt.Sprintf("%d MB", (n+1<<19)>>20) }
