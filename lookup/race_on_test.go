//go:build race

package lookup

// raceEnabled: under the race detector sync.Pool drops items on purpose.
const raceEnabled = true
