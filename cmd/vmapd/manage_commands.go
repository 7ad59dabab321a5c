package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/store"
)

// resourceCommands are "vmapd domain list" and so on.
func (a *app) resourceCommands() (all []*cobra.Command) {
	for i := range resources {
		r := &resources[i]
		cmd := &cobra.Command{
			Use: r.use, Short: r.short, Args: cobra.NoArgs,
			Long: r.short + ": listed, shown, made, changed and removed by the rules of Modoboa. The running daemon is asked and serves a change at once; without one the database is changed directly.",
			RunE: func(*cobra.Command, []string) error {
				return &exit{exitUsage, fmt.Errorf("%s wants list, show, add, set or rm", r.use)}
			},
		}
		cmd.AddCommand(a.listCommand(r), a.showCommand(r), a.addCommand(r), a.setCommand(r), a.removeCommand(r))
		all = append(all, cmd)
	}
	return all
}

func (a *app) listCommand(r *resource) *cobra.Command {
	var search, order string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := queryOf(cmd, r.filters)
			if err != nil {
				return err
			}
			if search != "" {
				q.Set("search", search)
			}
			if order != "" {
				q.Set("ordering", order)
			}
			return a.withAdmin(cmd, func(s *admin) error {
				all, err := s.list(r.path, q, limit)
				if err != nil {
					return err
				}
				return s.printList(r.columns, all)
			})
		},
	}
	cmd.Flags().StringVar(&search, "search", "", "only those with this in their name or address")
	cmd.Flags().StringVar(&order, "order", "", "field to sort by, with - before it the other way round")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many (0 = all)")
	addFlags(cmd, r.filters)
	return cmd
}

// list reads a list page by page; limit 0 is all of it.
func (s *admin) list(path string, q url.Values, limit int) (all []any, err error) {
	const most = 1000 // on a page
	q = maps.Clone(q)
	size := most
	if limit > 0 {
		size = min(limit, most)
	}
	q.Set("page_size", fmt.Sprint(size))
	for page := 1; ; page++ {
		q.Set("page", fmt.Sprint(page))
		v, err := s.ask(http.MethodGet, path+"/", q, nil)
		if err != nil {
			return nil, err
		}
		results, _ := getPath(v, "results").([]any)
		all = append(all, results...)
		if getPath(v, "next") == nil || limit > 0 && len(all) >= limit {
			if limit > 0 && len(all) > limit {
				all = all[:limit]
			}
			return all, nil
		}
	}
}

func (a *app) showCommand(r *resource) *cobra.Command {
	return &cobra.Command{
		Use: "show " + r.word, Short: "Show one", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAdmin(cmd, func(s *admin) error {
				o, err := s.find(r, args[0])
				if err != nil {
					return err
				}
				return s.printObject(o)
			})
		},
	}
}

// find finds an object by its name.
func (s *admin) find(r *resource, name string) (any, error) {
	if r.byName {
		return s.ask(http.MethodGet, r.path+"/by-name/"+url.PathEscape(name), nil, nil)
	}
	all, err := s.list(r.path, url.Values{"search": {name}}, 0)
	if err != nil {
		return nil, err
	}
	var found []any
	for _, o := range all {
		if key, _ := getPath(o, r.key).(string); store.Fold(key) == store.Fold(name) {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%s: there is no such %s", name, r.use)
	case 1:
		return found[0], nil
	}
	return nil, &exit{exitUsage, fmt.Errorf("%s: there are several, of different mailboxes: give the number (see list --json)", name)}
}

// pk finds the number of an object, which may be given instead of its name.
func (s *admin) pk(r *resource, name string) (string, error) {
	if !r.byName && name != "" && strings.Trim(name, "0123456789") == "" {
		return name, nil
	}
	o, err := s.find(r, name)
	if err != nil {
		return "", err
	}
	return shown(getPath(o, "pk")), nil
}

func (a *app) addCommand(r *resource) *cobra.Command {
	var p passwordFlags
	cmd := &cobra.Command{
		Use: "add " + r.word, Short: "Make one", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := bodyOf(cmd, r.fields)
			if err != nil {
				return err
			}
			body[r.key] = args[0]
			if r.path == "accounts" {
				if err := a.newAccount(body, &p); err != nil {
					return err
				}
			}
			return a.withAdmin(cmd, func(s *admin) error {
				o, err := s.ask(http.MethodPost, r.path+"/", nil, body)
				if err != nil {
					return byFlag(r.fields, err)
				}
				return s.printMade(r, o)
			})
		},
	}
	addFlags(cmd, r.fields)
	if r.path == "accounts" {
		cmd.Long = "Makes an account. Its password is asked for, or read as the first line of standard input; with --random one is made and printed once."
		p.add(cmd, false)
	}
	return cmd
}

// printMade says what was made, and a password that nobody knows yet.
func (s *admin) printMade(r *resource, o any) error {
	if s.json {
		return s.printJSON(o)
	}
	fmt.Fprintf(s.out, "%s %s\n", r.use, shown(getPath(o, r.key)))
	if password, ok := getPath(o, "password").(string); ok {
		fmt.Fprintf(s.out, "password %s\nIt is shown only now: keep it.\n", password)
	}
	return nil
}
