package main

import (
	"context"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/daemon"
)

// outsideProblems looks at the settings of passwords that are kept elsewhere.
func outsideProblems(ctx context.Context, c *daemon.Config) (list []doctor.OutsideProblem) {
	if len(c.Outside.Backends) == 0 {
		return nil
	}
	set, err := currentParameters(ctx, c)
	if set == nil {
		return []doctor.OutsideProblem{{Setting: "core.authentication_type", Text: "Modoboa's parameters cannot be read: " + err.Error(), Remedy: "see database-down"}}
	}
	s := c.OutsideSettings(set)
	if s.LDAP == nil && s.SMTP == nil {
		return []doctor.OutsideProblem{{
			Setting: "core.authentication_type",
			Text:    "outside.backends names ldap, but Modoboa's parameter says that accounts are local: LDAP is not asked",
			Remedy:  "set it to ldap in Modoboa, or in the section [modoboa] of vmapd.toml; or take ldap out of outside.backends",
		}}
	}
	for _, p := range s.Problems() {
		list = append(list, doctor.OutsideProblem{Fatal: p.Fatal, Setting: p.Setting, Text: p.Text, Remedy: p.Remedy})
	}
	return list
}
