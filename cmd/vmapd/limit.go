package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) limitCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "limit", Short: "What accounts and domains may send, and have sent", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return &exit{exitUsage, errors.New("limit wants list, release, reset or suspend")}
		},
	}
	cmd.AddCommand(a.limitListCommand(), a.limitSuspendCommand(),
		a.limitChangeCommand("release", "Let accounts or domains send again that are suspended"),
		a.limitChangeCommand("reset", "Forget what accounts or domains have sent, in all windows"))
	return cmd
}

func (a *app) limitListCommand() *cobra.Command {
	var suspended bool
	cmd := &cobra.Command{
		Use:   "list [NAME...]",
		Short: "List what was counted against limits",
		Long: "Lists accounts and domains of which something was counted against a limit, and those that are suspended, or how the named ones stand. " +
			"The running daemon is asked: it counts. Exit status 1: nothing is known by one of the names.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAdmin(cmd, func(s *admin) error {
				var all []any
				if len(args) == 0 {
					q := url.Values{}
					if suspended {
						q.Set("suspended", "true")
					}
					list, err := s.list("limits", q, 0)
					if err != nil {
						return err
					}
					all = list
				}
				for _, name := range args {
					v, err := s.ask(http.MethodGet, "limits/"+url.PathEscape(name)+"/", nil, nil)
					if err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
					all = append(all, v)
				}
				return s.printLimits(all)
			})
		},
	}
	cmd.Flags().BoolVar(&suspended, "suspended", false, "only those that are suspended")
	return cmd
}

// limitChangeCommand is a command that wants names and no more.
func (a *app) limitChangeCommand(verb, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME...", Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.changeLimits(cmd, verb, args, nil) },
	}
}

func (a *app) limitSuspendCommand() *cobra.Command {
	var span time.Duration
	var why string
	cmd := &cobra.Command{
		Use: "suspend NAME...", Short: "Forbid accounts or domains to send", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]string{"why": why}
			if span != 0 {
				body["for"] = span.String()
			}
			return a.changeLimits(cmd, "suspend", args, body)
		},
	}
	cmd.Flags().DurationVar(&span, "for", 0, "for how long (default: until it is released)")
	cmd.Flags().StringVar(&why, "why", "", "the reason, for those who look")
	return cmd
}

// changeLimits does something to each of some accounts or domains.
func (a *app) changeLimits(cmd *cobra.Command, verb string, names []string, body any) error {
	return a.withAdmin(cmd, func(s *admin) error {
		var all []any
		for _, name := range names {
			v, err := s.ask(http.MethodPost, "limits/"+url.PathEscape(name)+"/"+verb+"/", nil, body)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, v)
		}
		return s.printLimits(all)
	})
}

// printLimits prints a line for each limit.
func (s *admin) printLimits(all []any) error {
	if s.json {
		return s.printJSON(append([]any{}, all...))
	}
	t := tabwriter.NewWriter(s.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tUSED\tLIMIT\tFREE AGAIN\tSUSPENDED")
	for _, o := range all {
		name, suspended := shown(getPath(o, "name")), suspension(o)
		limits, _ := getPath(o, "limits").([]any)
		if len(limits) == 0 {
			fmt.Fprintf(t, "%s\t-\tnone\t-\t%s\n", name, suspended)
		}
		for _, l := range limits {
			limit := fmt.Sprintf("%s %s/%s", shown(getPath(l, "max")), shown(getPath(l, "unit")), shown(getPath(l, "window")))
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", name, shown(getPath(l, "used")), limit, shown(getPath(l, "free")), suspended)
		}
	}
	return t.Flush()
}

// suspension says in a few words why somebody may not send, and until when.
func suspension(o any) string {
	if getPath(o, "suspended.since") == nil {
		return "-"
	}
	text := "until released"
	if until, ok := getPath(o, "suspended.until").(string); ok {
		text = "until " + until
	}
	return strings.TrimSuffix(text+": "+shown(getPath(o, "suspended.why")), ": ")
}
