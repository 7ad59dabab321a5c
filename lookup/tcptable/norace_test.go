//go:build !race

package tcptable

const raceEnabled = false
