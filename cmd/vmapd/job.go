package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/admin/api"
	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store/db"
)

func (a *app) jobCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "job", Short: "What is done again and again", Args: cobra.NoArgs,
		Long: "Lists jobs and runs them by order. The daemon runs them by the clock as the section [jobs] of the configuration says; of several nodes on one database one runs a job at a time.",
		RunE: func(*cobra.Command, []string) error {
			return &exit{exitUsage, errors.New("job wants list or run")}
		},
	}
	cmd.AddCommand(a.jobListCommand(), a.jobRunCommand())
	return cmd
}

func (a *app) jobListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the jobs and when they last ran", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAdmin(cmd, func(s *admin) error {
				v, err := s.ask(http.MethodGet, "jobs/", nil, nil)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(v)
				}
				all, _ := v.([]any)
				return a.printJobs(all)
			})
		},
	}
}

func (a *app) printJobs(all []any) error {
	t := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "JOB\tEVERY\tLAST RUN\tRESULT")
	for _, job := range all {
		every := "by order"
		if n, _ := getPath(job, "every_seconds").(float64); n > 0 {
			every = daemon.Duration(time.Duration(n * float64(time.Second))).String()
			if off, _ := getPath(job, "off").(string); off != "" {
				every = "off: " + off
			}
		}
		last, result := "never", shown(getPath(job, "last.result"))
		if at, ok := getPath(job, "last.finished").(string); ok {
			last = at
			if t, err := time.Parse(time.RFC3339, at); err == nil {
				last = t.Local().Format(time.DateTime)
			}
			last += " on " + shown(getPath(job, "last.host"))
		}
		if failed, _ := getPath(job, "error").(string); failed != "" {
			result = "failed: " + failed
		}
		if running, _ := getPath(job, "running").(bool); running {
			result = "is running"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", shown(getPath(job, "name")), every, last, result)
	}
	return t.Flush()
}

func (a *app) jobRunCommand() *cobra.Command {
	var o jobs.Order
	var del, keep, all bool
	cmd := &cobra.Command{
		Use:   "run NAME",
		Short: "Run a job now",
		Long: "Runs a job, whenever it last ran, and prints what it does: in the running daemon, or without one in this process. An interrupt ends the job; what was done stays done. " +
			"Exit status 1: the job did not run through. 75: it is running already, on this or another node, or the database is away.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for name, wanted := range map[string]bool{jobs.Delete: del, jobs.KeepDir: keep, daemon.DNSAll: all} {
				if wanted {
					o.Choices = append(o.Choices, name)
				}
			}
			return a.runJob(cmd.Context(), args[0], o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.DryRun, "dry-run", false, "say what would be done, and change nothing")
	f.BoolVar(&del, jobs.Delete, false, "clean-inactive-accounts: delete accounts instead of disabling them")
	f.BoolVar(&keep, jobs.KeepDir, false, "clean-inactive-accounts: leave the mail of deleted accounts where it is")
	f.BoolVar(&all, daemon.DNSAll, false, "dns-checks: check all domains, those too that are not due")
	return cmd
}

func (a *app) runJob(ctx context.Context, name string, o jobs.Order) error {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := a.load()
	if err != nil {
		return err
	}
	var bar *bar
	if !a.json {
		bar = a.newBar()
		o.Watch = bar.watch
	}
	report, err := a.jobElsewhere(ctx, c, name, o)
	if errors.Is(err, daemon.ErrNotRunning) {
		report, err = a.jobHere(ctx, c, name, o)
	}
	if bar != nil {
		bar.clear()
	}
	if report != nil && a.json {
		if err := a.printJSON(report); err != nil {
			return err
		}
	}
	return a.jobEnded(report, err)
}

// jobElsewhere has the daemon run a job.
func (a *app) jobElsewhere(ctx context.Context, c *daemon.Config, name string, o jobs.Order) (*jobs.Report, error) {
	return a.control(c).RunJob(ctx, name, o)
}

// jobHere runs it in this process.
func (a *app) jobHere(ctx context.Context, c *daemon.Config, name string, o jobs.Order) (*jobs.Report, error) {
	d, err := a.open(ctx, c, false)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	s, err := c.LocalJobs(ctx, d)
	if err != nil {
		return nil, err
	}
	return s.Now(ctx, name, o)
}

// jobEnded prints the result and gives the exit code.
func (a *app) jobEnded(report *jobs.Report, err error) error {
	var e *exit
	var away interface{ Away() bool }
	switch {
	case err == nil:
		if !a.json {
			fmt.Fprintln(a.out, report.Result)
		}
		return nil
	case errors.As(err, &e):
		return err
	case errors.Is(err, jobs.ErrUnknown):
		return &exit{exitUsage, err}
	case errors.Is(err, jobs.ErrElsewhere), errors.As(err, &away) && away.Away():
		return &exit{exitTryAgain, err}
	}
	return &exit{exitNo, err}
}

// localJobs lists jobs where no daemon runs.
func localJobs(c *daemon.Config, d *db.DB) *api.Jobs {
	return &api.Jobs{List: func(ctx context.Context) ([]jobs.Status, error) {
		s, err := c.LocalJobs(ctx, d)
		if err != nil {
			return nil, err
		}
		return s.List(ctx)
	}}
}
