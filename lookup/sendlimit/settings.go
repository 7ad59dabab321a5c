package sendlimit

import "time"

// Settings are sizes, times, hooks. What is zero gets its default, which the
// comments give. Hooks are called while no lock is held, by whoever calls Take
// or by Run; they must not block.
type Settings struct {
	// Path is the file in which counts are kept; beside it are a file with
	// "-lock" and for a moment one with "-new" at the end of the name. Empty:
	// they are in memory only.
	Path string

	// Soft is the soft mark, in percent of a limit: 80. Less than 0: none.
	Soft int

	// Suspend says when an account is suspended without anybody's order.
	Suspend AutoSuspend

	MaxSubjects   int // accounts and domains that are counted: 200,000
	MaxInstances  int // messages that are known for an hour: 100,000
	MaxRemembered int // recipients that are remembered of an account: 4096

	OnOver    func(Mark)             // a charge was refused
	OnWarn    func(Mark)             // a soft mark was passed
	OnSuspend func(Suspension)       // a subject was suspended, on this node
	OnRelease func(Suspension, bool) // one is not suspended any more; true: its time was over
	OnError   func(error)            // the file fails, or the other nodes cannot be reached: once for each failure

	Now func() time.Time // time.Now

	Shared     Shared        // if set, the way to the other nodes
	ShareEvery time.Duration // how often they are asked for news, and told that this one lives: 250 ms
	ShareLimit time.Duration // how long a charge waits for them: 250 ms
	NodeGone   time.Duration // a node that was not heard of for so long is gone: 10 s
}

// AutoSuspend says that a subject that was refused so many Times Within is
// suspended.
type AutoSuspend struct {
	Times   int           // 0: nobody is
	Within  time.Duration // 1 h
	For     time.Duration // 0: until it is released
	Domains bool          // domains too, when their own limits are in the way
}

func (s Settings) withDefaults() Settings {
	number := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	number(&s.MaxSubjects, 200_000)
	number(&s.MaxInstances, 100_000)
	number(&s.MaxRemembered, 4096)
	if s.Soft == 0 {
		s.Soft = 80
	}
	duration := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	duration(&s.Suspend.Within, time.Hour)
	duration(&s.ShareEvery, 250*time.Millisecond)
	duration(&s.ShareLimit, 250*time.Millisecond)
	duration(&s.NodeGone, 10*time.Second)
	if s.Now == nil {
		s.Now = time.Now
	}
	return s
}

// soft gives the soft mark of a limit; 0 if it has none.
func (s *Settings) soft(limit int64) int64 {
	if s.Soft < 0 || limit <= 0 {
		return 0
	}
	whole, rest := limit/100, limit%100 // the product could overflow
	return max(1, whole*int64(s.Soft)+(rest*int64(s.Soft)+99)/100)
}
