package redisguard

import (
	"encoding/json"
	"net/netip"

	"github.com/vmapd/vmapd/lookup/guard"
)

// wireEvent is an event as the stream holds it. Fields may be added; those
// that are not known are ignored.
type wireEvent struct {
	Kind        guard.Kind   `json:"k"`
	Account     string       `json:"a,omitempty"`
	Remote      netip.Addr   `json:"r,omitzero"`
	Network     netip.Prefix `json:"n,omitzero"`
	Fingerprint uint64       `json:"f,omitempty"`
}

func encode(e *guard.Event) []byte {
	b, _ := json.Marshal(wireEvent{e.Kind, e.Account, e.Remote, e.Network, e.Fingerprint}) // these types always work
	return b
}

// maxEvent is the longest text of an event: an account of escapes, and the rest.
const maxEvent = 6*guard.MaxAccount + 512

// decode reads an event; ok is false if it is none, or of a kind that this
// version does not know.
func decode(text string) (e guard.Event, ok bool) {
	var w wireEvent
	if len(text) > maxEvent || json.Unmarshal([]byte(text), &w) != nil {
		return e, false
	}
	e = guard.Event{Kind: w.Kind, Account: w.Account, Remote: w.Remote, Network: w.Network, Fingerprint: w.Fingerprint}
	return e, e.Valid()
}
