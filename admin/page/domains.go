package page

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/vmapd/vmapd/admin/manage"
)

// kinds are the kinds of objects that have pages.
func (p *page) kinds() []pages {
	return []pages{domains(), relayDomains(), domainAliases(), accounts(), aliases()}
}

func domains() *kind[manage.Domain, manage.DomainInput] {
	return &kind[manage.Domain, manage.DomainInput]{
		path: "/domains", one: "domain", many: "Domains", object: manage.DomainObject,
		list: func(t *manage.Tx, q manage.Query) (manage.Page[manage.Domain], error) {
			q.Type = "domain" // relay domains have a list of their own
			return t.Domains(q)
		},
		columns: []column{{Label: "Name", Sort: "name"}, {Label: "State", Sort: "enabled"}, {Label: "Mailboxes"}, {Label: "Aliases"}, {Label: "Storage"}, {Label: "DKIM"}, {Label: "DNS"}},
		row: func(d *manage.Domain) []cell {
			return []cell{enabled(d.Enabled), figure(d.Mailboxes), figure(d.Aliases), usage(d.Name, d.Used, d.Quota), leads(dkimWord(d), dkimPath(d)), leads(dnsBadge(d.DNSStatus).Text, dnsPath(d))}
		},
		get: (*manage.Tx).Domain, id: func(d *manage.Domain) int64 { return d.ID }, name: func(d *manage.Domain) string { return d.Name },
		fields: domainFields,
		input:  func(_ *manage.Caller, f *form) manage.DomainInput { return domainInput(f) },
		create: plainCreate((*manage.Tx).CreateDomain),
		update: plainUpdate((*manage.Tx).UpdateDomain),
		remove: (*manage.Tx).DeleteDomain, files: true,
		loss: func(d *manage.Domain) string {
			return fmt.Sprintf("With it go %s with their accounts, %s and %s.", several(d.Mailboxes, "mailbox", "mailboxes"),
				several(d.Aliases, "alias", "aliases"), several(d.DomainAliases, "domain alias", "domain aliases"))
		},
		about: aboutDomain,
		parts: adminParts(),
	}
}

// plainCreate and plainUpdate are for objects without secrets.
func plainCreate[T, I any](f func(*manage.Tx, I) (*T, error)) func(*manage.Tx, I) (*T, string, error) {
	return func(t *manage.Tx, in I) (*T, string, error) {
		o, err := f(t, in)
		return o, "", err
	}
}

func plainUpdate[T, I any](f func(*manage.Tx, int64, I) (*T, error)) func(*manage.Tx, int64, I) (*T, string, error) {
	return func(t *manage.Tx, id int64, in I) (*T, string, error) {
		o, err := f(t, id, in)
		return o, "", err
	}
}

func dkimPath(d *manage.Domain) string { return "/domains/" + strconv.FormatInt(d.ID, 10) + "/dkim" }

func dkimWord(d *manage.Domain) string {
	switch {
	case !d.EnableDKIM:
		return "off"
	case d.DKIMPublicKey == "":
		return "no key yet"
	}
	return "on"
}

// domainFields are those of a domain; o is nil for a new one.
func domainFields(_ *manage.Caller, o *manage.Domain) []*field {
	d := manage.Domain{Enabled: true, DKIMSelector: "modoboa", EnableDNSChecks: true}
	if o != nil {
		d = *o
	}
	return []*field{
		text("name", "Name", d.Name, "Such as example.org.").required(),
		check("enabled", "Enabled", d.Enabled, "Mail for a disabled domain is refused, and nobody in it can log in."),
		count("quota", "Quota in MB", d.Quota, "For all mailboxes together; 0 = unlimited."),
		count("default_mailbox_quota", "Quota of a new mailbox in MB", d.DefaultMailboxQuota, "0 = unlimited."),
		limit("message_limit", "Messages a day", d.MessageLimit, "That may be sent; empty = no limit."),
		check("enable_dkim", "Sign mail with DKIM", d.EnableDKIM, "A key is made for a domain that has none."),
		text("dkim_key_selector", "DKIM selector", d.DKIMSelector, "Names the key in DNS."),
		check("enable_dns_checks", "Check DNS", d.EnableDNSChecks, "MX, block lists, SPF, DKIM, DMARC and more."),
	}
}

