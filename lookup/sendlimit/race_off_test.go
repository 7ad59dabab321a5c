//go:build !race

package sendlimit

const raceEnabled = false
