package modoboa_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func jobRuns(t *testing.T, d *db.DB, want bool) modoboa.JobRuns {
	t.Helper()
	j := modoboa.JobRuns{DB: d}
	if is, err := j.Prepare(t.Context()); err != nil || is != want {
		t.Fatalf("there is a table: %v, %v, want %v", is, err, want)
	}
	return j
}

func TestJobRuns(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		dbtest.Downgrade(t, d, 2)
		j := jobRuns(t, d, true)
		if r, err := j.Last(t.Context(), "x"); err != nil || !r.Finished.IsZero() {
			t.Errorf("before the first run: %+v, %v", r, err)
		}
		for i := range 2 {
			want := modoboa.JobRun{Finished: time.Now().UTC().Truncate(time.Microsecond).Add(time.Duration(i) * time.Hour), Host: "one.test", Result: strings.Repeat("é", 255)}
			long := want
			long.Result += "more\xff"
			if err := j.Done(t.Context(), "x", long); err != nil {
				t.Fatal(err)
			}
			got, err := j.Last(t.Context(), "x")
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		}
		if r, err := j.Last(t.Context(), "y"); err != nil || !r.Finished.IsZero() {
			t.Errorf("another job: %+v, %v", r, err)
		}
	})
}

// TestJobRunsInModoboas: nothing is made there but by install-triggers.
func TestJobRunsInModoboas(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		makeTables(t, d, generations()[0])
		jobRuns(t, d, false)
		install(t, d)
		if err := jobRuns(t, d, true).Done(t.Context(), "x", modoboa.JobRun{Finished: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if _, err := modoboa.RemoveCapture(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		jobRuns(t, d, false)
	})
}

// TestJobTableThatMayNotBeUsed is one that another role made without --grant.
func TestJobTableThatMayNotBeUsed(t *testing.T) {
	srv := dbtest.Postgres(t)
	url := srv.NewDatabase(t)
	d := dbtest.Open(t, url, db.Options{})
	makeTables(t, d, generations()[0])
	install(t, d)
	dbtest.Exec(t, d, "create role jobless login", "grant select on vmapd_job to jobless")
	t.Cleanup(func() {
		dbtest.Exec(t, d, "revoke all on vmapd_job from jobless", "drop role jobless")
	})
	other := dbtest.Open(t, strings.Replace(url, "postgres@", "jobless@", 1), db.Options{})
	jobRuns(t, other, false)
	dbtest.Exec(t, d, "grant insert, delete on vmapd_job to jobless")
	jobRuns(t, other, true)
}