func domainInput(f *form) manage.DomainInput {
	return manage.DomainInput{
		Name: f.text("name"), Enabled: f.flag("enabled"), Quota: f.number("quota"), DefaultMailboxQuota: f.number("default_mailbox_quota"),
		MessageLimit: f.limit("message_limit"), EnableDKIM: f.flag("enable_dkim"), DKIMSelector: f.text("dkim_key_selector"), EnableDNSChecks: f.flag("enable_dns_checks"),
	}
}

func aboutDomain(v *visit, t *manage.Tx, d *manage.Domain) (*about, error) {
	in := "?" + url.Values{"domain": {d.Name}}.Encode()
	a := &about{
		Facts: []fact{
			{"Mailboxes", number(d.Mailboxes)},
			{"Aliases", number(d.Aliases)},
			{"Domain aliases", number(d.DomainAliases)},
			{"Stored", size(d.Used)},
			{"Given to mailboxes", quotaSum(d.Allocated)},
			{"Made", when(d.Created)},
			{"Changed", when(d.Modified)},
		},
		Links: []link{
			{Text: "Accounts", Href: "/accounts" + in},
			{Text: "Aliases", Href: "/aliases" + in},
			{Text: "Domain aliases", Href: "/domainaliases" + in},
			{Text: "DKIM keys", Href: dkimPath(d)},
			{Text: "DNS", Href: dnsPath(d)},
			{Text: "Alarms", Href: "/alarms?state=all&" + in[1:]},
		},
	}
	a.addBar(barOf("Stored", d.Used, d.Quota))
	if d.Quota > 0 {
		a.addBar(share("Given to mailboxes", d.Allocated, d.Quota, quotaSum(d.Allocated)+" of "+quota(d.Quota)))
	}
	alarms, err := v.p.domainAlarms(t, d.Name)
	if err != nil {
		return nil, err
	}
	if alarms != nil {
		a.Tables = append(a.Tables, alarms)
	}
	limits, err := t.DomainLimits(d.ID)
	if err != nil {
		return nil, err
	}
	a.addLimits(limits)
	a.addSending(v.p, d.Name)
	admins, err := t.DomainAdmins(d.ID)
	if err != nil {
		return nil, err
	}
	if len(admins) > 0 {
		table := &table{Caption: "Administrators", Columns: []column{{Label: "Administrator"}, {Label: "Role"}}}
		for _, u := range admins {
			table.Rows = append(table.Rows, []cell{leads(u.Username, "/accounts/"+strconv.FormatInt(u.ID, 10)), plain(roleWord(u.Role))})
		}
		a.Tables = append(a.Tables, table.label())
	}
	return a, nil
}

// quotaSum tells a sum of quotas, of which 0 is nothing.
func quotaSum(mb int64) string { return size(mb << 20) }

func (a *about) addBar(b *bar) {
	if b != nil {
		a.Bars = append(a.Bars, *b)
	}
}

// limitWords are what limits are called.
var limitWords = map[string]string{
	"domains": "Domains", "domain_aliases": "Domain aliases", "mailboxes": "Mailboxes", "mailbox_aliases": "Aliases",
	"domain_admins": "Domain administrators", "quota": "Storage",
}

// addLimits shows limits that limit anything.
func (a *about) addLimits(limits []manage.Limit) {
	for _, l := range limits {
		if l.Max <= 0 { // none, or nothing is allowed, of which no bar tells more
			continue
		}
		words := number(l.Used) + " of " + number(l.Max)
		if l.Name == "quota" {
			words = quotaSum(l.Used) + " of " + quotaSum(l.Max)
		}
		a.addBar(share(limitWords[l.Name], l.Used, l.Max, words))
	}
}
