package page

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/dkim/dnscheck"
)

// reportOf is a report in which every text is one.
func reportOf(s string) *dnschecks.Report {
	r := &dnschecks.Report{Domain: s, Checked: time.Now(), Skipped: s, Hosts: []dnschecks.Host{{Name: s, Address: netip.MustParseAddr("192.0.2.1"), Managed: true}}}
	for _, state := range []dnschecks.State{dnschecks.OK, dnschecks.Warning, dnschecks.Critical, dnschecks.Unknown, dnschecks.Off} {
		p := dnscheck.Publish(s, s)
		r.Results = append(r.Results, dnschecks.Result{Kind: dnschecks.SPF, State: state, Name: s, Value: s, Lookups: 3, Record: &p, Findings: []dnschecks.Finding{{State: state, Text: s, Remedy: s}}})
		r.Listings = append(r.Listings, dnschecks.Listing{Provider: s, Address: netip.MustParseAddr("2001:db8::1"), State: state, Text: s})
	}
	return r
}

// TestDNSPage: each check with its state, what is wrong, what to do, and the
// record to copy.
func TestDNSPage(t *testing.T) {
	w := openWorld(t, nil)
	one := "/domains/" + w.id("admin_domain", "name", "one.test")
	for _, who := range []string{"root", "adm@one.test"} {
		v := w.visitor(who)
		v.wants(v.get(one), http.StatusOK, `href="`+one+`/dns"`)
		w.mu.Lock()
		w.report = nil
		w.mu.Unlock()
		v.wants(v.get(one+"/dns"), http.StatusOK, "This host has not checked the domain yet", "Check now", "not checked")
		p := dnscheck.Publish("one.test", "v=spf1 mx -all")
		w.mu.Lock()
		w.report = &dnschecks.Report{Domain: "one.test", Checked: time.Now(), Results: []dnschecks.Result{
			{Kind: dnschecks.MX, State: dnschecks.OK, Name: "one.test", Value: "10 mx.one.test"},
			{Kind: dnschecks.SPF, State: dnschecks.Critical, Record: &p, Findings: []dnschecks.Finding{{State: dnschecks.Critical, Text: "there is no SPF record", Remedy: "publish the record"}}},
		}, Listings: []dnschecks.Listing{{Provider: "bl.net", Address: netip.MustParseAddr("192.0.2.1"), State: dnschecks.Unknown, Text: "it is dead"}}}
		w.mu.Unlock()
		for _, a := range []*answer{v.get(one + "/dns"), v.post(one + "/dns")} {
			v.wants(a, http.StatusOK, "there is no SPF record", "publish the record", "v=spf1 mx -all", "10 mx.one.test", "MX: where mail goes", "it is dead", ">unknown<")
		}
	}
}
