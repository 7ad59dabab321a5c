package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) alarmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "alarm", Short: "What administrators should know of", Args: cobra.NoArgs,
		Long: "Lists and closes alarms: mailboxes that are nearly full, keys that are not in DNS, a database that is down. " +
			"The running daemon is asked; without one the database is, which does not have all of them.",
		RunE: func(*cobra.Command, []string) error {
			return &exit{exitUsage, errors.New("alarm wants list or close")}
		},
	}
	cmd.AddCommand(a.alarmListCommand(), a.alarmCloseCommand())
	return cmd
}

func (a *app) alarmListCommand() *cobra.Command {
	var all bool
	var search, domain, kind string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List the open ones, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			if !all {
				q.Set("status", "open")
			}
			for name, v := range map[string]string{"search": search, "domain": domain, "kind": kind} {
				if v != "" {
					q.Set(name, v)
				}
			}
			return a.withAdmin(cmd, func(s *admin) error {
				list, err := s.list("alarms", q, limit)
				if err != nil {
					return err
				}
				if !s.json {
					for _, o := range list {
						describeAlarm(o)
					}
				}
				return s.printList([]column{{"ID", "ref"}, {"STATE", "state"}, {"SINCE", "created"}, {"KIND", "internal_name"}, {"ABOUT", "about"}, {"TITLE", "title"}, {"MORE", "detail"}}, list)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "closed ones too")
	cmd.Flags().StringVar(&search, "search", "", "only those with this in their titles")
	cmd.Flags().StringVar(&domain, "domain", "", "only those of this domain")
	cmd.Flags().StringVar(&kind, "kind", "", "only those of this kind, such as mailbox_full")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many (0 = all)")
	return cmd
}

// describeAlarm adds to an alarm what the list shows of it. Those that the
// database does not have are called h1, h2 ..., since -1 would be a flag.
func describeAlarm(v any) {
	o, ok := v.(map[string]any)
	if !ok {
		return
	}
	id, _ := o["id"].(float64)
	o["ref"] = fmt.Sprintf("%.0f", id)
	if id < 0 {
		o["ref"] = fmt.Sprintf("h%.0f", -id)
	}
	o["state"] = "closed"
	if o["status"] == 1.0 {
		o["state"] = "open"
	}
	o["about"] = getPath(o, "mailbox.address")
	if o["about"] == nil {
		o["about"] = getPath(o, "domain.name")
	}
}

// alarmID reads what describeAlarm calls an alarm.
func alarmID(ref string) (int64, error) {
	text, here := strings.CutPrefix(ref, "h")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, &exit{exitUsage, fmt.Errorf("%q is no ID of \"vmapd alarm list\"", ref)}
	}
	if here {
		id = -id
	}
	return id, nil
}

func (a *app) alarmCloseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "close ID...", Short: "Close alarms", Args: cobra.MinimumNArgs(1),
		Long: "Closes alarms by the IDs of \"vmapd alarm list\". One that is closed by hand is not opened again before all was well in between.",
		RunE: func(cmd *cobra.Command, args []string) error {
			var ids []int64
			for _, arg := range args {
				id, err := alarmID(arg)
				if err != nil {
					return err
				}
				ids = append(ids, id)
			}
			return a.withAdmin(cmd, func(s *admin) error {
				for _, id := range ids {
					if _, err := s.ask(http.MethodPost, fmt.Sprintf("alarms/%d/close/", id), nil, nil); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}
