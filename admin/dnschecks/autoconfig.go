package dnschecks

import (
	"context"
	"fmt"
	"strings"
)

// autoconfig looks for the name at which Thunderbird and others ask how to set
// an account up.
func (r *run) autoconfig(ctx context.Context, res *Result) {
	r.findClient(ctx, res, "autoconfig."+r.domain, "", "Thunderbird and other programs")
}

// autodiscover does so for the name that Outlook asks, or a service record that
// leads to another.
func (r *run) autodiscover(ctx context.Context, res *Result) {
	r.findClient(ctx, res, "autodiscover."+r.domain, "_autodiscover._tcp."+r.domain, "Outlook")
}

// findClient looks for a host, and for a service record if there is one to look
// for.
func (r *run) findClient(ctx context.Context, res *Result, host, service, who string) {
	res.Name = host
	for _, kind := range []string{"A", "AAAA"} {
		a, err := r.ask(ctx, host, kind)
		switch {
		case err != nil:
			res.unknown(err)
			return
		case len(a.Records) > 0:
			res.TTL, res.Value = seconds(a.TTL), strings.Join(append(a.CNAME, a.Records...), " ")
			return
		case len(a.CNAME) > 0:
			res.Value = a.CNAME[len(a.CNAME)-1]
			res.add(Warning, "dangling", "let the CNAME point to the host that serves it", "the CNAME leads to "+res.Value+", which has no address")
			return
		}
		res.TTL = seconds(a.TTL)
	}
	if service != "" && r.service(ctx, res, service) {
		return
	}
	res.add(Warning, "missing", "publish the record, and serve the settings there", who+" cannot find out how to set an account up: "+host+" does not exist")
	if r.s.Host != "" {
		res.Record = publication(host, "CNAME", r.s.Host+".")
	}
}

// service looks for a service record with a target.
func (r *run) service(ctx context.Context, res *Result, name string) bool {
	a, err := r.ask(ctx, name, "SRV")
	if err != nil {
		res.unknown(err)
		return true
	}
	for _, text := range a.Records {
		var priority, weight, port int
		var target string
		if n, _ := fmt.Sscan(text, &priority, &weight, &port, &target); n == 4 && target != "." && port != 0 {
			res.Name, res.Value, res.TTL = name, text, seconds(a.TTL)
			return true
		}
	}
	return false
}
