package dnschecks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/internal/resolve/dnstest"
)

// shelf keeps reports in memory.
type shelf struct {
	mu      sync.Mutex
	reports map[int64]*Report
	err     error
}

func (s *shelf) Subjects(context.Context) ([]Subject, error) { return nil, nil }

func (s *shelf) Keep(_ context.Context, r *Report) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reports == nil {
		s.reports = map[int64]*Report{}
	}
	s.reports[r.DomainID] = r
	return s.err == nil, s.err
}

func (s *shelf) Last(_ context.Context, id int64, _ string) (*Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reports[id], nil
}

// bell remembers what alarms are open, and what was called.
type bell struct {
	open  map[string]string
	calls []string
}

func (b *bell) Open(kind, subject, _, detail string) {
	if b.open == nil {
		b.open = map[string]string{}
	}
	if _, ok := b.open[kind+" "+subject]; !ok {
		b.calls = append(b.calls, "open "+kind)
	}
	b.open[kind+" "+subject] = detail
}

func (b *bell) Close(kind, subject string) {
	if _, ok := b.open[kind+" "+subject]; ok {
		b.calls = append(b.calls, "close "+kind)
	}
	delete(b.open, kind+" "+subject)
}

func (b *bell) since() []string {
	calls := b.calls
	b.calls = nil
	return calls
}

// TestAlarms follows a domain through good and bad days.
func TestAlarms(t *testing.T) {
	w := newWorld(t, list("bl.net", true)...)
	s := only(MX, DNSBL)
	s.Zones, s.Own = []string{"bl.net"}, prefixes("198.51.100.0/24")
	b := &bell{}
	r := &Runner{Checker: w.checker, Keeper: &shelf{}, Alarms: b, Settings: func() Settings { return s }}
	see := func(what string, want ...string) {
		t.Helper()
		for range 2 { // seeing the same again changes nothing
			if _, err := r.One(t.Context(), Subject{Domain: Domain{ID: 1, Name: "example.org"}}, true); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, b.since()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			want = nil
		}
	}
	const listed = "1.100.51.198.bl.net"
	see("nothing there", "open domain_has_no_mx")
	w.publish(t, "example.org. 60 IN MX 10 mx.other.net.", "mx.other.net. 60 IN A 203.0.113.7")
	see("elsewhere", "close domain_has_no_mx", "open domain_invalid_mx")
	w.zone.Refuse("example.org", dns.RcodeServerFailure)
	see("DNS is down")
	w.zone.Remove("example.org")
	w.zone.Remove("mx.other.net")
	w.publish(t, "example.org. 60 IN MX 10 mx.other.net.", "mx.other.net. 60 IN A 198.51.100.1")
	see("here", "close domain_invalid_mx")
	w.publish(t, listed+". 60 IN A 127.0.0.2")
	see("listed", "open domain_mx_in_dnsbl_bl.net")
	w.zone.Refuse(listed, dns.RcodeServerFailure)
	see("the list is silent")
	w.zone.Remove(listed)
	see("clean", "close domain_mx_in_dnsbl_bl.net")
	w.publish(t, listed+". 60 IN A 127.0.0.2")
	see("listed again", "open domain_mx_in_dnsbl_bl.net")
	w.zone.Refuse("example.org", dns.RcodeServerFailure)
	see("DNS is down again")
	w.zone.Remove("example.org")
	w.publish(t, "example.org. 60 IN MX 10 mx.other.net.")
	s.Zones = []string{"other.net"}
	see("the list is not asked any more", "close domain_mx_in_dnsbl_bl.net")
	s.Zones = []string{"bl.net"}
	see("it is again", "open domain_mx_in_dnsbl_bl.net")
	s.Checks = []Kind{MX}
	see("the check is off", "close domain_mx_in_dnsbl_bl.net")
	w.zone.Remove("example.org")
	see("MX is gone", "open domain_has_no_mx")
	s.Quiet = true
	see("nobody wants to know", "close domain_has_no_mx")
	s.Quiet = false
	see("somebody does", "open domain_has_no_mx")
	s.Checks = []Kind{SPF}
	see("that check is off too", "close domain_has_no_mx")
}

