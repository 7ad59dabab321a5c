package page

import (
	"net"
	"strconv"

	"github.com/vmapd/vmapd/admin/manage"
)

func relayDomains() *kind[manage.Domain, manage.DomainInput] {
	return &kind[manage.Domain, manage.DomainInput]{
		path: "/relaydomains", one: "relay domain", many: "Relay domains", object: manage.DomainObject,
		list:    (*manage.Tx).RelayDomains,
		columns: []column{{Label: "Name", Sort: "name"}, {Label: "State", Sort: "enabled"}, {Label: "Next hop"}, {Label: "Recipients"}},
		row: func(d *manage.Domain) []cell {
			hop, verify := "", "taken unasked"
			if tr := d.Transport; tr != nil {
				hop = net.JoinHostPort(tr.Host, strconv.Itoa(tr.Port))
				if tr.Verify {
					verify = "asked for at the next hop"
				}
			}
			return []cell{enabled(d.Enabled), plain(hop), plain(verify)}
		},
		get: (*manage.Tx).RelayDomain, id: func(d *manage.Domain) int64 { return d.ID }, name: func(d *manage.Domain) string { return d.Name },
		fields: relayFields,
		input:  relayInput,
		create: plainCreate((*manage.Tx).CreateRelayDomain),
		update: plainUpdate((*manage.Tx).UpdateRelayDomain),
		remove: (*manage.Tx).DeleteRelayDomain,
		loss:   func(*manage.Domain) string { return "Mail for it is refused from then on." },
		about: func(_ *visit, _ *manage.Tx, d *manage.Domain) (*about, error) {
			return &about{Facts: []fact{{"Made", when(d.Created)}, {"Changed", when(d.Modified)}}}, nil
		},
	}
}

func relayFields(_ *manage.Caller, o *manage.Domain) []*field {
	d := manage.Domain{Enabled: true}
	if o != nil {
		d = *o
	}
	tr := manage.Transport{Port: 25}
	if d.Transport != nil {
		tr = *d.Transport
	}
	return []*field{
		text("name", "Name", d.Name, "Such as example.org.").required(),
		check("enabled", "Enabled", d.Enabled, "Mail for a disabled domain is refused."),
		text("transport.relay_target_host", "Next hop", tr.Host, "Name or address of the mail server that mail goes to.").required(),
		count("transport.relay_target_port", "Port", int64(tr.Port), "25 for SMTP."),
		check("transport.relay_verify_recipients", "Ask the next hop for recipients", tr.Verify, "Mail for recipients that it does not know is refused at once."),
	}
}

func relayInput(_ *manage.Caller, f *form) manage.DomainInput {
	in := manage.DomainInput{Name: f.text("name"), Enabled: f.flag("enabled")}
	if host := f.text("transport.relay_target_host"); host.Set {
		port := f.number("transport.relay_target_port").Or(25)
		if x := f.field("transport.relay_target_port"); port > 65535 {
			x.Errors = append(x.Errors, "A port is a number up to 65535.")
		}
		in.Transport = manage.Some(manage.TransportInput{Service: "relay", Host: host.Value, Port: int(port), Verify: f.flag("transport.relay_verify_recipients").Value})
	}
	return in
}
