package guard

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// model is the policy as one would explain it on paper: buckets that are
// drained bit by bit, by names, with nothing ever evicted.
type model struct {
	s       Settings
	now     time.Duration
	buckets map[string]time.Duration // what is in them, as the time that it takes to leak
	limits  map[string]Limit
	wrong   map[string]time.Duration // account and password: when it was last tried
	latest  map[string][]string      // of an account, the wrong passwords, the latest first
	pending map[string]modelGuess
	homes   map[string]time.Duration            // account and place: when it was last used
	owed    map[string]map[string]time.Duration // for each account and place: what of it is in other buckets
}

type modelGuess struct {
	place string
	at    time.Duration
	added map[string]time.Duration
}

func newModel(s Settings) *model {
	return &model{
		s: s.withDefaults(), buckets: map[string]time.Duration{}, limits: map[string]Limit{}, wrong: map[string]time.Duration{}, latest: map[string][]string{},
		pending: map[string]modelGuess{}, homes: map[string]time.Duration{},
		owed: map[string]map[string]time.Duration{},
	}
}

func (m *model) advance(d time.Duration) {
	m.now += d
	for name := range m.buckets {
		m.buckets[name] = max(0, m.buckets[name]-d)
	}
	for _, owed := range m.owed {
		for name := range owed {
			owed[name] = max(0, owed[name]-d)
		}
	}
}

// bucketsOf names the buckets of an attempt: the place's first, then the
// account's, then those of the networks.
func (m *model) bucketsOf(a Attempt) (place, account string, networks []string) {
	name := func(name string, l Limit) string {
		m.limits[name] = l
		return name
	}
	place = name("place "+a.Account+" "+m.place(a), m.s.Place)
	account = name("account "+a.Account, m.s.Account)
	if r := a.Remote.Unmap(); r.IsValid() && !m.exempt(a) {
		for _, n := range []struct {
			v4   bool
			bits int
			l    Limit
		}{{true, 32, m.s.Address}, {true, 24, m.s.IPv4x24}, {false, 64, m.s.IPv6x64}, {false, 56, m.s.IPv6x56}, {false, 48, m.s.IPv6x48}} {
			if n.v4 == r.Is4() {
				networks = append(networks, name("network "+netip.PrefixFrom(r, n.bits).Masked().String(), n.l))
			}
		}
	}
	return place, account, networks
}

func (m *model) place(a Attempt) string {
	r := a.Remote.Unmap()
	if r.Is6() {
		return netip.PrefixFrom(r, 64).Masked().String()
	}
	return r.String()
}

func (m *model) exempt(a Attempt) bool { return a.Remote.Unmap().IsLoopback() }

func (m *model) known(a Attempt) bool {
	last, ok := m.homes[a.Account+" "+m.place(a)]
	return ok && a.Remote.IsValid() && m.now < last+m.s.Remember
}

func password(a Attempt) string { return fmt.Sprint(a.Account, " ", a.Fingerprint) }

// isWrong reports whether a password is known to be wrong.
func (m *model) isWrong(a Attempt) bool {
	last, ok := m.wrong[password(a)]
	return ok && m.now < last+m.s.Remember
}

func (m *model) isPending(a Attempt) (modelGuess, bool) {
	p, ok := m.pending[password(a)]
	return p, ok && m.now < p.at+5*time.Minute
}

func (m *model) level(name string) int {
	forget := m.limits[name].Forget
	return int((m.buckets[name] + forget - 1) / forget)
}

func (m *model) add(place, name string, added map[string]time.Duration) {
	l := m.limits[name]
	d := max(0, min(l.Forget, time.Duration(l.Refuse)*l.Forget-m.buckets[name]))
	m.buckets[name] += d
	added[name] = d
	if m.owed[place] == nil {
		m.owed[place] = map[string]time.Duration{}
	}
	m.owed[place][name] += d
}

func (m *model) take(place, name string, d time.Duration) {
	d = min(d, m.owed[place][name])
	m.buckets[name] = max(0, m.buckets[name]-d)
	m.owed[place][name] -= d
}

func (m *model) verdict(a Attempt) (refuse bool, delay time.Duration) {
	place, account, networks := m.bucketsOf(a)
	names := append([]string{account}, networks...)
	if m.known(a) {
		names = []string{place}
	}
	for _, name := range names {
		l := m.limits[name]
		refuse = refuse || !m.exempt(a) && m.level(name) >= l.Refuse
		if over := m.level(name) - l.Free; over > 0 {
			delay = max(delay, min(m.s.MaxDelay, m.s.FirstDelay<<(over-1)))
		}
	}
	return refuse, delay
}