// TestAlarmDetail: the detail of an alarm says which address and why.
func TestAlarmDetail(t *testing.T) {
	w := newWorld(t, append(list("bl.net", true), "example.org. 60 IN MX 10 mx.other.net.", "mx.other.net. 60 IN A 198.51.100.1", "1.100.51.198.bl.net. 60 IN A 127.0.0.2", "1.100.51.198.bl.net|see bl.net")...)
	s := only(MX, DNSBL)
	s.Zones = []string{"bl.net"}
	b := &bell{}
	report := w.checker.Check(t.Context(), Domain{Name: "example.org"}, s, true)
	ring(b, report.Domain, report.alarms(nil, false))
	if got := b.open["domain_mx_in_dnsbl_bl.net example.org"]; got != "198.51.100.1 (127.0.0.2) see bl.net" {
		t.Errorf("%q", b.open)
	}
}

// TestNext: a domain is due once in an interval, at a time of its own, and
// sooner when something is wrong.
func TestNext(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.Int64Range(int64(time.Minute), int64(7*24*time.Hour)).Draw(t, "every"))
		last := time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "last"), 0)
		s := Subject{Domain: Domain{ID: rapid.Int64Range(0, 1<<40).Draw(t, "id")}, Checked: last}
		r := &Runner{Every: every}
		s.State = rapid.SampledFrom([]State{OK, Off, Warning, ""}).Draw(t, "state")
		next := r.Next(&s)
		if wait := next.Sub(last); wait < every/2 || wait > every+every/2 {
			t.Errorf("due after %s of %s", wait, every)
		}
		s.Checked = next
		if again := r.Next(&s).Sub(next); again != every {
			t.Errorf("then after %s of %s", again, every)
		}
		for state, part := range map[State]time.Duration{Critical: every / wrongPart, Unknown: every / unknownPart} {
			s := Subject{Domain: s.Domain, Checked: last, State: state}
			if wait := r.Next(&s).Sub(last); wait > part || wait < min(part, every/2) {
				t.Errorf("%s: due after %s, want %s", state, wait, part)
			}
		}
	})
}

// TestSpread: the checks of many domains are spread evenly over the interval.
func TestSpread(t *testing.T) {
	var minutes [60]int
	for id := range int64(6000) {
		minutes[phase(id+17, time.Hour)/time.Minute]++
	}
	if low, high := slices.Min(minutes[:]), slices.Max(minutes[:]); low < 90 || high > 110 {
		t.Errorf("between %d and %d in a minute, of 100", low, high)
	}
}

func TestDue(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := &Runner{Now: func() time.Time { return now }}
	var all []Subject
	for i, ago := range []time.Duration{time.Minute, 3 * time.Hour, 0, 2 * time.Hour} {
		s := Subject{Domain: Domain{ID: int64(i), Name: fmt.Sprint(i)}, State: OK}
		if ago > 0 {
			s.Checked = now.Add(-ago)
		}
		all = append(all, s)
	}
	var names []string
	for _, s := range r.Due(all) {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "2 1 3" {
		t.Errorf("due are %s", got)
	}
}

// TestAll: everything is checked once, and an error of the keeper ends it.
func TestAll(t *testing.T) {
	w := newWorld(t)
	var subjects []Subject
	for i := range 50 {
		subjects = append(subjects, Subject{Domain: Domain{ID: int64(i), Name: fmt.Sprintf("d%d.org", i)}})
	}
	k := &shelf{}
	r := &Runner{Checker: w.checker, Keeper: k, Settings: func() Settings { return only(MX) }, Concurrency: 4}
	seen := map[string]int{}
	if err := r.All(t.Context(), subjects, false, func(r *Report) { seen[r.Domain]++ }); err != nil || len(seen) != 50 || len(k.reports) != 50 {
		t.Errorf("%v: %d told, %d kept", err, len(seen), len(k.reports))
	}
	k.err = errors.New("the database is down")
	if err := r.All(t.Context(), subjects, false, nil); !errors.Is(err, k.err) {
		t.Errorf("%v", err)
	}
	if err := r.All(t.Context(), nil, false, nil); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
}

// TestAllEnds: who waits for DNS does not hold up the end, and a report that
// was cut short is not kept.
func TestAllEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	hang := dns.HandlerFunc(func(dns.ResponseWriter, *dns.Msg) { cancel() })
	w := newWorld(t)
	w.checker = New(Options{DNS: patient(t, dnstest.Serve(t, hang))})
	k := &shelf{}
	r := &Runner{Checker: w.checker, Keeper: k, Settings: func() Settings { return only(MX) }}
	err := r.All(ctx, []Subject{{Domain: Domain{ID: 1, Name: "example.org"}}}, false, nil)
	if !errors.Is(err, context.Canceled) || len(k.reports) != 0 {
		t.Errorf("%v, %d kept", err, len(k.reports))
	}
}
