// Package property runs property tests such that a failure says something
// about the change under test: they begin with the same seed every time.
// New ones are for make properties, which tries far more cases than a run of
// all tests can.
package property

import (
	"flag"
	"os"
	"sync"

	"pgregory.net/rapid"
)

// seed is where the cases of a run come from. rapid takes 0 for a new one.
const seed = "1"

var once sync.Once

// Check is [rapid.Check] with a seed that stays, but for VMAPD_SEED=random, or
// the one of the flag -rapid.seed.
func Check(t rapid.TB, property func(t *rapid.T)) {
	t.Helper()
	once.Do(func() {
		if f := flag.Lookup("rapid.seed"); f.Value.String() == f.DefValue && os.Getenv("VMAPD_SEED") != "random" {
			if err := f.Value.Set(seed); err != nil {
				t.Fatal(err)
			}
		}
	})
	rapid.Check(t, property)
}
