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

// accountResource finds accounts by their logins.
var accountResource = &resource{use: "account", path: "accounts", key: "username", byName: true}

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", Short: "API tokens", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return &exit{exitUsage, errors.New("token wants create, list or revoke")}
		},
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "create USER", Short: "Make a token, which takes the place of an older one", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withAdmin(cmd, func(s *admin) error {
					v, err := s.ask(http.MethodPost, "tokens/", nil, map[string]string{"user": args[0]})
					if err != nil {
						return err
					}
					if s.json {
						return s.printJSON(v)
					}
					fmt.Fprintf(s.out, "%s\n", shown(getPath(v, "token")))
					fmt.Fprintln(s.err, "vmapd: the token is shown only now: keep it")
					return nil
				})
			},
		},
		&cobra.Command{
			Use: "list", Short: "List who has a token", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return a.withAdmin(cmd, func(s *admin) error {
					all, err := s.list("tokens", url.Values{}, 0)
					if err != nil {
						return err
					}
					return s.printList([]column{{"USER", "username"}, {"CREATED", "created"}}, all)
				})
			},
		},
		&cobra.Command{
			Use: "revoke USER", Short: "Revoke a token", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withAdmin(cmd, func(s *admin) error {
					pk, err := s.pk(accountResource, args[0])
					if err == nil {
						_, err = s.ask(http.MethodDelete, "tokens/"+pk+"/", nil, nil)
					}
					return err
				})
			},
		},
	)
	return cmd
}

func (a *app) limitsCommand() *cobra.Command {
	var domain bool
	cmd := &cobra.Command{
		Use:   "limits USER [NAME=VALUE...]",
		Short: "Show or set how many objects an account may own",
		Long: "Shows or sets how many objects an account may own: domains, domain_aliases, mailboxes, mailbox_aliases and domain_admins, of which -1 is unlimited, and quota in MB, of which 0 is unlimited. " +
			"With --domain it is about what a domain may have.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := limitsBody(args[1:])
			if err != nil {
				return err
			}
			return a.withAdmin(cmd, func(s *admin) error { return s.limits(args[0], domain, body) })
		},
	}
	cmd.Flags().BoolVar(&domain, "domain", false, "it is the name of a domain")
	return cmd
}

func limitsBody(args []string) (map[string]int64, error) {
	body := map[string]int64{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		if !ok || err != nil {
			return nil, &exit{exitUsage, fmt.Errorf("%q is not NAME=NUMBER", arg)}
		}
		body[name] = n
	}
	return body, nil
}

func (s *admin) limits(name string, domain bool, body map[string]int64) error {
	of, path, method := accountResource, "resources/%s/", http.MethodPatch
	if domain {
		of, path, method = &resources[0], "domains/%s/limits/", http.MethodPut
	}
	pk, err := s.pk(of, name)
	if err != nil {
		return err
	}
	var v any
	q := url.Values{"used": {"true"}}
	if path = fmt.Sprintf(path, pk); len(body) == 0 {
		v, err = s.ask(http.MethodGet, path, q, nil)
	} else {
		v, err = s.ask(method, path, q, body)
	}
	if err != nil {
		return err
	}
	all, _ := v.([]any)
	return s.printList([]column{{"LIMIT", "name"}, {"MAX", "max_value"}, {"USED", "current_value"}}, all)
}

func (a *app) logCommand() *cobra.Command {
	var search string
	var limit int
	cmd := &cobra.Command{
		Use: "log", Short: "Show what administrators did, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAdmin(cmd, func(s *admin) error {
				q := url.Values{}
				if search != "" {
					q.Set("search", search)
				}
				all, err := s.list("log", q, limit)
				if err != nil {
					return err
				}
				return s.printList([]column{{"TIME", "date_created"}, {"LEVEL", "level"}, {"MESSAGE", "message"}}, all)
			})
		},
	}
	cmd.Flags().StringVar(&search, "search", "", "only lines with this in them")
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many (0 = all)")
	return cmd
}
