package page

import (
	"net/http"
	"strconv"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/manage"
)

// dnsPage tells what DNS says of a domain.
type dnsPage struct {
	Domain string
	Up     link
	Action string
	Status badge
	Note   string // why there is nothing to see
	When   string
	Checks []checkView
	Hosts  *table
	Lists  *table
}

func (*dnsPage) template() string { return "dns" }
func (d *dnsPage) title() string  { return "DNS of " + d.Domain }

// checkView is a check as the page shows it.
type checkView struct {
	dnschecks.Result
	Label string
	Badge badge
}

func dnsPath(d *manage.Domain) string { return "/domains/" + strconv.FormatInt(d.ID, 10) + "/dns" }

// dnsBadge shows a domain's dns_global_status.
func dnsBadge(status string) badge {
	return badge{
		map[string]string{"ok": "all well", "critical": "something is wrong", "pending": "not known yet", "disabled": "not checked"}[status],
		map[string]string{"ok": "good", "critical": "bad"}[status],
	}
}

// stateBadge shows the state of a check.
func stateBadge(s dnschecks.State) badge {
	switch s {
	case dnschecks.OK:
		return badge{"well", "good"}
	case dnschecks.Warning:
		return badge{"doubtful", "warn"}
	case dnschecks.Critical:
		return badge{"wrong", "bad"}
	case dnschecks.Unknown:
		return badge{"DNS does not answer", "warn"}
	}
	return badge{"not checked", ""}
}

// checkWords are what checks are called.
var checkWords = map[dnschecks.Kind]string{
	dnschecks.MX: "MX: where mail goes", dnschecks.DNSBL: "Block lists", dnschecks.SPF: "SPF: who may send", dnschecks.DKIM: "DKIM: signatures",
	dnschecks.DMARC: "DMARC: what becomes of forged mail", dnschecks.Autoconfig: "Autoconfig: Thunderbird and others", dnschecks.Autodiscover: "Autodiscover: Outlook",
	dnschecks.STS: "MTA-STS: delivery over TLS", dnschecks.TLSRPT: "TLS-RPT: reports about TLS",
}

// dns shows the last report; posted, the domain is checked now.
func (p *page) dns(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	d, err := v.domain(id)
	if err != nil {
		return err
	}
	report, err := p.o.DNS(v.r.Context(), d, v.r.Method == http.MethodPost)
	if err != nil {
		return err
	}
	if v.r.Method == http.MethodPost { // its status may be another one now
		if d, err = v.domain(id); err != nil {
			return err
		}
	}
	b := &dnsPage{Domain: d.Name, Up: link{Text: d.Name, Href: "/domains/" + strconv.FormatInt(id, 10)}, Action: dnsPath(d), Status: dnsBadge(d.DNSStatus)}
	switch {
	case report == nil && !d.EnableDNSChecks:
		b.Note = "The checks are switched off for this domain."
	case report == nil:
		b.Note = "This host has not checked the domain yet."
	default:
		b.Note, b.When = report.Skipped, when(report.Checked)
		b.fill(report)
	}
	return v.show(http.StatusOK, b)
}

func (v *visit) domain(id int64) (d *manage.Domain, err error) {
	err = v.read(func(t *manage.Tx) error {
		d, err = t.Domain(id)
		return err
	})
	return d, err
}

// fill shows a report.
func (d *dnsPage) fill(r *dnschecks.Report) {
	for _, res := range r.Results {
		d.Checks = append(d.Checks, checkView{res, checkWords[res.Kind], stateBadge(res.State)})
	}
	d.Hosts = &table{Caption: "MX hosts", Columns: []column{{Label: "Host"}, {Label: "Preference"}, {Label: "Address"}, {Label: "Ours"}}}
	for _, h := range r.Hosts {
		ours := "no"
		if h.Managed {
			ours = "yes"
		}
		d.Hosts.Rows = append(d.Hosts.Rows, []cell{plain(h.Name), plain(strconv.Itoa(h.Preference)), plain(h.Address.String()), plain(ours)})
	}
	d.Lists = &table{Caption: "Block lists", Columns: []column{{Label: "List"}, {Label: "Address"}, {Label: "State"}, {Label: "Reason"}}}
	for _, l := range r.Listings {
		state := stateBadge(l.State)
		switch l.State {
		case dnschecks.OK:
			state.Text = "not listed"
		case dnschecks.Critical:
			state.Text = "listed"
		case dnschecks.Unknown:
			state.Text = "unknown"
		}
		d.Lists.Rows = append(d.Lists.Rows, []cell{plain(l.Provider), plain(l.Address.String()), {Badge: &state}, plain(l.Text)})
	}
	d.Hosts.label()
	d.Lists.label()
}
