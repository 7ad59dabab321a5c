package modoboa

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// position is what a store.Position holds: how far a log of changes has been
// read, and what was known of the database that keeps it.
type position struct {
	Dialect string `json:"d"` // "postgres", "mysql" or "sqlite"
	Epoch   string `json:"e"` // of the log: another one, another log
	Tables  string `json:"t"` // digest of what the catalogue says of the tables
	Pruned  int64  `json:"p"` // the log's low-water mark
	Last    int64  `json:"n"` // greatest id in the log, 0 = empty

	// PostgreSQL: what was committed, as txid_current_snapshot() spells it, and
	// on a standby the ids read of transactions that began after its xmin; and
	// when the server was started, in its own notation.
	Snapshot string  `json:"s,omitempty"`
	Seen     []int64 `json:"x,omitempty"`
	Boot     string  `json:"b,omitempty"`

	// MySQL: ids below Last that were not there, in order; and the smallest
	// primary key of each table that is not empty, to notice TRUNCATE.
	Gaps []gap              `json:"g,omitempty"`
	Mins map[string]*string `json:"m,omitempty"` // null = empty
}

// gap is a range of ids, and when it was first seen (seconds since 1970 by our
// clock): [from, to, since].
type gap [3]int64

const (
	maxGaps     = 1000
	maxSeen     = 1000
	maxPosition = 256 << 10 // bytes
)

func (p *position) text() store.Position {
	b, err := json.Marshal(p)
	if err != nil {
		return "" // cannot be: numbers and strings
	}
	return store.Position(b)
}

// snapshotText is txid_snapshot's notation: xmin:xmax:xip,xip…
// (https://www.postgresql.org/docs/current/functions-info.html).
var snapshotText = regexp.MustCompile(`^([0-9]{1,18}):([0-9]{1,18}):((?:[0-9]{1,18}(?:,[0-9]{1,18})*)?)$`)

// parsePosition reads a position, which may come from a file that somebody
// has damaged. The error wraps store.ErrLost.
func parsePosition(text store.Position, d db.Dialect) (*position, error) {
	p := new(position)
	switch {
	case text == "":
		return nil, lost("nothing was read with capture of changes installed")
	case len(text) > maxPosition || json.Unmarshal([]byte(text), p) != nil:
		return nil, lost("the position is damaged")
	case p.Dialect != d.String():
		return nil, lost("the position is one of another database")
	case !p.valid(d):
		return nil, lost("the position is damaged")
	}
	return p, nil
}

func (p *position) valid(d db.Dialect) bool {
	if p.Last < 0 || p.Pruned < 0 || p.Epoch == "" || len(p.Gaps) > maxGaps || len(p.Seen) > maxSeen {
		return false
	}
	if d == db.PostgreSQL {
		xmin, xmax, ok := p.xids()
		return ok && xmin <= xmax && !slices.ContainsFunc(p.Seen, func(id int64) bool { return id <= 0 })
	}
	for name := range p.Mins {
		if !slices.ContainsFunc(tables(), func(t table) bool { return t.name == name }) {
			return false
		}
	}
	before := int64(0)
	for _, g := range p.Gaps {
		if g[0] <= before || g[1] < g[0] || g[1] >= p.Last {
			return false
		}
		before = g[1]
	}
	return true
}

// xids returns the xmin and xmax of a snapshot.
func (p *position) xids() (xmin, xmax int64, ok bool) {
	m := snapshotText.FindStringSubmatch(p.Snapshot)
	if m == nil {
		return 0, 0, false
	}
	_, err := fmt.Sscan(m[1]+" "+m[2], &xmin, &xmax)
	return xmin, xmax, err == nil && xmin > 0
}

// low returns the mark below which nobody at this position needs the log: an
// xid on PostgreSQL (exclusive), else an id (inclusive).
func (p *position) low() int64 {
	if p.Snapshot != "" {
		xmin, _, _ := p.xids()
		return xmin
	}
	if len(p.Gaps) > 0 {
		return p.Gaps[0][0] - 1
	}
	return p.Last
}

// lostError is a store.ErrLost with its reason.
type lostError struct{ reason string }

func (e *lostError) Error() string { return e.reason + ": everything must be read again" }
func (e *lostError) Unwrap() error { return store.ErrLost }

func lost(format string, args ...any) error { return &lostError{fmt.Sprintf(format, args...)} }

// gapsBetween adds to gaps the ids from after+1 to the last of ids that are
// not in ids, which are in order.
func gapsBetween(gaps []gap, after int64, ids []int64, now int64) []gap {
	for _, id := range ids {
		if id > after+1 {
			gaps = append(gaps, gap{after + 1, id - 1, now})
		}
		after = max(after, id)
	}
	return gaps
}

// closeGaps takes ids, which are in order, out of gaps.
func closeGaps(gaps []gap, ids []int64) []gap {
	var out []gap
	for _, g := range gaps {
		from := g[0]
		first, _ := slices.BinarySearch(ids, from)
		for _, id := range ids[first:] {
			if id > g[1] {
				break
			}
			if id > from {
				out = append(out, gap{from, id - 1, g[2]})
			}
			from = id + 1
		}
		if from <= g[1] {
			out = append(out, gap{from, g[1], g[2]})
		}
	}
	return out
}

// idList writes ids for an IN list or an array, in chunks of a statement's
// size.
func idList(ids []int64) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, id)
	}
	return b.String()
}

// rowID reports whether a primary key is one that a snapshot can hold.
func rowID(id int64) bool { return id > 0 && id <= math.MaxUint32 }
