//go:build bench

package main_test

import (
	"slices"
	"time"
)

// samples are the values of one figure, one a round.
type samples []float64

func (s samples) sorted() samples {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

func (s samples) median() float64 {
	s = s.sorted()
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// quartiles returns what the middle half of the values lies between.
func (s samples) quartiles() (low, high float64) {
	s = s.sorted()
	return s[(len(s)-1)/4], s[len(s)-1-(len(s)-1)/4]
}

// latencies counts times in steps of 10 µs up to 100 ms, without allocating:
// a load generator that stops to grow a slice would see pauses of its own.
type latencies struct {
	counts [10_001]uint32
	n      int
	max    time.Duration
}

const latencyStep = 10 * time.Microsecond

func (l *latencies) add(d time.Duration) {
	l.counts[min(int(d/latencyStep), len(l.counts)-1)]++
	l.n++
	l.max = max(l.max, d)
}

func (l *latencies) merge(o *latencies) {
	for i, n := range o.counts {
		l.counts[i] += n
	}
	l.n += o.n
	l.max = max(l.max, o.max)
}

// quantile returns the time that the share q of all stayed below, to 10 µs.
func (l *latencies) quantile(q float64) time.Duration {
	left := int(q * float64(l.n))
	for i, n := range l.counts {
		if left -= int(n); left < 0 {
			return min(time.Duration(i+1)*latencyStep, l.max)
		}
	}
	return l.max
}

// over counts the times of at least d.
func (l *latencies) over(d time.Duration) (n int) {
	for _, c := range l.counts[min(int(d/latencyStep), len(l.counts)-1):] {
		n += int(c)
	}
	return n
}
