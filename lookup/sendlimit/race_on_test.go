//go:build race

package sendlimit

// raceEnabled: under the race detector sync.Pool drops items on purpose.
const raceEnabled = true