func (m *model) before(a Attempt) (refuse bool, delay time.Duration) {
	p, pending := m.isPending(a)
	if pending && p.place == m.place(a) && m.now-p.at < time.Minute {
		return false, 0
	}
	refuse, delay = m.verdict(a)
	if !refuse && !pending && !m.isWrong(a) && a.Fingerprint != 0 {
		m.pending[password(a)] = modelGuess{m.place(a), m.now, m.charge(a)}
	}
	return refuse, delay
}

func (m *model) charge(a Attempt) map[string]time.Duration {
	added := map[string]time.Duration{}
	place, account, _ := m.bucketsOf(a)
	m.add(place, place, added)
	if !m.known(a) {
		m.add(place, account, added)
	}
	return added
}

func (m *model) after(a Attempt, ok bool) (refuse bool, delay time.Duration) {
	place, _, networks := m.bucketsOf(a)
	if ok {
		m.cancel(a)
		delete(m.wrong, password(a))
		for name, d := range m.owed[place] {
			m.take(place, name, d)
		}
		m.homes[a.Account+" "+m.place(a)] = m.now
		return false, 0
	}
	_, pending := m.isPending(a)
	repeat := m.isWrong(a) && a.Fingerprint != 0
	if !repeat && !pending {
		m.charge(a)
	}
	delete(m.pending, password(a))
	if a.Fingerprint != 0 {
		m.wrong[password(a)] = m.now
		list := slices.DeleteFunc(m.latest[a.Account], func(p string) bool { return p == password(a) })
		list = append([]string{password(a)}, list...)
		if len(list) > 8 {
			delete(m.wrong, list[8])
			list = list[:8]
		}
		m.latest[a.Account] = list
	}
	if !repeat {
		for _, name := range networks {
			m.add(place, name, map[string]time.Duration{})
		}
	}
	return m.verdict(a)
}

func (m *model) cancel(a Attempt) {
	if p, ok := m.isPending(a); ok {
		for name, d := range p.added {
			m.take("place "+a.Account+" "+p.place, name, d)
		}
		delete(m.pending, password(a))
	}
}

// TestModel does random things to a Guard and to the model: they judge alike.
func TestModel(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		s := Settings{
			Account:  Limit{Free: 2, Refuse: 6, Forget: 7 * time.Minute},
			Place:    Limit{Free: 1, Refuse: 4, Forget: 3 * time.Minute},
			Address:  Limit{Free: 2, Refuse: 5, Forget: 4 * time.Minute},
			IPv4x24:  Limit{Free: 5, Refuse: 9, Forget: 2 * time.Minute},
			IPv6x64:  Limit{Free: 1, Refuse: 5, Forget: 5 * time.Minute},
			IPv6x56:  Limit{Free: 3, Refuse: 7, Forget: 2 * time.Minute},
			IPv6x48:  Limit{Free: 6, Refuse: 9, Forget: time.Minute},
			Remember: 2 * time.Hour,
		}
		g, c := newGuard(s)
		m := newModel(s)
		draw := func(t *rapid.T) Attempt {
			return Attempt{
				Account:     rapid.SampledFrom([]string{alice, "bob@example.com"}).Draw(t, "account"),
				Remote:      rapid.SampledFrom(modelPlaces).Draw(t, "remote"),
				Fingerprint: rapid.Uint64Range(0, 30).Draw(t, "fingerprint"),
			}
		}
		same := func(t *rapid.T, v Verdict, refuse bool, delay time.Duration) {
			if v.Refuse != refuse || v.Delay != delay {
				t.Fatalf("%+v, the model says refuse %v, delay %v", v, refuse, delay)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"before": func(t *rapid.T) {
				a := draw(t)
				refuse, delay := m.before(a)
				same(t, g.Before(a), refuse, delay)
			},
			"attempt": func(t *rapid.T) {
				a, ok := draw(t), rapid.IntRange(0, 5).Draw(t, "ok") == 0
				refuse, delay := m.before(a)
				same(t, g.Before(a), refuse, delay)
				if !refuse {
					refuse, delay = m.after(a, ok)
					same(t, g.After(a, ok), refuse, delay)
				}
			},
			"after": func(t *rapid.T) {
				a, ok := draw(t), rapid.Bool().Draw(t, "ok")
				refuse, delay := m.after(a, ok)
				same(t, g.After(a, ok), refuse, delay)
			},
			"cancel": func(t *rapid.T) {
				a := draw(t)
				m.cancel(a)
				g.Cancel(a)
			},
			"wait": func(t *rapid.T) {
				d := time.Duration(rapid.Int64Range(1, int64(10*time.Minute)).Draw(t, "wait"))
				if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
					d *= 12
				}
				c.advance(d)
				m.advance(d)
			},
		})
	})
}

var modelPlaces = []netip.Addr{
	{},
	webmail, home1, netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("::ffff:192.0.2.11"), away,
	v6(0, 1), v6(0, 2), v6(1, 1), v6(300, 1), netip.MustParseAddr("2001:db8:2::1"),
}
