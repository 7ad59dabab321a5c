package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// counting is a job that counts its runs, which end when gate lets them.
func counting(every time.Duration, runs *atomic.Int64, gate chan struct{}) jobs.Job {
	return jobs.Job{Name: "count", Every: every, Run: func(ctx context.Context, r *jobs.Run) error {
		runs.Add(1)
		if gate != nil {
			select {
			case <-gate:
			case <-ctx.Done():
			}
		}
		r.Result("run %d", runs.Load())
		return ctx.Err()
	}}
}

func initDatabase(t *testing.T, url string) {
	t.Helper()
	if _, err := modoboa.Init(t.Context(), dbtest.Open(t, url, db.Options{}), modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (n *node) last(job string) *jobs.Past {
	n.t.Helper()
	list, err := n.List(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for _, s := range list {
		if s.Name == job {
			return s.Last
		}
	}
	return nil
}

// TestOncePerIntervalOnAllNodes has three nodes of which each would run a daily
// job.
func TestOncePerIntervalOnAllNodes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		initDatabase(t, url)
		var runs atomic.Int64
		var nodes []*node
		for range 3 {
			n := newNode(t, url, counting(24*time.Hour, &runs, nil))
			nodes = append(nodes, n)
			defer n.running()()
		}
		for _, n := range nodes {
			eventually(t, "every node knows of the run", func() bool {
				list, err := n.List(t.Context())
				return err == nil && list[0].Last != nil && list[0].Next != nil && time.Until(*list[0].Next) > 23*time.Hour
			})
		}
		if n := runs.Load(); n != 1 {
			t.Errorf("the job ran %d times", n)
		}
		nodes[0].exec("UPDATE vmapd_job SET finished = ?", nodes[0].d.Time(time.Now().Add(365*24*time.Hour)))
		lost := newNode(t, url, counting(24*time.Hour, &runs, nil))
		defer lost.running()()
		eventually(t, "a time that is still to come is not believed", func() bool { return runs.Load() == 2 })
		eventually(t, "the run is noted", func() bool { return lost.last("count").Finished.Before(time.Now()) })
		nodes[0].exec("UPDATE vmapd_job SET finished = ?", nodes[0].d.Time(time.Now().Add(-25*time.Hour)))
		late := newNode(t, url, counting(24*time.Hour, &runs, nil))
		defer late.running()()
		eventually(t, "a day later it runs again", func() bool { return runs.Load() == 3 })
	})
}

// TestByTheClock runs again and again, and goes on after failures.
func TestByTheClock(t *testing.T) {
	url := dbtest.SQLite(t)
	initDatabase(t, url)
	var runs atomic.Int64
	n := newNode(t, url, jobs.Job{Name: "often", Every: 20 * time.Millisecond, Run: func(context.Context, *jobs.Run) error {
		switch runs.Add(1) {
		case 1:
			return errors.New("not now")
		case 2:
			panic("a bug")
		}
		return nil
	}}, jobs.Job{Name: "off", Every: time.Millisecond, Off: "for a reason", Run: func(context.Context, *jobs.Run) error { t.Error("a job that is off ran"); return nil }},
		jobs.Job{Name: "by-order", Run: func(context.Context, *jobs.Run) error { t.Error("a job that is by order alone ran"); return nil }})
	stop := n.running()
	eventually(t, "it runs five times", func() bool { return runs.Load() >= 5 })
	stop()
	ran := runs.Load()
	if time.Sleep(100 * time.Millisecond); runs.Load() != ran {
		t.Error("it runs on after its scheduler ended")
	}
}

// TestTwoNodesAtOnce has one node run a job that another wants to run.
func TestTwoNodesAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		initDatabase(t, url)
		var runs atomic.Int64
		gate := make(chan struct{})
		one, two := newNode(t, url, counting(time.Hour, &runs, gate)), newNode(t, url, counting(time.Hour, &runs, nil))
		stop := one.running()
		defer stop()
		eventually(t, "one node runs the job", func() bool { return runs.Load() == 1 })
		for _, n := range []*node{one, two} {
			if _, err := n.Now(t.Context(), "count", jobs.Order{}); !errors.Is(err, jobs.ErrElsewhere) {
				t.Errorf("at the same time: %v", err)
			}
		}
		stopTwo := two.running()
		time.Sleep(100 * time.Millisecond) // some ticks
		if n := runs.Load(); n != 1 {
			t.Errorf("the other node ran it, too: %d runs", n)
		}
		close(gate)
		eventually(t, "the run is noted", func() bool { return one.last("count") != nil })
		stopTwo()
		eventually(t, "by order the other node runs it then", func() bool {
			r, err := two.Now(t.Context(), "count", jobs.Order{})
			return err == nil && r.Result == "run 2"
		})
	})
}

// TestLockLostEndsTheJob kills the connection that holds the lock.
func TestLockLostEndsTheJob(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		initDatabase(t, url)
		var runs atomic.Int64
		n := newNode(t, url, counting(0, &runs, make(chan struct{})))
		ended := make(chan error, 1)
		go func() {
			_, err := n.Now(context.Background(), "count", jobs.Order{})
			ended <- err
		}()
		eventually(t, "it runs", func() bool { return runs.Load() == 1 })
		breakLock(t, n, url)
		if err := <-ended; !errors.Is(err, db.ErrLockLost) {
			t.Errorf("the job ended with %v", err)
		}
		if p := n.last("count"); p != nil {
			t.Errorf("a job that was cut off is noted as done: %+v", p)
		}
	})
}

