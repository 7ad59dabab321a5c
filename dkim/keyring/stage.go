package keyring

import (
	"context"
	"crypto"
	"fmt"
	"slices"
	"time"

	"github.com/vmapd/vmapd/store"
)

// Stage is how far a key of vmapd_dkim_key has come.
type Stage string

// The stages, in their order. A selector is never used for another key.
const (
	New       Stage = "new"       // made; its record is to be published
	Published Stage = "published" // DNS shows the record
	Active    Stage = "active"    // signs
	Retiring  Stage = "retiring"  // another one signs; its record must stay while mail is under way
	Gone      Stage = "gone"      // its record may be removed
)

// Answer is what DNS says about the record of a key.
type Answer uint8

// The answers.
const (
	Unknown Answer = iota // nobody could say
	No                    // it is not there, or it is that of another key
	Yes                   // every authoritative server has it
)

// Showing says whether DNS shows a key.
type Showing func(ctx context.Context, domain, selector string, key crypto.PublicKey) Answer

// Times are how long keys stay at their stages.
type Times struct {
	// Settle is how long a record must have been seen before its key signs: as
	// long as a resolver may remember that there was none.
	Settle time.Duration
	// Retire is how long the record of a replaced key must stay: longer than
	// mail waits in queues, five days by default.
	Retire time.Duration
}

// MinRetire is the least that Times.Retire may be.
const MinRetire = 7 * 24 * time.Hour

// Change is a key that comes to another stage.
type Change struct {
	Key store.SigningKey
	To  Stage
	Why string // one clause
}

// Next returns the changes that are due to the keys of one domain, to be made
// in their order: a key that is to sign comes before the one that it replaces.
// answers has what DNS says now, by ID; a key without one is Unknown.
func Next(keys []store.SigningKey, answers map[uint32]Answer, now time.Time, t Times) []Change {
	var changes []Change
	stage := make(map[uint32]Stage, len(keys))
	to := func(k *store.SigningKey, s Stage, why string) {
		stage[k.ID] = s
		changes = append(changes, Change{*k, s, why})
	}
	for i := range keys {
		k := &keys[i]
		age := now.Sub(time.UnixMicro(k.Changed))
		stage[k.ID] = Stage(k.Stage)
		switch answer := answers[k.ID]; {
		case k.Stage == string(New) && answer == Yes:
			to(k, Published, "its record is in DNS")
		case k.Stage == string(Published) && answer == No:
			to(k, New, "its record is not in DNS any more")
		case k.Stage == string(Published) && answer == Yes && age >= t.Settle:
			to(k, Active, fmt.Sprintf("its record has been in DNS for %s", age.Round(time.Minute)))
		case k.Stage == string(Retiring) && age >= max(t.Retire, MinRetire):
			to(k, Gone, fmt.Sprintf("it was replaced %s ago", age.Round(time.Hour)))
		}
	}
	return append(changes, retire(keys, stage)...)
}

// Activate returns the changes that make a key sign now, whatever DNS says.
func Activate(keys []store.SigningKey, id uint32, why string) []Change {
	var changes []Change
	stage := make(map[uint32]Stage, len(keys))
	for _, k := range keys {
		stage[k.ID] = Stage(k.Stage)
		if k.ID == id && k.Stage != string(Active) {
			stage[id] = Active
			changes = append(changes, Change{k, Active, why})
		}
	}
	return append(changes, retire(keys, stage)...)
}

// retire lets go, of each algorithm, all active keys but the newest. Those that
// became active just now are newer than those that were.
func retire(keys []store.SigningKey, stage map[uint32]Stage) []Change {
	active := slices.DeleteFunc(slices.Clone(keys), func(k store.SigningKey) bool { return stage[k.ID] != Active })
	justNow := func(k *store.SigningKey) bool { return k.Stage != string(Active) }
	slices.SortFunc(active, func(a, b store.SigningKey) int {
		if justNow(&a) != justNow(&b) {
			if justNow(&a) {
				return -1
			}
			return 1
		}
		return newest(&a, &b)
	})
	var more []Change
	signs := map[string]store.SigningKey{}
	for _, k := range active {
		if first, ok := signs[k.Algorithm]; ok {
			more = append(more, Change{k, Retiring, fmt.Sprintf("%s signs in its place", first.Selector)})
			continue
		}
		signs[k.Algorithm] = k
	}
	return more
}
