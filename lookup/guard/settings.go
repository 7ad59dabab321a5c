package guard

import (
	"net/netip"
	"time"
)

// Limit is how much patience there is for distinct wrong passwords.
type Limit struct {
	Free   int           // so many cost nothing
	Refuse int           // with so many, further attempts are refused
	Forget time.Duration // one of them is forgotten every so often
}

// Settings are thresholds, times and sizes. What is zero gets its default,
// which the comments give; of a Limit each field by itself.
type Settings struct {
	Account Limit // guesses for an account from unknown places: 3, 20, 15 min
	Place   Limit // guesses for an account at one place: 3, 20, 5 min

	Address Limit // one IPv4 address: 3, 20, 10 min
	IPv4x24 Limit // its /24: 20, 100, 2 min
	IPv6x64 Limit // one IPv6 /64: 3, 20, 10 min
	IPv6x56 Limit // its /56: 10, 50, 4 min
	IPv6x48 Limit // its /48: 40, 200, 1 min

	FirstDelay time.Duration // for the first failure that is not free: 1 s; it doubles with each further one
	MaxDelay   time.Duration // but for no longer than 8 s: Postfix gives up after 10

	// Remember is how long a place is known after the last login from it, and
	// a wrong password after it was last tried: 14 days.
	Remember time.Duration

	// Exempt are the networks of programs that log in for others. Nil is
	// loopback; an empty list that is not nil is none.
	Exempt []netip.Prefix

	MaxEntries int // accounts, networks, accounts at places, and accounts with wrong passwords: 65,536 of each
	MaxHomes   int // accounts whose places are known: 262,144; twice the accounts that log in is good

	// Message is what a client is told when it is refused. Empty, the default,
	// is what it is told of a wrong password.
	Message string

	Now func() time.Time // time.Now

	Shared       Shared        // if set, the way to the other nodes, for Run
	OnShareError func(error)   // if set, is told of each failure to reach them; must not block
	ShareRetry   time.Duration // pause before trying again, at first; 100 ms, growing to fifty times that
}

func (s Settings) withDefaults() Settings {
	limit := func(l *Limit, free, refuse int, forget time.Duration) {
		if l.Free <= 0 {
			l.Free = free
		}
		if l.Refuse <= 0 {
			l.Refuse = refuse
		}
		if l.Forget <= 0 {
			l.Forget = forget
		}
	}
	limit(&s.Account, 3, 20, 15*time.Minute)
	limit(&s.Place, 3, 20, 5*time.Minute)
	limit(&s.Address, 3, 20, 10*time.Minute)
	limit(&s.IPv4x24, 20, 100, 2*time.Minute)
	limit(&s.IPv6x64, 3, 20, 10*time.Minute)
	limit(&s.IPv6x56, 10, 50, 4*time.Minute)
	limit(&s.IPv6x48, 40, 200, time.Minute)
	times := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	times(&s.FirstDelay, time.Second)
	times(&s.MaxDelay, 8*time.Second)
	times(&s.Remember, 14*24*time.Hour)
	times(&s.ShareRetry, 100*time.Millisecond)
	if s.Exempt == nil {
		s.Exempt = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	if s.MaxEntries <= 0 {
		s.MaxEntries = 1 << 16
	}
	if s.MaxHomes <= 0 {
		s.MaxHomes = 1 << 18
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	return s
}

// delay is how long a failure is held when level wrong passwords are counted.
func (s *Settings) delay(level int, l *Limit) time.Duration {
	over := level - l.Free
	if over <= 0 {
		return 0
	}
	d := s.FirstDelay
	for range over - 1 {
		if d >= s.MaxDelay {
			break
		}
		d *= 2
	}
	return min(d, s.MaxDelay)
}
