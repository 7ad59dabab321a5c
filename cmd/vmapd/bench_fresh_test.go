//go:build bench

package main_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	vmapd "github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// benchFresh commits changes at a steady rate and waits for each to be served:
// new aliases, new recipients of them, aliases that go. The SQL map's own
// query, asked of the same server after the same commit, is what a Postfix
// without vmapd would wait for.
func benchFresh(t *testing.T, h *benchHost, r *report) {
	const (
		writers = 8
		rate    = 200 // commits a second, together
		lasts   = time.Minute
	)
	v := h.start(t)
	time.Sleep(2 * time.Second)
	began, cpu := time.Now(), cpuTime(t, v.cmd.Process.Pid)
	seen, asked := make([]latencies, writers), make([]latencies, writers)
	var all sync.WaitGroup
	for w := range writers {
		c := h.newChanger(t, v.socket, w)
		all.Go(func() {
			for n := 0; time.Since(began) < lasts; n++ {
				due := began.Add(time.Duration(n*writers+w) * time.Second / rate)
				time.Sleep(time.Until(due))
				if err := c.change(n, &seen[w], &asked[w]); err != nil {
					t.Errorf("writer %d, change %d: %v", w, n, err)
					return
				}
			}
		})
	}
	all.Wait()
	took, used := time.Since(began), cpuTime(t, v.cmd.Process.Pid)-cpu
	total, mapped := &latencies{}, &latencies{}
	for w := range writers {
		total.merge(&seen[w])
		mapped.merge(&asked[w])
	}
	name := fmt.Sprintf("%d changes a second: ", rate)
	r.atLeast(name+"changes a second that were made and served", "%.0f", samples{float64(total.n) / took.Seconds()}, rate*.95)
	r.atMost(name+"ms from COMMIT to served answer, p50", "%.2f", samples{ms(total.quantile(.5))}, 10)
	r.atMost(name+"ms from COMMIT to served answer, p99", "%.2f", samples{ms(total.quantile(.99))}, 50)
	r.tell(name+"ms from COMMIT to served answer, longest", "%.1f", samples{ms(total.max)})
	r.tell(name+"ms from COMMIT to the SQL map's answer, p50", "%.2f", samples{ms(mapped.quantile(.5))})
	r.tell(name+"ms from COMMIT to the SQL map's answer, p99", "%.2f", samples{ms(mapped.quantile(.99))})
	r.atMost(name+"ms of processor time a change", "%.2f", samples{ms(used) / float64(total.n)}, 5)
	r.atMost(name+"rows that an audit finds", "%.0f", samples{float64(v.audit(t))}, 0)
}

// audit has everything read and compared, and returns the rows that had been
// missed.
func (v *benchDaemon) audit(t *testing.T) int {
	t.Helper()
	before := v.metric(t, `vmapd_refresh_seconds_count{kind="audit"}`)
	control := vmapd.Control{Path: vmapd.ControlPath(v.dir + "/state")}
	if _, err := control.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for v.metric(t, `vmapd_refresh_seconds_count{kind="audit"}`) == before {
		time.Sleep(50 * time.Millisecond)
	}
	return int(v.metric(t, "vmapd_changes_missed_total"))
}

// changer makes one change after the other over connections of its own.
type changer struct {
	db     *db.DB
	conn   *sql.Conn
	socket net.Conn
	w      int
	domain int // numbers of the host's domains begin with 1
}

func (h *benchHost) newChanger(t *testing.T, socket string, w int) *changer {
	t.Helper()
	d := dbtest.Open(t, h.url, db.Options{})
	return newChanger(t, d, socket, w)
}

func newChanger(t *testing.T, d *db.DB, socket string, w int) *changer {
	t.Helper()
	conn, err := d.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &changer{db: d, conn: conn, socket: nc, w: w, domain: w + 1}
}

