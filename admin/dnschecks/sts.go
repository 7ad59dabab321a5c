package dnschecks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/admin/dnschecks/record"
)

// sts checks MTA-STS: the record, the policy file, and whether it covers the MX
// hosts. It is no duty: without a record there is nothing to check.
func (r *run) sts(ctx context.Context, res *Result) {
	res.Name = "_mta-sts." + r.domain
	a, err := r.ask(ctx, res.Name, "TXT")
	if err != nil {
		res.unknown(err)
		return
	}
	res.TTL = seconds(a.TTL)
	found := pick(a, record.IsSTS)
	res.Value = strings.Join(found, "\n")
	switch {
	case len(found) == 0:
		res.State = Off
		res.add(Off, "missing", "", "the domain does not use MTA-STS")
		return
	case len(found) > 1:
		res.add(Warning, "multiple", "leave one record and remove the others", fmt.Sprintf("there are %d records: senders take none of them", len(found)))
		return
	}
	if _, err := record.ParseSTS(found[0]); err != nil {
		res.add(Warning, "syntax", "correct the record: senders take none of it", err.Error())
		return
	}
	r.policy(ctx, res)
}

// policy fetches and judges the policy file.
func (r *run) policy(ctx context.Context, res *Result) {
	text, err := r.fetchPolicy(ctx)
	var wrong *policyError
	switch {
	case errors.As(err, &wrong):
		res.add(Warning, "policy_missing", wrong.remedy, wrong.Error())
		return
	case err != nil:
		res.add(Unknown, "no_answer", "see whether https://mta-sts."+r.domain+" can be reached", err.Error())
		return
	}
	p, err := record.ParsePolicy(text)
	if err != nil {
		res.add(Warning, "policy_syntax", "correct "+r.policyURL(), "the policy cannot be used: "+err.Error())
		return
	}
	res.Value += fmt.Sprintf("\nmode: %s, max_age: %d, mx: %s", p.Mode, p.MaxAge, strings.Join(p.MX, " "))
	if p.Mode == "none" {
		res.add(OK, "mode_none", "", "the policy has the mode none: senders do not care for it")
		return
	}
	r.covers(res, p)
}

// covers checks that senders who hold to the policy find an MX host.
func (r *run) covers(res *Result, p *record.Policy) {
	state, effect := Critical, "senders who hold to it do not deliver there"
	if p.Mode == "testing" {
		state, effect = Warning, "in the mode enforce senders would not deliver there"
	}
	var told []string
	for _, h := range r.hosts {
		if !p.Covers(h.Name) && !slices.Contains(told, h.Name) {
			told = append(told, h.Name)
			res.add(state, "mx_not_covered", "add the line mx: "+h.Name+" to "+r.policyURL()+" and change id= in the record", "the policy does not cover the MX host "+h.Name+": "+effect)
		}
	}
}
