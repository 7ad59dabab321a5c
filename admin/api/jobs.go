package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/jobs"
)

// Jobs are what is done again and again, for super administrators.
type Jobs struct {
	// List lists the jobs; the error is about when they last ran.
	List func(ctx context.Context) ([]jobs.Status, error)
	// Begin begins one, which goes on when ctx ends.
	Begin func(ctx context.Context, name string, o jobs.Order) (<-chan jobs.Outcome, error)
}

// jobTime is how long a request waits for the end of a job.
const jobTime = 30 * time.Second

func listJobs(c *call) (*answer, error) {
	if c.o.Jobs == nil {
		return nil, errAbsent
	}
	all, err := c.o.Jobs.List(c.ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return ok(all), nil
}

func getJob(c *call) (*answer, error) {
	job, err := c.job()
	if err != nil {
		return nil, err
	}
	return ok(job), nil
}

// job finds the job of the path.
func (c *call) job() (*jobs.Status, error) {
	if c.o.Jobs == nil {
		return nil, errAbsent
	}
	all, err := c.o.Jobs.List(c.ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	for i := range all {
		if all[i].Name == c.path("name") {
			return &all[i], nil
		}
	}
	return nil, refuse(http.StatusNotFound, "There is no such job.")
}

// runJob runs a job. One that takes long goes on after the answer.
func runJob(c *call) (*answer, error) {
	o := c.params("dry_run", "with")
	order := jobs.Order{DryRun: o.flag("dry_run").Value}
	if with := o.text("with").Value; with != "" {
		order.Choices = strings.Split(with, ",")
	}
	if err := o.err(); err != nil {
		return nil, err
	}
	job, err := c.job()
	if err != nil {
		return nil, err
	}
	if c.o.Jobs.Begin == nil {
		return nil, errAbsent
	}
	done, err := c.o.Jobs.Begin(c.ctx, job.Name, order)
	if err != nil {
		if errors.Is(err, jobs.ErrUnknown) {
			return nil, badField("with", "%v.", err)
		}
		return nil, unavailable(err)
	}
	select {
	case end := <-done:
		return jobEnd(end)
	case <-time.After(jobTime):
	case <-c.ctx.Done():
	}
	return c.jobUnderWay()
}

// jobUnderWay is the answer about a job that takes long.
func (c *call) jobUnderWay() (*answer, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), 2*time.Second)
	defer cancel()
	c.ctx = ctx
	job, err := c.job()
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusAccepted, body: job}, nil
}

func jobEnd(end jobs.Outcome) (*answer, error) {
	switch {
	case errors.Is(end.Err, jobs.ErrElsewhere):
		return nil, refuse(http.StatusConflict, "The job is running already, on this or another node.")
	case end.Report == nil:
		return nil, unavailable(end.Err)
	}
	report := *end.Report
	if end.Err != nil {
		report.Error = end.Err.Error()
	}
	return ok(&report), nil
}
