package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/admin/mailops"
	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store/db"
)

func (a *app) mailboxOperationsCommand() *cobra.Command {
	var dry, tidy bool
	cmd := &cobra.Command{
		Use:   "mailbox-operations [--dry-run] [--tidy]",
		Short: "Rename and remove folders of mailboxes as Modoboa has ordered it",
		Long: "Carries out the rows of admin_mailboxoperation below mailboxes.root, in order, and deletes each when it is done and on disk. It works with the daemon down, and beside one. " +
			"With mailboxes.mode files it must be run by the owner of the mail, for example by a timer each minute; that user must be able to read the configuration and the file with the database's password. " +
			"What cannot be carried out is kept and said, with a remedy.\n\n" +
			"Exit status 0: all is done; 1: some is not; 2: this user is not the owner of the mail, or nothing is configured; 75: the database is away, or another vmapd is at it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, d, err := a.configured(cmd.Context(), dry)
			if err != nil {
				return err
			}
			defer func() { _ = d.Close() }()
			o, ok := c.MailboxOptions(d)
			if !ok {
				return &exit{exitUsage, errors.New("mailboxes.root is empty: set it to the folder of all mail, below which folders of mailboxes may be renamed and removed")}
			}
			results := []mailops.Result{}
			o.Report = func(r mailops.Result) {
				if results = append(results, r); !a.json {
					a.printOperation(r)
				}
			}
			if tidy {
				o.Tidy = 1
			}
			s, err := runOperations(cmd.Context(), d, o, dry)
			if err != nil {
				var owner *mailops.OwnerError
				if errors.As(err, &owner) {
					return &exit{exitUsage, err}
				}
				return &exit{exitTryAgain, err}
			}
			return a.endOperations(s, results)
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be done, and change nothing")
	cmd.Flags().BoolVar(&tidy, "tidy", false, "look through all folders too for what operations have left behind whose rows are gone, as the daemon does each hour")
	return cmd
}

// runOperations takes the lock of the daemon's job first.
func runOperations(ctx context.Context, d *db.DB, o mailops.Options, dry bool) (mailops.Summary, error) {
	r := mailops.NewRunner(o)
	if f, ok := o.Carrier.(*mailops.Files); ok { // said even if there is nothing to do
		if err := f.Check(); err != nil {
			return mailops.Summary{}, err
		}
	}
	if dry {
		return r.Run(ctx, true)
	}
	lock, err := d.TryLock(ctx, jobs.LockName(daemon.MailboxJob))
	if err != nil {
		return mailops.Summary{}, err
	}
	defer lock.Release()
	ctx, cancel := lock.Context(ctx)
	defer cancel()
	return r.Run(ctx, false)
}

// endOperations prints what came of it all.
func (a *app) endOperations(s mailops.Summary, results []mailops.Result) error {
	if a.json {
		if err := a.printJSON(results); err != nil {
			return err
		}
	} else if s == (mailops.Summary{}) && len(results) == 0 {
		fmt.Fprintln(a.out, "there are no operations")
	}
	if s.Refused+s.Waiting > 0 {
		return &exit{code: exitNo}
	}
	return nil
}

func (a *app) printOperation(r mailops.Result) {
	what := fmt.Sprintf("%s %q", r.Kind, r.Path)
	if r.To != "" {
		what += fmt.Sprintf(" to %q", r.To)
	}
	fmt.Fprintf(a.out, "%d  %s: %s\n", r.ID, what, r.Text)
	if r.Remedy != "" {
		fmt.Fprintf(a.out, "   remedy: %s\n", r.Remedy)
	}
}
