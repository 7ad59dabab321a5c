package modoboa

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// jobTable says when jobs ran. It is ours, in Modoboa's databases too, and need
// not be there.
const jobTable = "vmapd_job"

// JobRun is the last complete run of a job.
type JobRun struct {
	Finished time.Time // zero: never
	Host     string
	Result   string // one line
}

// JobRuns keeps when jobs last ran through, for all nodes of a database.
type JobRuns struct{ DB *db.DB }

// Prepare reports whether the table is there and may be used. In a database of
// our own that an older vmapd made it is made; one of Modoboa's is left as it is
// (InstallCapture makes it there).
func (j JobRuns) Prepare(ctx context.Context) (bool, error) {
	all, err := j.DB.Tables(ctx, j.DB)
	switch {
	case err != nil:
		return false, err
	case slices.Contains(all, jobTable):
		return j.mayUse(ctx)
	case !slices.Contains(all, "vmapd_schema"):
		return false, nil
	}
	err = changeCapture(ctx, j.DB, "make the table of jobs", func(q querier) error { return makeJobTable(ctx, j.DB, q) })
	if j.DB.FailureOf(err) == db.NotAllowed {
		return false, nil
	}
	return err == nil, err
}

// mayUse asks PostgreSQL for rights on a table that it shows to everyone.
func (j JobRuns) mayUse(ctx context.Context) (ok bool, err error) {
	if j.DB.Dialect != db.PostgreSQL {
		return true, nil
	}
	err = scanOne(ctx, j.DB, "select coalesce(bool_and(has_table_privilege(to_regclass('"+jobTable+"'), p)), false) from unnest(array['select', 'insert', 'delete']) p", &ok)
	return ok, err
}

// Last returns the last run of a job.
func (j JobRuns) Last(ctx context.Context, name string) (JobRun, error) {
	var r JobRun
	var at string
	q := "SELECT " + j.DB.Text("finished") + ", host, result FROM " + jobTable + " WHERE name = ?"
	err := rows.Each(ctx, j.DB, j.DB, q, []any{name}, func(row *sql.Rows) error { return row.Scan(&at, &r.Host, &r.Result) })
	if err == nil && at != "" {
		r.Finished, err = rows.ParseTime(at)
	}
	if err != nil {
		return JobRun{}, fmt.Errorf("read %s: %w", jobTable, err)
	}
	return r, nil
}

// Done notes a run. Only who holds the job's lock may call it.
func (j JobRuns) Done(ctx context.Context, name string, r JobRun) error {
	err := j.DB.Transact(ctx, func(c *sql.Conn) error {
		if _, err := c.ExecContext(ctx, j.DB.Rebind("DELETE FROM "+jobTable+" WHERE name = ?"), name); err != nil {
			return err
		}
		_, err := c.ExecContext(ctx, j.DB.Rebind("INSERT INTO "+jobTable+" (name, finished, host, result) VALUES (?, ?, ?, ?)"),
			name, j.DB.Time(r.Finished), shorten(r.Host), shorten(r.Result))
		return err
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", jobTable, j.DB.Explain(err))
	}
	return nil
}

// shorten cuts a text to what a column of 255 characters holds.
func shorten(s string) string {
	r := []rune(strings.ToValidUTF8(s, "?"))
	return string(r[:min(len(r), 255)])
}

// makeJobTable makes the table where it is missing.
func makeJobTable(ctx context.Context, d *db.DB, q querier) error {
	return makeOwnTable(ctx, d, q, jobTable, "0003_jobs.sql")
}

// dropJobTable removes the table from a database that Modoboa made.
func dropJobTable(ctx context.Context, d *db.DB, q querier) error {
	all, err := d.Tables(ctx, q)
	if err != nil || !slices.Contains(all, jobTable) || slices.Contains(all, "vmapd_schema") {
		return err
	}
	schema, err := captureSchema(ctx, d, q)
	if err != nil {
		return err
	}
	return execAll(ctx, q, []string{"drop table " + schema + jobTable})
}
