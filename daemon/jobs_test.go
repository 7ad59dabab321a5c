package daemon

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

func TestJobList(t *testing.T) {
	for _, c := range []struct {
		enabled, schema, off string
	}{
		{"auto", "vmapd", ""},
		{"auto", "", "the database has not been read yet"},
		{"auto", "Modoboa 2.2", "Modoboa's own cron may do it"},
		{"always", "Modoboa 2.2", ""},
		{"always", "", ""},
		{"never", "vmapd", "jobs.enabled is never"},
	} {
		cfg := Default()
		cfg.Jobs.Enabled, cfg.Jobs.InactiveAccounts = c.enabled, "delete"
		for _, job := range cfg.JobList(c.schema, NewDNSChecks()) {
			if !slices.Contains([]string{"clean-logs", "clean-inactive-accounts", "domain-usage", "repair"}, job.Name) {
				continue // has a switch of its own
			}
			if !strings.HasPrefix(job.Off, c.off) || c.off == "" && job.Off != "" {
				t.Errorf("%s, %q: %s is off: %q, want %q", c.enabled, c.schema, job.Name, job.Off, c.off)
			}
			if usual := len(job.Usual); job.Name == "clean-inactive-accounts" && usual != 1 || job.Name != "clean-inactive-accounts" && usual != 0 {
				t.Errorf("%s usually: %v", job.Name, job.Usual)
			}
		}
	}
}

// TestJobByControl runs jobs as the command line does.
func TestJobByControl(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	change(t, r.database(), "INSERT INTO core_log (date_created, message, level, logger) VALUES ('2020-01-01 00:00:00', 'x', 'INFO', 'y')")
	r.start(t).loaded(t)
	var lines []string
	o := jobs.Order{DryRun: true, Watch: func(e jobs.Event) { lines = append(lines, e.Line) }}
	report, err := r.client().RunJob(t.Context(), "clean-logs", o)
	if err != nil || report.Result != "would delete 1 entry of core_log" || len(lines) != 1 {
		t.Errorf("dry run: %+v, %v, %q", report, err, lines)
	}
	if report, err = r.client().RunJob(t.Context(), "clean-logs", jobs.Order{}); err != nil || report.Result != "deleted 1 entry of core_log" {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err = r.client().RunJob(t.Context(), "x", jobs.Order{}); !errors.Is(err, jobs.ErrUnknown) {
		t.Errorf("an unknown job: %v", err)
	}
	lock, err := r.Daemon.database.write.TryLock(t.Context(), "job-repair")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = r.client().RunJob(t.Context(), "repair", jobs.Order{}); !errors.Is(err, jobs.ErrElsewhere) {
		t.Errorf("a job that is running: %v", err)
	}
	lock.Release()
	got := scrape(t, r.metrics)
	for _, line := range []string{`vmapd_job_runs_total{job="clean-logs",result="ok"} 1`, `vmapd_job_running{job="clean-logs"} 0`, `vmapd_job_runs_total{job="repair",result="ok"} 0`} {
		if !strings.Contains(got, line) {
			t.Errorf("metrics lack %s", line)
		}
	}
}

// TestDrainEndsJobs has a job under way when the daemon is to end.
func TestDrainEndsJobs(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	began := make(chan struct{})
	r.jobs = jobs.New(jobs.Options{Site: r.jobSite, Log: r.Daemon.log.Logger, Jobs: func() []jobs.Job {
		return []jobs.Job{{Name: "long", Run: func(ctx context.Context, _ *jobs.Run) error {
			close(began)
			<-ctx.Done()
			return ctx.Err()
		}}}
	}})
	r.start(t).loaded(t)
	ended := make(chan error, 1)
	go func() {
		_, err := r.client().RunJob(context.Background(), "long", jobs.Order{})
		ended <- err
	}()
	<-began
	r.stop(t)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("the job ended with %v", err)
	}
}

// TestLoginsOfTheSpoolCount: who just logged in is not inactive, whatever the
// database says.
func TestLoginsOfTheSpoolCount(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	r.writes = r.openWrites()
	t.Cleanup(r.writes.close)
	if _, ok := r.jobSite().LastLogin("user@example.com"); ok {
		t.Error("a login that nobody made")
	}
	at := time.Now().Truncate(time.Second)
	wait, err := r.writes.lastLogin("user@example.com", at)
	if err == nil {
		err = wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := r.jobSite().LastLogin("USER@example.com"); !ok || got.Unix() != at.Unix() {
		t.Errorf("%v %v, want %v", got, ok, at)
	}
}

// TestParametersAreKept: what the database said is in effect at a start without
// it, and what the file says wins.
func TestParametersAreKept(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	change(t, r.database(), `UPDATE core_localconfig SET _parameters = '{"core": {"log_maximum_age": 7, "items_per_page": 5}}'`)
	r.start(t)
	eventually(t, "the parameters are read", func() bool { return r.Parameters().Number(parameters.LogMaximumAge) == 7 })
	eventually(t, "they are on disk", func() bool {
		st, err := os.Stat(ParametersPath(r.dir))
		return err == nil && st.Mode().Perm() == 0o600
	})
	r.write(t, basics+"[modoboa]\nparameters = [\"core.log_maximum_age=8\"]\n")
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.Parameters().Number(parameters.LogMaximumAge); n != 8 {
		t.Errorf("after a reload: %d", n)
	}
	r.stop(t)
	if err := os.Rename(r.database(), r.database()+".away"); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(r.config, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := New(cfg, r.config, nil, testLogger(r.log))
	if err != nil {
		t.Fatal(err)
	}
	defer again.database.Close()
	if s := again.Parameters(); s.Number(parameters.LogMaximumAge) != 8 || s.Number(parameters.ItemsPerPage) != 5 {
		t.Errorf("without the database: %v", s.Values())
	}
}

// TestJobsByAPI: the daemon's own listener offers them to who may.
func TestJobsByAPI(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://vmapd/api/v1/jobs/repair/run/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.client().HTTP(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %s", resp.Status)
	}
}
