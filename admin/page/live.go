package page

import "time"

// Live is how the daemon does now.
type Live struct {
	Ready  bool
	Reason string // why not
	Uptime time.Duration

	Served     bool // there is a snapshot
	Generation uint64
	Age        time.Duration // since what is served was known to equal the database
	Stored     bool          // it comes from the disk
	Problems   int           // rows with something wrong
	Rows       []Count       // that are served, by kind

	Database  string // URL without password
	Up        bool
	Following bool
	Error     string // of the last read

	SpoolPending int
	SpoolDead    int
	SpoolError   string

	Alarms int // that are open

	Keys                 int // DKIM keys that sign, or have signed mail that is under way
	KeysRight, KeysWrong int // of them, those that verifiers find in DNS, and do not

	// Rates are the requests of each protocol that is served, in a fixed order.
	Rates []Rate
}

// Count is a number with a name.
type Count struct {
	Name string
	N    int
}

// Rate is how many requests of a protocol were answered.
type Rate struct {
	Protocol    string
	Connections int      // open now
	Seconds     []uint32 // requests in each second, the oldest first
}

// RateSeconds is how many seconds a Rate tells at most.
const RateSeconds = 600

// mean is the mean of the last n seconds.
func (r *Rate) mean(n int) float64 {
	last := r.Seconds[max(0, len(r.Seconds)-n):]
	if len(last) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range last {
		sum += float64(v)
	}
	return sum / float64(len(last))
}
