//go:build !race

package socketmap

const raceEnabled = false
