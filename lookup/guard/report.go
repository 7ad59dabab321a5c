package guard

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Stats are counts since New.
type Stats struct {
	Attempts  uint64 // that Before judged
	Refused   uint64 // of them
	Held      uint64 // of them, let through with a Delay
	Successes uint64
	Failures  uint64 // that After was told of
	Repeats   uint64 // of them, with a password that was known to be wrong
	Evicted   uint64 // entries that made room before their time: Settings.MaxEntries is small
	Unshared  uint64 // events that no other node got to know
}

// Stats gives the present counts.
func (g *Guard) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stats
	for i := range g.quiet.counts {
		s.Attempts += g.quiet.counts[i].attempts.Load()
		s.Successes += g.quiet.counts[i].successes.Load()
	}
	s.Evicted = g.accounts.evicted + g.pairs.evicted + g.networks.evicted + g.words.evicted + g.pending.evicted + g.homes.evicted
	return s
}

// Offender is a bucket with something in it.
type Offender struct {
	Account   string       // the first 63 bytes of it, printable; for Top's accounts
	Network   netip.Prefix // for Top's networks
	Guesses   int          // distinct wrong passwords that are not forgotten
	Refused   bool         // further attempts are refused (but for known places)
	Forgotten time.Time    // when all will be forgotten if no more come
}

// Pressure is how many of something are under attack.
type Pressure struct {
	Held    int // failures are answered late
	Refused int // all attempts are refused (but those from known places)
}

// Pressure counts the accounts and the networks whose attempts are held or
// refused now. Like Top it may be called at any time.
func (g *Guard) Pressure() (accounts, networks Pressure) {
	eachPiece(g, &g.accounts, func(part []slot[label], now int64) {
		for i := range part {
			accounts.add(part[i].until, now, &g.s.Account)
		}
	})
	eachPiece(g, &g.networks, func(part []slot[netip.Prefix], now int64) {
		for i := range part {
			networks.add(part[i].until, now, g.limitOf(part[i].value))
		}
	})
	return accounts, networks
}

func (p *Pressure) add(until, now int64, l *Limit) {
	switch level := l.level(until, now); {
	case level >= l.Refuse:
		p.Refused++
	case level > l.Free:
		p.Held++
	}
}

// Top gives up to n accounts and n networks with the most guesses, the worst
// first. It reads the tables in pieces and may be called at any time.
func (g *Guard) Top(n int) (accounts, networks []Offender) {
	accounts = top(g, &g.accounts, n, func(s *slot[label], now int64) Offender {
		o := g.offender(s.until, now, &g.s.Account)
		o.Account = s.value.String()
		return o
	})
	networks = top(g, &g.networks, n, func(s *slot[netip.Prefix], now int64) Offender {
		o := g.offender(s.until, now, g.limitOf(s.value))
		o.Network = s.value
		return o
	})
	return accounts, networks
}

func (g *Guard) offender(until, now int64, l *Limit) Offender {
	level := l.level(until, now)
	return Offender{Guesses: level, Refused: level >= l.Refuse, Forgotten: g.wall(until)}
}

func (g *Guard) limitOf(p netip.Prefix) *Limit {
	switch {
	case p.Addr().Is4() && p.Bits() == 32:
		return &g.s.Address
	case p.Addr().Is4():
		return &g.s.IPv4x24
	case p.Bits() == 64:
		return &g.s.IPv6x64
	case p.Bits() == 56:
		return &g.s.IPv6x56
	}
	return &g.s.IPv6x48
}

// piece is how many slots are looked at while the lock is held.
const piece = 512

func top[T any](g *Guard, t *table[T], n int, show func(*slot[T], int64) Offender) []Offender {
	var list []Offender
	worst := func(a, b Offender) int {
		return cmp.Or(cmp.Compare(b.Guesses, a.Guesses), b.Forgotten.Compare(a.Forgotten))
	}
	copied := make([]slot[T], 0, piece)
	for from := 0; from < t.size; from += piece {
		g.mu.Lock()
		copied = append(copied[:0], t.part(from)...)
		now := g.time()
		g.mu.Unlock()
		for i := range copied {
			if copied[i].until > now {
				list = append(list, show(&copied[i], now))
			}
		}
		slices.SortFunc(list, worst)
		list = list[:min(n, len(list))]
	}
	return list
}