// change makes the change with number n and waits until it is served: of three,
// the first adds an alias, the second a recipient, the third removes both.
func (c *changer) change(n int, seen, mapped *latencies) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	id := 50_000_000 + c.w*1_000_000 + n/3
	address, want := fmt.Sprintf("fresh%d@d%d.bench.test", id, c.domain), "NOTFOUND "
	var statements []string
	switch n % 3 {
	case 0:
		statements = []string{
			fmt.Sprintf("INSERT INTO admin_alias (id, address, domain_id) VALUES (%d, '%s', %d)", id, address, c.domain),
			fmt.Sprintf("INSERT INTO modoboa_admin_aliasrecipient (id, address, alias_id) VALUES (%d, 'a@far.test', %d)", id, id),
		}
		want = "OK a@far.test"
	case 1:
		statements = []string{fmt.Sprintf("INSERT INTO modoboa_admin_aliasrecipient (id, address, alias_id) VALUES (%d, 'b@far.test', %d)", id+500_000, id)}
		want = "OK a@far.test,b@far.test"
	default:
		statements = []string{
			fmt.Sprintf("DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id = %d", id),
			fmt.Sprintf("DELETE FROM admin_alias WHERE id = %d", id),
		}
	}
	if err := c.commit(ctx, statements); err != nil {
		return err
	}
	committed := time.Now()
	if err := c.await(ctx, address, want); err != nil {
		return err
	}
	seen.add(time.Since(committed))
	if mapped == nil {
		return nil
	}
	began := time.Now()
	if err := c.sqlMap(ctx, address); err != nil {
		return err
	}
	mapped.add(time.Since(began))
	return nil
}

func (c *changer) commit(ctx context.Context, statements []string) error {
	tx, err := c.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return tx.Commit()
}

// await asks until the answer is what it should be.
func (c *changer) await(ctx context.Context, address, want string) error {
	request := fmt.Appendf(nil, "%d:aliases %s,", len("aliases ")+len(address), address)
	buf := make([]byte, 4096)
	for {
		if _, err := c.socket.Write(request); err != nil {
			return err
		}
		got, err := readReply(c.socket, buf)
		if err != nil {
			return err
		}
		if string(got) == want {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s is answered %q, not %q", address, got, want)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// sqlMap asks what Modoboa's sql-aliases map asks.
func (c *changer) sqlMap(ctx context.Context, address string) error {
	rows, err := c.conn.QueryContext(ctx, `(SELECT alr.address FROM modoboa_admin_aliasrecipient AS alr INNER JOIN admin_alias AS al ON alr.alias_id=al.id
		WHERE al.enabled AND al.address='`+address+`' AND (al.expire_at IS NULL OR al.expire_at>now()))`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// benchStored stops the database and starts vmapd: how long until the first
// right answer?
func benchStored(t *testing.T, h *benchHost, r *report) {
	v := h.start(t)
	time.Sleep(2 * time.Second)
	v.stop(t)
	if err := h.server.Stop(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.server.Start(); err != nil {
			t.Fatal(err)
		}
	}()
	var first samples
	for range 3 {
		took := v.again(t)
		first = append(first, took.Seconds())
	}
	r.atMost("start without a database, a million mailboxes on disk: seconds to the first right answer", "%.2f", first, 1)
}

// again starts a stopped daemon on its files and waits for a right answer, then
// kills it.
func (v *benchDaemon) again(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	cmd := exec.Command(v.cmd.Path, "serve", "-c", filepath.Join(v.dir, "vmapd.toml"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	c := &changer{}
	for c.socket == nil && time.Since(began) < time.Minute {
		c.socket, _ = net.Dial("unix", v.socket)
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.await(ctx, "user7@d9.bench.test", "OK user7@d9.bench.test"); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

// benchPolled does the same as benchFresh, one change after the other, with the
// engines that cannot notify. They are asked every second, which bounds what a
// change may take.
func benchPolled(t *testing.T, binary, engine, url string, r *report) {
	d := dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 20; i++ {
		dbtest.Exec(t, d, fmt.Sprintf("INSERT INTO admin_domain (id, name) VALUES (%d, 'd%[1]d.bench.test')", i))
	}
	socket := filepath.Join(t.TempDir(), "socketmap")
	startVmapd(t, binary, fmt.Sprintf("[database]\nurl = %q\n[[listen]]\nprotocol = \"socketmap\"\naddress = \"unix:%s\"\ngroup = \"\"\n", url, socket))
	deadline := time.Now().Add(time.Minute)
	for ; time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if nc, err := net.Dial("unix", socket); err == nil {
			nc.Close()
			break
		}
	}
	c := newChanger(t, d, socket, 0)
	seen := &latencies{}
	var longest samples
	for n := range 45 {
		began := time.Now()
		if err := c.change(n, seen, nil); err != nil {
			t.Fatal(err)
		}
		longest = append(longest, ms(time.Since(began)))
		// Anywhere in the interval.
		time.Sleep(time.Duration(n*137%1000) * time.Millisecond)
	}
	worst := longest.sorted()[len(longest)-1]
	r.tell(engine+", polled every second: ms from COMMIT to served answer", "%.0f", longest)
	r.atMost(engine+", polled every second: ms from COMMIT to served answer, longest of "+fmt.Sprint(len(longest)), "%.0f", samples{worst}, 1100)
}
