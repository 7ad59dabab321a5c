package main_test

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/internal/peers"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// redis is a Redis that forgets everything when it ends.
type redis struct {
	address string
	cmd     *exec.Cmd
}

func newRedis(t *testing.T) *redis {
	t.Helper()
	peers.Program(t, "redis-server", "redis-server")
	r := &redis{address: mailtest.LoopbackAddrs(t, 1)[0]}
	r.start(t)
	t.Cleanup(r.kill)
	return r
}

func (r *redis) start(t *testing.T) {
	t.Helper()
	host, port, _ := strings.Cut(r.address, ":")
	r.cmd = exec.Command("redis-server", "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drill.Await(t, time.Minute, "redis-server listens", func() bool {
		c, err := net.Dial("tcp", r.address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (r *redis) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// TestPolicyNodes lets two mail hosts share one limit by a Redis that is killed
// and comes back, empty, while mail is being sent on both: never is more let
// through than the limit allows, no mail waits for Redis, and in the end the whole
// limit can be used.
func TestPolicyNodes(t *testing.T) {
	mailtest.Require(t)
	r := newRedis(t)
	url := dbtest.SQLite(t)
	fillPolicy(t, url)
	config := fmt.Sprintf("[policy]\ncounters = \"redis://%s/0\"\n", r.address)
	hosts := []*policyHost{newPolicyHostAt(t, "node1", url, config), newPolicyHostAt(t, "node2", url, config)}
	c := &replyCount{}
	both := func(n int, during func()) {
		t.Helper()
		var wg sync.WaitGroup
		for _, h := range hosts {
			wg.Go(func() { h.storm(t, c, n, nil) })
		}
		if during != nil {
			during()
		}
		wg.Wait()
		if c.accepted > 100 || len(c.other) > 0 {
			t.Fatalf("%d messages were accepted under a limit of 100; others: %q", c.accepted, c.other)
		}
	}
	both(1, nil)
	if c.accepted != 40 {
		t.Errorf("with Redis there %d of 40 messages were accepted", c.accepted)
	}
	both(1, r.kill)
	alone := c.accepted
	r.start(t)
	drill.Await(t, time.Minute, "the whole limit can be used", func() bool {
		both(1, nil)
		return c.accepted == 100
	})
	t.Logf("accepted: %d before Redis was back, 100 in the end; %d refusals", alone, c.limited)
	both(1, nil) // and no more
}
