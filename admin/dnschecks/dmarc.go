package dnschecks

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/vmapd/vmapd/admin/dnschecks/record"
)

// organization returns the organizational domain (RFC 7489 3.2): one label
// below the public suffix.
func organization(domain string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain
	}
	return org
}

// dmarc checks the DMARC record, which may be that of the organizational domain,
// and whether those who shall get reports want them.
func (r *run) dmarc(ctx context.Context, res *Result) {
	bad := Warning
	if r.s.DMARCCritical {
		bad = Critical
	}
	found, at, ok := r.findDMARC(ctx, res)
	if !ok {
		return
	}
	res.Value = strings.Join(found, "\n")
	switch {
	case len(found) == 0:
		res.add(bad, "missing", "publish the record; begin with p=none, and read the reports before p=quarantine or p=reject", "there is no DMARC record")
		res.Record = text("_dmarc."+r.domain, "v=DMARC1; p=none; rua=mailto:postmaster@"+r.domain)
		return
	case len(found) > 1:
		res.add(bad, "multiple", "leave one record and remove the others", fmt.Sprintf("there are %d DMARC records: receivers take none of them", len(found)))
		return
	}
	d, err := record.ParseDMARC(found[0])
	if err != nil {
		res.add(bad, "syntax", "correct the record: receivers take none of it", err.Error())
		return
	}
	if at != r.domain {
		policy := d.Subdomain
		if policy == "" {
			policy = d.Policy
		}
		res.add(OK, "inherited", "", "the policy "+policy+" comes from _dmarc."+at)
	}
	if d.Policy != "none" && d.Percent == 0 {
		res.add(Warning, "pct", "remove pct=, or raise it", "pct=0: the policy applies to no message")
	}
	for _, u := range append(d.Aggregate, d.Forensic...) {
		r.consent(ctx, res, at, u)
	}
}

// findDMARC asks for the record at the domain, and else at the organizational
// domain.
func (r *run) findDMARC(ctx context.Context, res *Result) (found []string, at string, ok bool) {
	for _, at = range []string{r.domain, organization(r.domain)} {
		res.Name = "_dmarc." + at
		a, err := r.ask(ctx, res.Name, "TXT")
		if err != nil {
			res.unknown(err)
			return nil, "", false
		}
		res.TTL = seconds(a.TTL)
		if found = pick(a, record.IsDMARC); len(found) > 0 {
			return found, at, true
		}
	}
	res.Name = "_dmarc." + r.domain
	return nil, r.domain, true
}

// consent checks that a domain elsewhere wants reports about this one (RFC 7489
// 7.1); without a record that says so nobody sends it any.
func (r *run) consent(ctx context.Context, res *Result, at string, u record.URI) {
	if organization(u.Domain) == organization(at) {
		return
	}
	name := at + "._report._dmarc." + u.Domain
	a, err := r.ask(ctx, name, "TXT")
	switch {
	case err != nil:
		res.unknown(err)
	case len(pick(a, record.IsDMARC)) == 0:
		res.add(Warning, "report_refused", "have "+u.Domain+` publish "v=DMARC1" at `+name+", or send reports elsewhere", "reports to "+u.Address+" are not sent: "+u.Domain+" does not say that it wants them")
	}
}
