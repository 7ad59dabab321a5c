package lookup

import (
	"testing"
	"time"

	"github.com/vmapd/vmapd/store"
)

func TestOwnMailbox(t *testing.T) {
	s := load(t, `
		domain home.test
		domain other.test
		domain catch.test
		domain off.test off
		domainalias alias.test -> home.test
		domainalias gone.test -> home.test off
		box user@home.test
		box real+plus@home.test
		box left@home.test inactive noself
		box keeper@home.test
		box away@home.test noself
		box caught@catch.test noself
		box lost@off.test
		box part@home.test noself
		box part+plus@home.test noself
		alias keeper@home.test -> keeper@home.test far@far.example
		alias away@home.test -> far@far.example
		alias info@home.test -> user@home.test
		alias user+list@home.test -> left@home.test
		alias old@home.test -> far@far.example expire=2001-01-01
		alias special@alias.test -> far@far.example
		alias @catch.test -> user@home.test
	`)
	r := &Resolver{now: time.Now}
	r.queries.New = func() any { return new(query) }
	r.SetOptions(defaults())
	for _, tc := range []struct{ recipient, want string }{
		{"user@home.test", "user@home.test"},
		{"USER+x@Home.Test", "user@home.test"},
		{"user+list@home.test", ""},
		{"user@alias.test", "user@home.test"},
		{"User+ext@alias.test", "user@home.test"},
		{"user@gone.test", ""},
		{"special@alias.test", ""},
		{"real+plus@home.test", "real+plus@home.test"},
		{"real+plus@alias.test", "real+plus@home.test"},
		{"left@home.test", "left@home.test"},
		{"left+x@alias.test", "left@home.test"},
		{"left+x@home.test", "left@home.test"},
		{"part+plus@home.test", "part+plus@home.test"},
		{"part+plus@alias.test", "part+plus@home.test"},
		{"part+x@home.test", "part@home.test"},
		{"keeper@home.test", ""},
		{"away@home.test", ""},
		{"info@home.test", ""},
		{"old@home.test", ""},
		{"caught@catch.test", ""},
		{"lost@off.test", "lost@off.test"},
		{"nobody@home.test", ""},
		{"user@nowhere.test", ""},
		{"user", ""},
		{"@home.test", ""},
		{"", ""},
		{"@", ""},
	} {
		m, ok := r.OwnMailbox(s, []byte(tc.recipient))
		if m.Address != tc.want || ok != (tc.want != "") {
			t.Errorf("%q: %q, %v, want %q", tc.recipient, m.Address, ok, tc.want)
		}
	}
	if raceEnabled {
		return
	}
	keys := [][]byte{[]byte("user@home.test"), []byte("user+x@alias.test"), []byte("info@home.test"), []byte("nobody@home.test")}
	var m store.Mailbox
	if n := testing.AllocsPerRun(1000, func() {
		for _, k := range keys {
			m, _ = r.OwnMailbox(s, k)
		}
	}); n > 0.1 {
		t.Errorf("%v allocations, %v", n, m.Address)
	}
}
