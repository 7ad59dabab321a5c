package daemon

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keyring"
)

// records watches what DNS shows of the keys that sign: for the log, the metrics
// and "vmapd status". Mail is signed whatever it finds.
type records struct {
	ring    *keyring.Ring
	watcher dnscheck.Watcher
	log     *zap.Logger
	limit   limiter // of lines in the log

	ok, good *prometheus.Desc

	mu      sync.Mutex
	keys    int            // that are watched
	domains map[string]int // how many of each domain
	found   map[recordName]record
}

// recordName is that of a key: its domain, with A-labels, and its selector.
type recordName struct{ domain, selector string }

// record is the last definite answer about one.
type record struct {
	works  bool
	code   dnscheck.Code
	detail string
	remedy string
	asked  time.Time
	good   time.Time // when the record was last seen to work, zero = not since the start
}

// newRecords returns a watch that has not begun. No checker means that nobody
// can be asked.
func newRecords(ring *keyring.Ring, checker *dnscheck.Checker, log *zap.Logger) *records {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"domain", "selector"}, nil)
	}
	r := &records{
		ring: ring, log: log, found: map[recordName]record{},
		ok:   desc("vmapd_dkim_key_dns_ok", "1 if verifiers find the key of the domain in DNS, 0 if not; absent until DNS has said so."),
		good: desc("vmapd_dkim_key_dns_last_ok_timestamp_seconds", "When the key was last seen in DNS; absent if it was not since the start."),
	}
	r.watcher = dnscheck.Watcher{Checker: checker, Keys: r.list, Report: r.report, Gone: r.gone}
	return r
}

// run watches until ctx ends.
func (r *records) run(ctx context.Context) {
	if r.watcher.Checker != nil {
		r.watcher.Run(ctx)
	}
}

// list gives the keys to watch.
func (r *records) list() []dnscheck.Key {
	signers := r.ring.Signers()
	keys := make([]dnscheck.Key, len(signers))
	for i := range signers {
		s := &signers[i]
		keys[i] = dnscheck.Key{Domain: s.Domain, Selector: s.Selector, ID: s.ID(), Public: s.Public}
	}
	domains := map[string]int{}
	for i := range keys {
		domains[keys[i].Domain]++
	}
	r.mu.Lock()
	r.keys, r.domains = len(keys), domains
	r.mu.Unlock()
	return keys
}

// report notes an answer, and logs it if it is news. That DNS has no answer now
// is none.
func (r *records) report(k dnscheck.Key, result dnscheck.Result) {
	if result.Code == dnscheck.Temp {
		return
	}
	n := recordName{k.Domain, k.Selector}
	is := record{works: result.Works, code: result.Code, detail: result.Detail, remedy: result.Remedy, asked: result.Checked}
	r.mu.Lock()
	was, known := r.found[n]
	if is.good = was.good; is.works {
		is.good, is.detail = result.Checked, ""
	}
	r.found[n] = is
	r.mu.Unlock()
	fields := []zap.Field{zap.String("name", result.Name), zap.String("code", string(result.Code))}
	switch {
	case !is.works && (!known || was.works || was.code != is.code):
		fields = append(fields, zap.String("found", result.Detail), zap.String("remedy", result.Remedy))
		r.limit.warn(r.log, "mail is signed with a key that verifiers do not find in DNS", fields...)
	case is.works && known && !was.works:
		r.log.Info("verifiers find the key in DNS now", fields...)
	}
}

// of returns what was found last of a key, if anything was.
func (r *records) of(domain, selector string) (record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, ok := r.found[recordName{domain, selector}]
	return found, ok
}

// verdict is what DNS shows of the keys of a domain.
type verdict struct {
	keys, right int // that are watched, and that verifiers find
	wrong       []WrongRecord
}

// verdicts are those of the domains whose keys are watched.
func (r *records) verdicts() map[string]verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]verdict{}
	for domain, n := range r.domains {
		all[domain] = verdict{keys: n}
	}
	for n, found := range r.found {
		v, ok := all[n.domain]
		if !ok {
			continue
		}
		if found.works {
			v.right++
		} else {
			v.wrong = append(v.wrong, WrongRecord{n.selector + "._domainkey." + n.domain, found.code, found.detail})
		}
		all[n.domain] = v
	}
	for _, v := range all {
		slices.SortFunc(v.wrong, func(a, b WrongRecord) int { return strings.Compare(a.Name, b.Name) })
	}
	return all
}

func (r *records) gone(k dnscheck.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.found, recordName{k.Domain, k.Selector})
}

// Describe lists the metrics.
func (r *records) Describe(ch chan<- *prometheus.Desc) { ch <- r.ok; ch <- r.good }

// Collect reads the values.
func (r *records) Collect(ch chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, v := range r.found {
		ch <- prometheus.MustNewConstMetric(r.ok, prometheus.GaugeValue, truth(v.works), n.domain, n.selector)
		if !v.good.IsZero() {
			ch <- prometheus.MustNewConstMetric(r.good, prometheus.GaugeValue, float64(v.good.UnixMilli())/1000, n.domain, n.selector)
		}
	}
}

// DKIMStatus describes the keys that sign mail, and what DNS shows of them.
type DKIMStatus struct {
	Keys  int `json:"keys"`  // that sign, or have signed mail that is under way
	Right int `json:"right"` // of them, those that verifiers find
	Wrong int `json:"wrong"` // those that they do not find; of the rest DNS has not said anything yet
	// FirstWrong are the first of them by name, at most 5.
	FirstWrong []WrongRecord `json:"first_wrong,omitempty"`
}

// WrongRecord is a record in DNS that is not as it should be.
type WrongRecord struct {
	Name   string        `json:"name"` // in DNS
	Code   dnscheck.Code `json:"code"`
	Detail string        `json:"detail"`
}

// maxWrong is how many records a DKIMStatus lists.
const maxWrong = 5

func (r *records) status() DKIMStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := DKIMStatus{Keys: r.keys}
	var wrong []WrongRecord
	for n, v := range r.found {
		if v.works {
			s.Right++
			continue
		}
		wrong = append(wrong, WrongRecord{n.selector + "._domainkey." + n.domain, v.code, v.detail})
	}
	s.Wrong = len(wrong)
	slices.SortFunc(wrong, func(a, b WrongRecord) int { return strings.Compare(a.Name, b.Name) })
	s.FirstWrong = wrong[:min(len(wrong), maxWrong)]
	return s
}
