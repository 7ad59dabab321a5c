package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// lister is a Server with n users, and one whose List fails at the end.
func lister(n int, fail error) *Server {
	return &Server{SPID: 4242, User: testUser, List: func(_ context.Context, _ *ListRequest, yield func([]byte) bool) error {
		for i := range n {
			if !yield(fmt.Appendf(nil, "user%d@d%d.test", i, i%10)) {
				return nil
			}
		}
		return fail
	}}
}

func TestList(t *testing.T) {
	for _, tc := range []struct {
		name, args string
		want       []string
	}{
		{"all", "", []string{"LIST\t1\tuser0@d0.test", "LIST\t1\tuser1@d1.test", "LIST\t1\tuser2@d2.test", "DONE\t1\t"}},
		{"2.3", "\tuser=*\tservice=doveadm", []string{"LIST\t1\tuser0@d0.test", "LIST\t1\tuser1@d1.test", "LIST\t1\tuser2@d2.test", "DONE\t1\t"}},
		{"2.4", "\t\tuser=USER?@d1.*\tprotocol=doveadm", []string{"LIST\t1\tuser1@d1.test", "DONE\t1\t"}},
		{"none", "\tuser=nobody*", []string{"DONE\t1\t"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := newMaster(t, lister(3, nil), nil)
			k.send("LIST\t1" + tc.args + "\n")
			for _, line := range tc.want {
				k.want(line)
			}
		})
	}
}

func TestListFails(t *testing.T) {
	var refused []string
	s := lister(1, errors.New("half of the users are away"))
	s.OnRefused = func(err error) { refused = append(refused, err.Error()) }
	k := newMaster(t, s, nil)
	k.send("LIST\t1\n")
	k.want("LIST\t1\tuser0@d0.test")
	k.want("DONE\t1\tfail")
	s = lister(1, nil)
	s.List = func(_ context.Context, _ *ListRequest, yield func([]byte) bool) error {
		yield([]byte(strings.Repeat("x", MaxReply)))
		yield([]byte("a\tb"))
		return nil
	}
	s.OnRefused = func(err error) { refused = append(refused, err.Error()) }
	k = newMaster(t, s, nil)
	k.send("LIST\t7\n")
	k.want("LIST\t7\ta\x01tb")
	k.want("DONE\t7\tfail")
	k = newMaster(t, &Server{SPID: 4242}, nil)
	k.send("LIST\t1\n")
	k.want("DONE\t1\tfail")
	if diff := cmp.Diff([]string{
		`LIST for user "*": half of the users are away`,
		`LIST for user "` + strings.Repeat("x", 200) + `": the name is too long to be sent`,
	}, refused); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestListPatience has a client that does long work in the middle of a LIST,
// and one that never reads again.
func TestListPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lister(1000, nil)
		k := newMaster(t, s, nil)
		k.send("LIST\t1\n")
		for i := range 1000 {
			if i%100 == 50 {
				time.Sleep(25 * time.Minute)
			}
			k.want(fmt.Sprintf("LIST\t1\tuser%d@d%d.test", i, i%10))
		}
		k.want("DONE\t1\t")

		other := newMaster(t, s, nil)
		k.send("LIST\t2\n")
		time.Sleep(50 * time.Minute)
		other.send("USER\t1\tnobody@d1.test\tservice=lmtp\n")
		other.want("NOTFOUND\t1")
		if err := <-k.done; err == nil || !strings.Contains(err.Error(), "timeout") {
			t.Errorf("ServeMaster: %v", err)
		}
	})
}

