package api

import (
	"strconv"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// oldDomain is a domain as Modoboa 1.10 shows it.
type oldDomain struct {
	PK                  int64  `json:"pk"`
	Name                string `json:"name"`
	Quota               int64  `json:"quota"`
	DefaultMailboxQuota int64  `json:"default_mailbox_quota"`
	Enabled             bool   `json:"enabled"`
	Type                string `json:"type"`
}

// newDomain is a domain as Modoboa 2.9 shows it. Quotas are MB, in strings.
type newDomain struct {
	PK                  int64     `json:"pk"`
	Name                string    `json:"name"`
	Quota               string    `json:"quota"`
	DefaultMailboxQuota string    `json:"default_mailbox_quota"`
	Enabled             bool      `json:"enabled"`
	Type                string    `json:"type"`
	EnableDKIM          bool      `json:"enable_dkim"`
	DKIMSelector        string    `json:"dkim_key_selector"`
	DKIMLength          *int64    `json:"dkim_key_length"`
	DKIMPublicKey       string    `json:"dkim_public_key"`
	DKIMPath            string    `json:"dkim_private_key_path"` // always "": nobody needs to know
	Mailboxes           int64     `json:"mailbox_count"`
	Aliases             int64     `json:"mbalias_count"`
	DomainAliases       int64     `json:"domainalias_count"`
	DNSStatus           string    `json:"dns_global_status"`
	MessageLimit        *int64    `json:"message_limit"`
	Created             time.Time `json:"creation"`
	Modified            time.Time `json:"last_modification"`
	Allocated           int64     `json:"allocated_quota_in_percent"`
	EnableDNSChecks     bool      `json:"enable_dns_checks"`
	Transport           any       `json:"transport"` // of a relay domain, as Modoboa's second API shows it
}

// domain gives a domain the shape that was asked for.
func (c *call) domain(d *manage.Domain) any {
	if c.old {
		return oldDomain{d.ID, d.Name, d.Quota, d.DefaultMailboxQuota, d.Enabled, d.Type}
	}
	n := newDomain{
		PK: d.ID, Name: d.Name, Quota: mb(d.Quota), DefaultMailboxQuota: mb(d.DefaultMailboxQuota), Enabled: d.Enabled, Type: d.Type,
		EnableDKIM: d.EnableDKIM, DKIMSelector: d.DKIMSelector, DKIMLength: d.DKIMLength, DKIMPublicKey: d.DKIMPublicKey,
		Mailboxes: d.Mailboxes, Aliases: d.Aliases, DomainAliases: d.DomainAliases, DNSStatus: d.DNSStatus, MessageLimit: d.MessageLimit,
		Created: d.Created.UTC(), Modified: d.Modified.UTC(), Allocated: percent(d.Allocated, d.Quota), EnableDNSChecks: d.EnableDNSChecks,
	}
	if t := d.Transport; t != nil {
		n.Transport = domainTransport{t.Service, relaySettings{t.Host, t.Port, t.Verify}}
	}
	return n
}

type domainTransport struct {
	Service  string        `json:"service"`
	Settings relaySettings `json:"settings"`
}

func mb(n int64) string { return strconv.FormatInt(n, 10) }

// domainFields reads what domains and relay domains are made of.
func domainFields(o *object) manage.DomainInput {
	o.ignore("pk", "dkim_public_key", "dkim_private_key_path", "mailbox_count", "mbalias_count", "domainalias_count", "dns_global_status",
		"creation", "last_modification", "allocated_quota_in_percent", "request_id")
	return manage.DomainInput{
		Name: o.text("name"), Enabled: o.flag("enabled"), Quota: o.quota("quota"), DefaultMailboxQuota: o.quota("default_mailbox_quota"),
		EnableDKIM: o.flag("enable_dkim"), DKIMSelector: o.text("dkim_key_selector"), DKIMLength: o.numberOrNull("dkim_key_length"),
		MessageLimit: o.numberOrNull("message_limit"), EnableDNSChecks: o.flag("enable_dns_checks"),
	}
}

// domainInput reads a domain. Modoboa's second API makes relay domains of
// domains with a transport, so that is taken too.
func (c *call) domainInput(required ...string) (in manage.DomainInput, err error) {
	o, err := c.object()
	if err != nil {
		return in, err
	}
	o.require(required...)
	in = domainFields(o)
	in.Type = o.choice("type", "domain", "relaydomain")
	if raw, ok := o.get("transport"); ok && !isNull(raw) {
		in.Transport = o.transport("transport")
	}
	c.strictByName(o)
	return in, o.err()
}

// strictByName refuses unknown fields where no script of Modoboa's can come.
func (c *call) strictByName(o *object) {
	if c.route.Method == put && c.path("name") != "" {
		o.strict()
	}
}

func listDomains(c *call) (step, error) {
	q, p, err := c.list("name")
	if err != nil {
		return nil, err
	}
	if q.Type = c.query.Get("type"); q.Type != "" && q.Type != "domain" && q.Type != "relaydomain" {
		return nil, badField("type", "%q is not a valid choice.", q.Type)
	}
	if q.Active, err = c.flagParam("enabled"); err != nil {
		return nil, err
	}
	return func(t *manage.Tx) (*answer, error) {
		all, err := t.Domains(q)
		if err != nil {
			return nil, err
		}
		return listed(c, p, all.Items, all.Total, c.domain)
	}, nil
}

func getDomain(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return one(c.domain)(t.Domain(id)) }, err
}

func createDomain(c *call) (step, error) {
	in, err := c.domainInput("name")
	return func(t *manage.Tx) (*answer, error) { return newOne(c.domain)(t.CreateDomain(in)) }, err
}

func updateDomain(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	in, err := c.domainInput(c.requiredOnPut("name")...)
	return func(t *manage.Tx) (*answer, error) { return one(c.domain)(t.UpdateDomain(id, in)) }, err
}

func deleteDomain(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	keep, err := c.flagParam("keepdir")
	return func(t *manage.Tx) (*answer, error) { return gone(), t.DeleteDomain(id, keep.Value) }, err
}

// requiredOnPut are fields that PUT wants and PATCH does not.
func (c *call) requiredOnPut(names ...string) []string {
	if c.route.Method == put {
		return names
	}
	return nil
}

// one answers with an object that was found or changed.
func one[T any](shape func(*T) any) func(*T, error) (*answer, error) {
	return func(v *T, err error) (*answer, error) {
		if err != nil {
			return nil, err
		}
		return ok(shape(v)), nil
	}
}

// newOne answers with an object that was made.
func newOne[T any](shape func(*T) any) func(*T, error) (*answer, error) {
	return func(v *T, err error) (*answer, error) {
		if err != nil {
			return nil, err
		}
		return created(shape(v)), nil
	}
}

// putOne answers with an object that was made or replaced.
func putOne[T any](shape func(*T) any) func(*T, bool, error) (*answer, error) {
	return func(v *T, isNew bool, err error) (*answer, error) {
		if err != nil {
			return nil, err
		}
		if isNew {
			return created(shape(v)), nil
		}
		return ok(shape(v)), nil
	}
}
