package daemon

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/mapdiff"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store/db"
)

// shadow asks the SQL maps that vmapd is to replace what it was asked itself,
// and keeps what they say otherwise. A request pays for it with one counter, and
// one in so many with a place in a queue; the maps are asked later, in batches.
type shadow struct {
	every   atomic.Int64 // one request in so many; 0 = off
	asked   atomic.Int64
	samples chan sample

	mu     sync.Mutex
	status ShadowStatus
	counts *prometheus.CounterVec
}

type sample struct{ table, key string }

// ShadowStatus is what came of comparing live lookups with the operator's maps.
type ShadowStatus struct {
	Maps      string `json:"maps"` // folder, "" = nothing is compared
	Every     int    `json:"every"`
	Compared  int    `json:"compared"`
	Different int    `json:"different"`
	Intended  int    `json:"intended"`          // differences that are meant to be, besides
	Dropped   int    `json:"dropped,omitempty"` // samples that came faster than the maps answer
	// LastError says why the maps cannot be asked.
	LastError string `json:"last_error,omitempty"`
	// Last are the last differences that are not meant to be, at most 100.
	Last []mapdiff.Difference `json:"last,omitempty"`
}

const (
	shadowQueue = 1000
	shadowPause = 2 * time.Second // between batches, and before a difference counts
	shadowLast  = 100
)

func newShadow(counts *prometheus.CounterVec) *shadow {
	return &shadow{samples: make(chan sample, shadowQueue), counts: counts}
}

// watch passes requests on, and samples them.
func (s *shadow) watch(next lookupFunc) lookupFunc {
	return func(ctx context.Context, dst, table, key []byte) ([]byte, bool, error) {
		if every := s.every.Load(); every > 0 && s.asked.Add(1)%every == 0 {
			s.take(string(table), string(key))
		}
		return next(ctx, dst, table, key)
	}
}

func (s *shadow) take(table, key string) {
	select {
	case s.samples <- sample{table, key}:
	default:
		s.mu.Lock()
		s.status.Dropped++
		s.mu.Unlock()
	}
}

// report is a copy of the status, nil if nothing is or was compared.
func (s *shadow) report() *ShadowStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Maps == "" && s.status.Compared == 0 {
		return nil
	}
	out := s.status
	out.Last = append([]mapdiff.Difference(nil), s.status.Last...)
	return &out
}

// runShadow compares samples until ctx ends.
func (d *Daemon) runShadow(ctx context.Context) {
	s := d.shadow
	var warned limiter
	for tick := time.NewTicker(shadowPause); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		cfg := d.config()
		s.every.Store(int64(cfg.Shadow.every()))
		s.mu.Lock()
		s.status.Maps, s.status.Every = cfg.Shadow.Maps, cfg.Shadow.every()
		s.mu.Unlock()
		keys := s.batch()
		if cfg.Shadow.Maps == "" || len(keys) == 0 {
			continue
		}
		if err := d.compareShadow(ctx, cfg, keys); err != nil && ctx.Err() == nil {
			s.mu.Lock()
			s.status.LastError = err.Error()
			s.mu.Unlock()
			warned.warn(d.log.Logger, "the SQL maps to compare with cannot be asked", zap.Error(err), zap.String("remedy", "see [shadow] in the configuration; the user that runs vmapd must be able to read the maps"))
		}
	}
}

// batch takes the samples that wait, by table.
func (s *shadow) batch() map[string][]string {
	keys := map[string][]string{}
	seen := map[sample]bool{}
	for range shadowQueue {
		select {
		case x := <-s.samples:
			if t, ok := lookup.FindTable(x.table); ok && !seen[x] {
				seen[x] = true
				keys[t.Name] = append(keys[t.Name], x.key)
			}
		default:
			return keys
		}
	}
	return keys
}

// compareShadow asks the maps for keys. What differs is asked again after a
// while: a change reaches vmapd and the maps at different moments.
func (d *Daemon) compareShadow(ctx context.Context, cfg *Config, keys map[string][]string) error {
	d.mu.Lock()
	database := d.database.read
	d.mu.Unlock()
	maps, err := mapdiff.Find(cfg.Shadow.Maps, cfg.Shadow.kind(database))
	if err != nil {
		return err
	}
	c := mapdiff.Comparison{Maps: maps, Options: cfg.LookupOptions(), Ask: d.lookUp}
	for table, list := range keys {
		if maps[table] == nil {
			continue
		}
		found, err := c.Table(ctx, table, list)
		if err == nil && len(found) > 0 {
			found, err = d.stillDifferent(ctx, &c, database, table, found)
		}
		if err != nil {
			return err
		}
		d.shadow.add(table, len(list), found, d.log.Logger)
	}
	return nil
}

func (d *Daemon) stillDifferent(ctx context.Context, c *mapdiff.Comparison, database *db.DB, table string, found []mapdiff.Difference) ([]mapdiff.Difference, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(shadowPause):
	}
	var err error
	if c.Odd == nil {
		if c.Odd, err = mapdiff.OddNames(ctx, database); err != nil {
			return nil, err
		}
	}
	return c.Again(ctx, table, found)
}

// add notes what came of a batch.
func (s *shadow) add(table string, compared int, found []mapdiff.Difference, log *zap.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.LastError = ""
	s.status.Compared += compared
	s.counts.WithLabelValues(table, "same").Add(float64(compared - len(found)))
	for _, x := range found {
		if x.Intended {
			s.status.Intended++
			s.counts.WithLabelValues(table, "intended").Inc()
			continue
		}
		s.status.Different++
		s.counts.WithLabelValues(table, "different").Inc()
		s.status.Last = append(s.status.Last, x)
		if more := len(s.status.Last) - shadowLast; more > 0 {
			s.status.Last = s.status.Last[more:]
		}
		log.Warn("the SQL maps say something else", zap.String("table", table), zap.String("key", x.Key), zap.String("maps", x.Maps), zap.String("vmapd", x.Vmapd))
	}
}
