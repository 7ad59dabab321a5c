package api

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/store/modoboa"
)

// withJobs gives a world a scheduler with a few jobs.
func withJobs(t *testing.T, w *world) {
	t.Helper()
	list := []jobs.Job{
		jobs.Repair(), jobs.CleanInactive(),
		{Name: "fails", Run: func(_ context.Context, r *jobs.Run) error {
			r.Did("something")
			return errors.New("it broke")
		}},
	}
	site := jobs.Site{DB: w.d, Manager: w.m, Memory: jobs.Remember(modoboa.JobRuns{DB: w.d}, "")}
	s := jobs.New(jobs.Options{Jobs: func() []jobs.Job { return list }, Site: func() jobs.Site { return site }, Host: "one.test"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	w.o.Jobs = &Jobs{List: s.List, Begin: s.Begin}
	w.serve()
}

func TestJobs(t *testing.T) {
	w := sqliteWorld(t)
	withJobs(t, w)
	s := described(t)
	for _, tt := range []struct {
		who, method, path string
		status            int
		field             string
		want              any
	}{
		{"root", get, "jobs/", 200, "0.name", "repair"},
		{"root", get, "jobs/repair/", 200, "last", nil},
		{"root", get, "jobs/none/", 404, "", nil},
		{"root", post, "jobs/none/run/", 404, "", nil},
		{"root", post, "jobs/repair/run/?dry_run=maybe", 400, "", nil},
		{"root", post, "jobs/repair/run/?with=delete", 400, "", nil},
		{"root", post, "jobs/repair/run/?dry_run=true", 200, "dry_run", true},
		{"root", get, "jobs/repair/", 200, "last", nil},
		{"root", post, "jobs/repair/run/", 200, "result", "mended 0 objects"},
		{"root", get, "jobs/repair/", 200, "last.host", "one.test"},
		{"root", post, "jobs/clean-inactive-accounts/run/?with=delete,keepdir&dry_run=1", 200, "error", ""},
		{"root", post, "jobs/fails/run/", 200, "error", "job fails: it broke"},
		{"root", get, "jobs/fails/", 200, "report.lines.0", "something"},
		{"rita", get, "jobs/", 403, "", nil},
		{"adm@one.test", get, "jobs/repair/", 403, "", nil},
		{"ann@one.test", post, "jobs/repair/run/", 403, "", nil},
	} {
		r := w.ask(tt.who, tt.method, "/api/v1/"+tt.path, nil)
		if r.status != tt.status {
			t.Errorf("%s %s %s: %d, want %d: %s", tt.who, tt.method, tt.path, r.status, tt.status, r.text)
		}
		if tt.field != "" {
			if got := r.field(tt.field); got != tt.want {
				t.Errorf("%s: %s is %v, want %v", tt.path, tt.field, got, tt.want)
			}
		}
		s.checkAnswer(t, routeCalled(w.done[len(w.done)-1].Route), r)
	}
}

// TestJobElsewhere is one that is running already.
func TestJobElsewhere(t *testing.T) {
	w := sqliteWorld(t)
	withJobs(t, w)
	lock, err := w.d.TryLock(t.Context(), "job-repair")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	w.must(409, "root", post, "/api/v1/jobs/repair/run/", nil)
	w.must(200, "root", post, "/api/v1/jobs/repair/run/?dry_run=true", nil)
}

// TestJobGoesOn is one that takes longer than the request may.
func TestJobGoesOn(t *testing.T) {
	w := sqliteWorld(t)
	withJobs(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.o.Jobs.Begin = func(context.Context, string, jobs.Order) (<-chan jobs.Outcome, error) {
		cancel() // the time is over
		return make(chan jobs.Outcome), nil
	}
	w.serve()
	req := httptest.NewRequest(post, "http://api.test/api/v1/jobs/repair/run/", nil).WithContext(ctx)
	req.Header.Set("Authorization", "Token "+w.token("root"))
	r := w.send(req)
	if r.status != 202 || r.field("name") != "repair" {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// TestNoJobs is a handler without a scheduler.
func TestNoJobs(t *testing.T) {
	w := sqliteWorld(t)
	w.must(404, "root", get, "/api/v1/jobs/", nil)
	w.must(404, "root", post, "/api/v1/jobs/repair/run/", nil)
}
