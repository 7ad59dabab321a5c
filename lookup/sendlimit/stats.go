package sendlimit

import "sync/atomic"

// Stats are numbers since the start, and sizes.
type Stats struct {
	Free      uint64 // charges without limits
	Counted   uint64 // charges that were let through and counted
	Refused   uint64 // charges that were refused by a limit
	Suspended uint64 // charges that were refused since a subject is suspended
	Warned    uint64 // soft marks that were passed
	Evicted   uint64 // subjects that were forgotten since there are too many
	Unshared  uint64 // charges that were judged without the other nodes, although there are some

	Subjects    int // that are counted now
	Suspensions int // that hold now
	Instances   int // messages that are known
}

type stats struct {
	free, counted, refused, suspended, warned, evicted, unshared atomic.Uint64
}

// Stats gives the present numbers.
func (e *Engine) Stats() Stats {
	return Stats{
		Free: e.stats.free.Load(), Counted: e.stats.counted.Load(), Refused: e.stats.refused.Load(), Suspended: e.stats.suspended.Load(),
		Warned: e.stats.warned.Load(), Evicted: e.stats.evicted.Load(), Unshared: e.stats.unshared.Load(),
		Subjects: e.table.count(), Suspensions: len(e.Suspensions()), Instances: e.instances.count(),
	}
}
