//go:build bench

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// benchQuota counts the quota commits that are acknowledged in a second, each
// safe on the disk, with the database up and taking them. The limit is set by the
// disk: what is acknowledged together can share one fsync.
func benchQuota(t *testing.T, h *benchHost, r *report) {
	const lasts, rounds = 3 * time.Second, 5
	v := h.startDovecotVmapd(t, "")
	d := dbtest.Open(t, h.url, db.Options{})
	dbtest.Exec(t, d, mergeQuota,
		"CREATE OR REPLACE TRIGGER mergequota BEFORE INSERT ON admin_quota FOR EACH ROW EXECUTE PROCEDURE merge_quota()")
	for _, target := range []struct {
		conns int
		rate  float64
	}{{1, 0}, {16, 0}, {64, 5000}} {
		// Each request sets a mailbox of its own to its own number.
		c := v.lines(t, "dict", greetDict("quota_clone"), h.size.mailboxesOf(201, 300), "O", setQuota).with(target.conns)
		c.runFor(t, lasts)
		var rates, limits, cpu samples
		for range rounds {
			limit := syncs(t, v.v.State, lasts/3) * float64(target.conns)
			seen := c.runFor(t, lasts)
			rates, limits = append(rates, seen.rate()), append(limits, seen.rate()/limit)
			cpu = append(cpu, float64(seen.cpu.Microseconds())/float64(seen.n))
			t.Logf("%d connections: %.0f commits/s, p50 %v, p99 %v; fsyncs/s × connections %.0f", target.conns, seen.rate(), seen.quantile(.5), seen.quantile(.99), limit)
		}
		name := fmt.Sprintf("durable quota commits, %d connections", target.conns)
		if target.rate > 0 {
			r.atLeast(name+": a second", "%.0f", rates, target.rate)
		} else {
			r.tell(name+": a second", "%.0f", rates)
		}
		r.tell(name+": ÷ (fsyncs/s × connections)", "%.2f", limits)
		r.tell(name+": µs of processor time", "%.0f", cpu)
	}
	drill.Await(t, time.Minute, "the database has all commits", func() bool { return v.v.Metric(t, "vmapd_spool_pending") == 0 })
	var wrong int
	if err := d.QueryRowContext(t.Context(), "SELECT count(*) FROM admin_quota q JOIN admin_mailbox m ON q.username = m.address || '@d' || m.domain_id || '.bench.test'"+
		" WHERE m.domain_id BETWEEN 201 AND 300 AND (q.bytes <> q.messages * 1000 OR q.messages <> (m.domain_id - 201) * 100 + substr(m.address, 5)::int)").Scan(&wrong); err != nil {
		t.Fatal(err)
	}
	if wrong > 0 {
		t.Errorf("the database has wrong figures of %d mailboxes", wrong)
	}
}

// setQuota is what Dovecot's quota_clone sends after a delivery.
func setQuota(id int, user string) string {
	return fmt.Sprintf("B%d\t%s\nS%[1]d\tpriv/quota/storage\t%[1]d000\nS%[1]d\tpriv/quota/messages\t%[1]d\nC%[1]d\n", id, user, id)
}

// syncs returns how many pages a second can be appended to a file and made safe.
func syncs(t *testing.T, dir string, lasts time.Duration) float64 {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "syncs"))
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page, n, began := make([]byte, 4096), 0, time.Now()
	for ; time.Since(began) < lasts; n++ {
		if _, err = f.Write(page); err == nil {
			err = f.Sync()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return float64(n) / time.Since(began).Seconds()
}