func breakLock(t *testing.T, n *node, url string) {
	t.Helper()
	switch n.d.Dialect {
	case db.PostgreSQL:
		n.column("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	case db.MySQL:
		n.exec("KILL " + n.column("SELECT is_used_lock(concat('vmapd.', sha1(concat(database(), '/job-count'))))")[0])
	default:
		if err := os.Remove(strings.TrimPrefix(url, "sqlite:") + ".job-count.lock"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBegin is an order that outlives who gave it, and ends with the scheduler.
func TestBegin(t *testing.T) {
	url := dbtest.SQLite(t)
	initDatabase(t, url)
	var runs atomic.Int64
	n := newNode(t, url, counting(0, &runs, make(chan struct{})))
	ctx, cancel := context.WithCancel(t.Context())
	stop := n.running()
	done, err := n.Begin(ctx, "count", jobs.Order{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	eventually(t, "it runs", func() bool { return runs.Load() == 1 })
	if list, err := n.List(t.Context()); err != nil || !list[0].Running {
		t.Errorf("%+v, %v", list, err)
	}
	stop()
	if end := <-done; !errors.Is(end.Err, context.Canceled) || end.Report == nil || end.Report.Error == "" {
		t.Errorf("%+v", end)
	}
	if _, err := n.Begin(ctx, "count", jobs.Order{}); !errors.Is(err, context.Canceled) {
		t.Errorf("without a scheduler: %v", err)
	}
	if _, err := n.Begin(t.Context(), "count", jobs.Order{Choices: []string{"x"}}); !errors.Is(err, jobs.ErrUnknown) {
		t.Errorf("an unknown choice: %v", err)
	}
}

// TestLongReport keeps some lines and tells all.
func TestLongReport(t *testing.T) {
	url := dbtest.SQLite(t)
	initDatabase(t, url)
	n := newNode(t, url, jobs.Job{Name: "long", Run: func(_ context.Context, r *jobs.Run) error {
		for i := range jobs.MaxLines + 3 {
			r.Did("line %d", i)
		}
		return nil
	}})
	told := 0
	r := n.order("long", jobs.Order{Watch: func(e jobs.Event) {
		if e.Line != fmt.Sprintf("line %d", told) {
			t.Errorf("%q in place %d", e.Line, told)
		}
		told++
	}})
	if len(r.Lines) != jobs.MaxLines || r.More != 3 || told != jobs.MaxLines+3 {
		t.Errorf("%d lines, %d more, told %d", len(r.Lines), r.More, told)
	}
}

// TestMemoryOfModoboas is a file, until there is a table.
func TestMemoryOfModoboas(t *testing.T) {
	url := dbtest.SQLite(t)
	initDatabase(t, url)
	d := dbtest.Open(t, url, db.Options{})
	dbtest.Exec(t, d, "DROP TABLE vmapd_job", "ALTER TABLE vmapd_schema RENAME TO something") // as if it were Modoboa's
	file := filepath.Join(t.TempDir(), "jobs.json")
	m := jobs.Remember(modoboa.JobRuns{DB: d}, file)
	want := jobs.Past{Finished: time.Now().UTC().Truncate(time.Microsecond), Host: "h", Result: "r"}
	for _, job := range []string{"a", "b"} {
		if err := m.Done(t.Context(), job, want); err != nil {
			t.Fatal(err)
		}
	}
	again := jobs.Remember(modoboa.JobRuns{DB: d}, file)
	if got, err := again.Last(t.Context(), "a"); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := again.Last(t.Context(), "a"); err != nil || !got.Finished.IsZero() {
		t.Errorf("of a damaged file: %+v, %v", got, err)
	}
	if err := again.Done(t.Context(), "a", want); err != nil {
		t.Errorf("a damaged file is not written again: %v", err)
	}
	dbtest.Exec(t, d, "ALTER TABLE something RENAME TO vmapd_schema")
	dbtest.Downgrade(t, d, 2)
	if got, err := again.Last(t.Context(), "a"); err != nil || !got.Finished.IsZero() {
		t.Errorf("of the table: %+v, %v", got, err)
	}
}

// TestNote is a line in Modoboa's log.
func TestNote(t *testing.T) {
	url := dbtest.SQLite(t)
	initDatabase(t, url)
	n := newNode(t, url, jobs.Job{Name: "notes", Run: func(ctx context.Context, r *jobs.Run) error {
		return r.Note(ctx, "ERROR", "modoboa.jobs", "Something of %s", "a@b.test")
	}})
	const noted = "core_log WHERE level = 'ERROR' AND logger = 'modoboa.jobs' AND message = 'Something of a@b.test'"
	n.order("notes", jobs.Order{DryRun: true})
	if c := n.count(noted); c != "0" {
		t.Error("a dry run wrote into the log")
	}
	n.order("notes", jobs.Order{})
	if c := n.count(noted); c != "1" {
		t.Errorf("%s lines", c)
	}
}
