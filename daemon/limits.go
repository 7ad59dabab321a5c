package daemon

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vmapd/vmapd/admin/api"
	"github.com/vmapd/vmapd/admin/page"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/lookup/rules"
	"github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/store"
)

// apiLimits are the sending limits as the API wants them.
func (d *Daemon) apiLimits() *api.Limits {
	change := func(do func(e *sendlimit.Engine, s sendlimit.Subject)) func(*api.Sending) {
		return func(s *api.Sending) {
			if e := d.limits(); e != nil {
				do(e, subjectOf(s))
			}
		}
	}
	return &api.Limits{
		List: d.listLimits,
		Of:   d.limitsOf,
		Release: func(s *api.Sending) (released bool) {
			change(func(e *sendlimit.Engine, who sendlimit.Subject) { released = e.Release(who) })(s)
			return released
		},
		Reset: change((*sendlimit.Engine).Reset),
		Suspend: func(s *api.Sending, until time.Time, why string) {
			change(func(e *sendlimit.Engine, who sendlimit.Subject) { e.Suspend(who, until, why) })(s)
		},
	}
}

// limits returns the counters, nil if they are not open.
func (d *Daemon) limits() *sendlimit.Engine {
	d.mu.Lock()
	s := d.sending
	d.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.engine.Load()
}

func subjectOf(s *api.Sending) sendlimit.Subject {
	kind := sendlimit.Account
	if s.Kind == sendlimit.Domain.String() {
		kind = sendlimit.Domain
	}
	return sendlimit.Subject{Kind: kind, Name: s.Name}
}

// listLimits lists those of whom something was counted, and the suspended.
func (d *Daemon) listLimits(may func(domain string) bool) ([]api.Sending, error) {
	e, snap := d.limits(), d.resolver.Servable()
	if e == nil || snap == nil {
		return nil, api.ErrNoData
	}
	var who []sendlimit.Subject
	for _, s := range e.Each(sendlimit.Subject{}, math.MaxInt) {
		who = append(who, s.Subject)
	}
	for _, s := range e.Suspensions() {
		who = append(who, s.Subject)
	}
	slices.SortFunc(who, func(a, b sendlimit.Subject) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	list := []api.Sending{}
	for _, s := range slices.Compact(who) {
		st := d.sending.rules.Standing(snap, e, s)
		if (len(st.Limits) > 0 || st.Suspended != nil) && may(st.Domain) {
			list = append(list, apiSending(&st))
		}
	}
	return list, nil
}

// limitsOf finds an account or a domain, or what was counted under a name that is
// neither.
func (d *Daemon) limitsOf(name string) (api.Sending, bool, error) {
	e, snap := d.limits(), d.resolver.Servable()
	if e == nil || snap == nil {
		return api.Sending{}, false, api.ErrNoData
	}
	who, _, known := d.sending.rules.Subject(snap, name)
	st := d.sending.rules.Standing(snap, e, who)
	for _, l := range st.Limits {
		known = known || l.Used > 0
	}
	return apiSending(&st), known || st.Suspended != nil, nil
}

func apiSending(st *rules.Standing) api.Sending {
	s := api.Sending{Name: st.Subject.Name, Kind: st.Subject.Kind.String(), Domain: st.Domain, Limits: []api.SendingLimit{}}
	for _, m := range st.Limits {
		s.Limits = append(s.Limits, api.SendingLimit{Unit: m.Limit.Unit.String(), Window: rules.WindowText(m.Limit.Window), Max: m.Limit.Max, Used: m.Used, Free: orNil(m.Free)})
	}
	if x := st.Suspended; x != nil {
		s.Suspended = &api.Suspension{Since: x.Since.UTC(), Until: orNil(x.Until), Why: x.Why, Automatic: x.Auto}
	}
	return s
}

// orNil is nil for the zero time.
func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// limitsCollector shows the counters at a scrape.
func limitsCollector(stats func() sendlimit.Stats) prometheus.Collector {
	counter := func(name, help string, value func(sendlimit.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value(stats())) })
	}
	gauge := func(name, help string, value func(sendlimit.Stats) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value(stats())) })
	}
	return gauges{
		counter("vmapd_limits_counted_total", "Charges that were let through and counted against sending limits.", func(s sendlimit.Stats) uint64 { return s.Counted }),
		counter("vmapd_limits_refused_total", "Charges that were over a sending limit.", func(s sendlimit.Stats) uint64 { return s.Refused }),
		counter("vmapd_limits_suspended_total", "Charges of those who are suspended from sending.", func(s sendlimit.Stats) uint64 { return s.Suspended }),
		counter("vmapd_limits_alone_total", "Charges that were judged without the other nodes, although there are some.", func(s sendlimit.Stats) uint64 { return s.Unshared }),
		gauge("vmapd_limits_subjects", "Accounts and domains of which something is counted now.", func(s sendlimit.Stats) int { return s.Subjects }),
		gauge("vmapd_limits_suspensions", "Accounts and domains that are suspended from sending now.", func(s sendlimit.Stats) int { return s.Suspensions }),
	}
}

// limitStats are the numbers of the counters, all 0 if they are not open.
func (d *Daemon) limitStats() sendlimit.Stats {
	if e := d.limits(); e != nil {
		return e.Stats()
	}
	return sendlimit.Stats{}
}

// explainSending adds what a login may send.
func (d *Daemon) explainSending(x *lookup.Explanation, snap *store.Snapshot, name string) {
	e := d.limits()
	if e == nil {
		return
	}
	r := d.sending.rules
	who, domain, known := r.Subject(snap, name)
	if !known || who.Kind != sendlimit.Account {
		return
	}
	all := []sendlimit.Subject{who}
	if domain != "" {
		all = append(all, sendlimit.Subject{Kind: sendlimit.Domain, Name: domain})
	}
	for _, s := range all {
		st := r.Standing(snap, e, s)
		for _, line := range st.Describe() {
			x.Steps = append(x.Steps, lookup.Step{Text: line})
		}
	}
}

// sendingForPage tells the page how an account or a domain stands.
func (d *Daemon) sendingForPage(name string) (page.Sending, bool) {
	e, snap := d.limits(), d.resolver.Servable()
	if e == nil || snap == nil {
		return page.Sending{}, false
	}
	who, _, known := d.sending.rules.Subject(snap, name)
	st := d.sending.rules.Standing(snap, e, who)
	var s page.Sending
	for _, m := range st.Limits {
		s.Limits = append(s.Limits, page.SendLimit{Unit: m.Limit.Unit.String(), Window: rules.WindowText(m.Limit.Window), Used: m.Used, Max: m.Limit.Max, Free: m.Free})
	}
	if x := st.Suspended; x != nil {
		s.Suspended = "until it is released"
		if !x.Until.IsZero() {
			s.Suspended = "until " + x.Until.UTC().Format("2006-01-02 15:04 UTC")
		}
		s.Suspended += ": " + x.Why
	}
	return s, known
}
