package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (a *app) setCommand(r *resource) *cobra.Command {
	var p passwordFlags
	cmd := &cobra.Command{
		Use: "set " + r.word, Short: "Change one: what is not named stays", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := bodyOf(cmd, r.fields)
			if err != nil {
				return err
			}
			if name, err := cmd.Flags().GetString("rename"); err == nil && name != "" {
				body[r.key] = name
			}
			if r.path == "accounts" {
				if err := a.setPassword(body, &p); err != nil {
					return err
				}
			}
			if len(body) == 0 {
				return &exit{exitUsage, errors.New("set wants to know what: see --help")}
			}
			return a.withAdmin(cmd, func(s *admin) error { return byFlag(r.fields, s.set(r, args[0], body)) })
		},
	}
	addFlags(cmd, r.fields)
	cmd.Flags().String("rename", "", "another name or address")
	if r.path == "accounts" {
		p.add(cmd, true)
	}
	return cmd
}

func (s *admin) set(r *resource, name string, body map[string]any) error {
	is, err := s.find(r, name)
	if err != nil {
		return err
	}
	// A transport is changed as a whole.
	if to, ok := getPath(body, "transport._settings").(map[string]any); ok {
		if settings, ok := getPath(is, "transport._settings").(map[string]any); ok {
			settings = maps.Clone(settings)
			maps.Copy(settings, to)
			setPath(body, "transport._settings", settings)
		}
	}
	o, err := s.ask(http.MethodPatch, r.path+"/"+shown(getPath(is, "pk"))+"/", nil, body)
	if err != nil {
		return err
	}
	return s.printMade(r, o)
}

func (a *app) removeCommand(r *resource) *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use: "rm " + r.word + "...", Short: "Remove them, with what belongs to them", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAdmin(cmd, func(s *admin) error {
				for _, name := range args {
					pk, err := s.pk(r, name)
					if err == nil {
						q := url.Values{}
						if keep {
							q.Set("keepdir", "true")
						}
						_, err = s.ask(http.MethodDelete, r.path+"/"+pk+"/", q, nil)
					}
					if err != nil {
						return err
					}
					if !s.json {
						fmt.Fprintf(s.out, "removed %s %s\n", r.use, printable(name))
					}
				}
				return nil
			})
		},
	}
	if r.keepFiles {
		cmd.Flags().BoolVar(&keep, "keep-files", false, "leave the mail on the disk, if Modoboa moves files at all")
	}
	return cmd
}
