//go:build bench

package main_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	vmapd "github.com/vmapd/vmapd/daemon"
)

// benchLoad measures how long a start takes and what the data occupies, in
// turns with the bare transport of the same columns to psql, which is the
// limit that PostgreSQL sets.
func benchLoad(t *testing.T, h *benchHost, r *report) {
	const rounds = 3
	mailboxes := float64(h.size.domains * h.size.mailboxes)
	var ready, ratio, bytes samples
	for range rounds {
		bare := h.readBare(t.Context(), t)
		t.Run("start", func(t *testing.T) {
			v := h.start(t)
			time.Sleep(2 * time.Second) // after that all is given back
			ready = append(ready, v.ready.Seconds())
			ratio = append(ratio, v.ready.Seconds()/bare.Seconds())
			bytes = append(bytes, v.memory(t, "VmRSS")/mailboxes)
			t.Logf("ready after %v, psql reads the same in %v; %.0f bytes a mailbox, peak %.0f", v.ready, bare, bytes[len(bytes)-1], v.memory(t, "VmHWM")/mailboxes)
		})
	}
	r.atMost("1,000,000 mailboxes: seconds from start to ready", "%.1f", ready, 8)
	r.tell("1,000,000 mailboxes: start to ready ÷ psql's COPY of the same columns", "%.1f", ratio)
	r.atMost("1,000,000 mailboxes: resident bytes per mailbox", "%.0f", bytes, 450)
}

// readBare lets psql read what vmapd reads, to throw it away.
func (h *benchHost) readBare(ctx context.Context, t *testing.T) time.Duration {
	t.Helper()
	args := []string{"-X", "-q", "-d", h.url}
	for _, q := range []string{
		"id, username, email, password, is_active, is_local, is_superuser, master_user FROM core_user",
		"id, address, domain_id, user_id, quota, is_send_only FROM admin_mailbox",
		"username, bytes, messages FROM admin_quota",
		"id, address, domain_id, enabled, internal, expire_at FROM admin_alias",
		"id, address, alias_id, r_mailbox_id, r_alias_id FROM modoboa_admin_aliasrecipient",
	} {
		args = append(args, "-c", "COPY (SELECT "+q+") TO STDOUT")
	}
	cmd := exec.CommandContext(ctx, "psql", args...)
	began := time.Now()
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		t.Fatalf("psql: %v", err)
	}
	return time.Since(began)
}

// benchReload watches four clients and the memory while the database is read
// again. How often the clients wait for more than 5 ms is compared with the
// same time without a reload, and with clients of the do-nothing server during
// another reload: what those wait is the doing of a machine that is busy, not
// of a server that is.
func benchReload(t *testing.T, h *benchHost, r *report) {
	const rounds = 5
	v := h.start(t)
	idle := startNothing(t, filepath.Dir(v.socket), says{})
	time.Sleep(2 * time.Second)
	c := v.clients("aliases", h.size.mailboxKeys(20_000), 4, "OK ")
	c.runFor(t, 500*time.Millisecond)
	control := vmapd.Control{Path: vmapd.ControlPath(v.dir + "/state")}
	reload := func(context.Context) error { _, err := control.Reload(t.Context()); return err }
	var peak, caused samples
	during, without, others := &waits{name: "reload"}, &waits{name: "no reload"}, &waits{name: "reload, clients of the do-nothing server"}
	rss := v.settled(t)
	for range rounds {
		v.forgetPeak(t)
		seen := c.during(t, reload)
		peak = append(peak, v.memory(t, "VmHWM")/rss)
		during.add(t, seen)
		without.add(t, c.runFor(t, seen.took))
		others.add(t, c.at(idle).during(t, reload))
		last := len(peak) - 1
		caused = append(caused, max(0, during.long[last]-2*max(without.long[last], others.long[last])))
	}
	r.atMost("reload: peak memory ÷ resident memory before", "%.2f", peak, 2.2)
	r.atMost("reload: waits over 5 ms a second, beyond twice those of the others", "%.1f", caused, 0.5)
	r.atMost("reload: p99.9 of waits, ms", "%.2f", during.p999, 5)
	for _, w := range []*waits{during, without, others} {
		r.tell(w.name+": waits over 5 ms a second", "%.1f", w.long)
		r.tell(w.name+": p99.9 of waits, ms", "%.2f", w.p999)
		r.tell(w.name+": longest wait, ms", "%.1f", w.longest)
	}
}

// waits are what clients waited for, one value a round.
type waits struct {
	name                string
	long, p999, longest samples
}

func (w *waits) add(t *testing.T, seen *tally) {
	t.Helper()
	long := seen.over(5 * time.Millisecond)
	w.long = append(w.long, float64(long)/seen.took.Seconds())
	w.p999, w.longest = append(w.p999, ms(seen.quantile(.999))), append(w.longest, ms(seen.max))
	t.Logf("%s: %.1f s, %d requests, p50 %v, p99 %v, p99.9 %v, longest %v, %d over 5 ms", w.name, seen.took.Seconds(), seen.n,
		seen.quantile(.5), seen.quantile(.99), seen.quantile(.999), seen.max, long)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// during asks while f runs.
func (c *clients) during(t *testing.T, f func(ctx context.Context) error) *tally {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		err := f(ctx)
		cancel()
		done <- err
	}()
	seen := c.run(ctx, t)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return seen
}
