//go:build bench

package main_test

import (
	"context"
	"os/exec"
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
// again. The clients' longest wait is compared with that of as long a time
// without a reload. A third time, psql reads the same meanwhile: this is what
// the machine and PostgreSQL cost the clients without any doing of vmapd.
func benchReload(t *testing.T, h *benchHost, r *report) {
	const rounds = 5
	v := h.start(t)
	time.Sleep(2 * time.Second)
	c := newClients(v.socket, "aliases", h.size.mailboxKeys(20_000), 4, 'O')
	c.runFor(t, 500*time.Millisecond)
	control := vmapd.Control{Path: vmapd.ControlPath(v.dir + "/state")}
	var peak, longest, quiet, bare, caused, p999, quietP999 samples
	for range rounds {
		rss := v.memory(t, "VmRSS")
		v.forgetPeak(t)
		reload := c.during(t, func(context.Context) error { _, err := control.Reload(t.Context()); return err })
		peak = append(peak, v.memory(t, "VmHWM")/rss)
		none := c.during(t, func(ctx context.Context) error { return sleep(ctx, reload.took) })
		psql := c.during(t, func(ctx context.Context) error {
			for began := time.Now(); time.Since(began) < reload.took; {
				h.readBare(ctx, t)
			}
			return nil
		})
		for _, x := range []struct {
			what string
			of   *tally
		}{{"during a reload", reload}, {"without", none}, {"while psql reads", psql}} {
			t.Logf("%s: %.1f s, %d requests, p99.9 %v, longest %v, %d over 2 ms, %d over 5 ms", x.what, x.of.took.Seconds(), x.of.n,
				x.of.quantile(.999), x.of.max, x.of.over(2*time.Millisecond), x.of.over(5*time.Millisecond))
		}
		longest, quiet, bare = append(longest, ms(reload.max)), append(quiet, ms(none.max)), append(bare, ms(psql.max))
		p999, quietP999 = append(p999, ms(reload.quantile(.999))), append(quietP999, ms(none.quantile(.999)))
		caused = append(caused, max(0, ms(reload.max)-max(ms(none.max), ms(psql.max))))
	}
	r.atMost("reload: peak memory ÷ resident memory before", "%.2f", peak, 2.4)
	r.tell("reload: longest wait of 4 clients, ms", "%.1f", longest)
	r.tell("no reload: longest wait, ms", "%.1f", quiet)
	r.tell("no reload, psql reads the same: longest wait, ms", "%.1f", bare)
	r.atMost("reload: wait caused by it, ms", "%.1f", caused, 5)
	r.tell("reload: p99.9, ms", "%.2f", p999)
	r.tell("no reload: p99.9, ms", "%.2f", quietP999)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

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
