//go:build race

package daemon

// raceEnabled says that the race detector runs.
const raceEnabled = true
