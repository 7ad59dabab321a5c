package lookup

import (
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
)

// query is one request on its way through a table: the key, the snapshot, and
// the answer as it grows. Queries are pooled, so that a lookup allocates
// nothing.
type query struct {
	*store.Snapshot
	opt *Options
	key key
	now func() time.Time

	buf     []byte // what key points into
	scratch []byte

	dst   []byte // the caller's, grown by the answer
	start int    // where the answer begins in dst
	ends  []int  // of the values in dst
	seen  map[string]struct{}
}

// manyValues is where comparing a value with all before it gets slower than a
// map.
const manyValues = 32

// live reports whether an alias answers. The clock is read only for one that
// expires at all.
func (q *query) live(a *store.Alias) bool {
	return a.Enabled && (a.ExpireAt == 0 || a.Live(q.now().UnixMicro()))
}

// found reports whether the answer has a value.
func (q *query) found() bool { return len(q.ends) > 0 }

// add puts a value into the answer unless it is empty or there already. Values
// are joined by commas, as Postfix joins the rows of a SQL map (postfix
// src/global/db_common.c).
func (q *query) add(value string) {
	if value == "" || q.has(value) {
		return
	}
	if q.found() {
		q.dst = append(q.dst, ',')
	}
	q.dst = append(q.dst, value...)
	q.ends = append(q.ends, len(q.dst))
	if q.seen != nil {
		q.seen[strings.Clone(value)] = struct{}{}
	}
}

func (q *query) has(value string) bool {
	if q.seen != nil {
		_, ok := q.seen[value]
		return ok
	}
	from := q.start
	for _, end := range q.ends {
		if string(q.dst[from:end]) == value {
			return true
		}
		from = end + 1
	}
	if len(q.ends) >= manyValues {
		q.remember()
	}
	return false
}

// remember moves the values so far into a map.
func (q *query) remember() {
	q.seen = make(map[string]struct{}, 4*manyValues)
	from := q.start
	for _, end := range q.ends {
		q.seen[string(q.dst[from:end])] = struct{}{}
		from = end + 1
	}
}

// join concatenates into the scratch buffer; the result lives until the next
// join.
func (q *query) join(parts ...string) string {
	q.scratch = q.scratch[:0]
	for _, p := range parts {
		q.scratch = append(q.scratch, p...)
	}
	return view(q.scratch)
}