// TestListCancel ends LISTs: by CANCEL, a drain, and both ends going away.
func TestListCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began, ended atomic.Int32
		s := &Server{SPID: 4242, User: testUser, List: func(ctx context.Context, _ *ListRequest, yield func([]byte) bool) error {
			began.Add(1)
			yield([]byte("one"))
			<-ctx.Done()
			ended.Add(1)
			return ctx.Err()
		}}
		k := newMaster(t, s, nil)
		for i := range maxLists + 1 {
			k.send(fmt.Sprintf("LIST\t%d\n", i))
		}
		k.want("DONE\t8\tfail")
		k.send("CANCEL\t3\nUSER\t1\tnobody\tservice=x\n")
		k.want("NOTFOUND\t1")
		synctest.Wait()
		if began.Load() != maxLists || ended.Load() != 1 {
			t.Errorf("%d began, %d ended", began.Load(), ended.Load())
		}
		k.nc.Close()
		if err := <-k.done; err != nil || ended.Load() != maxLists {
			t.Errorf("ServeMaster: %v; %d ended", err, ended.Load())
		}

		k = newMaster(t, s, nil)
		k.send("LIST\t1\n")
		start := time.Now()
		k.drain()
		if err := k.ended(); err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("ServeMaster: %v after %v", err, time.Since(start))
		}
	})
}

// TestDrainList drains while a client reads slowly.
func TestDrainList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newMaster(t, lister(1000, nil), nil)
		k.send("LIST\t1\n")
		k.drain()
		for i := range 1000 {
			k.want(fmt.Sprintf("LIST\t1\tuser%d@d%d.test", i, i%10))
		}
		k.want("DONE\t1\t")
		if err := k.ended(); err != nil {
			t.Errorf("ServeMaster: %v", err)
		}
	})
}

func TestRights(t *testing.T) {
	var refused int
	s := testServer()
	s.List = lister(1, nil).List
	s.OnRefused = func(error) { refused++ }
	k := newMaster(t, s, func(p Peer) Rights {
		if p.Known {
			t.Error("a pipe has credentials")
		}
		return UserdbRights
	})
	k.send("USER\t1\talice@d1.test\tservice=lmtp\nPASS\t2\talice@d1.test\tservice=lmtp\nREQUEST\t3\t1\t1\tabc\nCACHE-FLUSH\t4\n")
	k.want("USER\t1\talice@d1.test\tuid=5000\tgid=5000\thome=/srv/d1.test/alice")
	k.want("FAIL\t2")
	k.want("FAIL\t3")
	k.want("FAIL\t4")
	k.send("LIST\t5\n")
	k.want("LIST\t5\tuser0@d0.test")
	k.want("DONE\t5\t")
	k = newMaster(t, s, func(Peer) Rights { return 0 })
	k.send("USER\t1\talice@d1.test\tservice=lmtp\nLIST\t2\n")
	k.want("FAIL\t1")
	k.want("DONE\t2\tfail")
	if refused != 5 {
		t.Errorf("%d reports, want 5", refused)
	}
}

func TestMatchMask(t *testing.T) {
	for _, tc := range []struct {
		mask, name string
		want       bool
	}{
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"a", "A", true},
		{"?", "", false},
		{"?", "é", false}, // two bytes
		{"*@d1.test", "user@d1.test", true},
		{"*@d1.test", "user@d1.test.org", false},
		{"u*r@*", "user@d1", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-b-b-c-", false},
		{"**?", "x", true},
	} {
		if got := MatchMask(tc.mask, []byte(tc.name)); got != tc.want {
			t.Errorf("%q matches %q: %v", tc.mask, tc.name, got)
		}
	}
}

// TestMatchMaskModel compares with the obvious recursion.
func TestMatchMaskModel(t *testing.T) {
	var model func(mask, name string) bool
	model = func(mask, name string) bool {
		switch {
		case mask == "":
			return name == ""
		case mask[0] == '*':
			return model(mask[1:], name) || name != "" && model(mask, name[1:])
		case name == "":
			return false
		}
		return (mask[0] == '?' || strings.EqualFold(mask[:1], name[:1])) && model(mask[1:], name[1:])
	}
	property.Check(t, func(t *rapid.T) {
		mask := rapid.StringMatching(`[aB*?]{0,8}`).Draw(t, "mask")
		name := rapid.StringMatching(`[abB]{0,10}`).Draw(t, "name")
		if got, want := MatchMask(mask, []byte(name)), model(mask, name); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}
