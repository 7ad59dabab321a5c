package redisguard

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vmapd/vmapd/lookup/guard"
)

var compare = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

func TestEventsSurvive(t *testing.T) {
	for _, e := range []guard.Event{
		{Kind: guard.Failed, Account: "a\x00\"b@example.com", Remote: netip.MustParseAddr("2001:db8::1"), Fingerprint: 8191},
		{Kind: guard.Failed, Account: "a"},
		{Kind: guard.Succeeded, Account: "a", Remote: netip.MustParseAddr("192.0.2.1")},
		{Kind: guard.Forgiven, Account: "a"},
		{Kind: guard.Forgiven, Network: netip.MustParsePrefix("192.0.2.0/24")},
	} {
		got, ok := decode(string(encode(&e)))
		if diff := cmp.Diff(e, got, compare); !ok || diff != "" {
			t.Errorf("%v (-want +got):\n%s", ok, diff)
		}
	}
}

func TestAge(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	for id, want := range map[string]time.Duration{
		"1699999999000-0": time.Second, "1700000000000-7": 0, "1700000009000-0": 0, "x-0": 0, "": 0,
	} {
		if got := age(id, now); got != want {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
}

// FuzzDecode: what is understood is the same after another round.
func FuzzDecode(f *testing.F) {
	f.Add(`{"k":"failed","a":"alice@example.com","r":"192.0.2.1","f":4711}`)
	f.Add(`{"k":"succeeded","a":"alice@example.com","r":"2001:db8::1%eth0"}`)
	f.Add(`{"k":"forgiven","n":"192.0.2.0/24"}`)
	f.Add(`{"k":"forgiven","a":"\ud800","n":"0.0.0.0/33"}`)
	f.Fuzz(func(t *testing.T, text string) {
		e, ok := decode(text)
		if !ok {
			return
		}
		again, ok := decode(string(encode(&e)))
		if diff := cmp.Diff(e, again, compare); !ok || diff != "" {
			t.Fatalf("%v (-first +again):\n%s", ok, diff)
		}
	})
}
