package api

import (
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

// relayDomain is a relay domain as Modoboa shows it.
type relayDomain struct {
	PK        int64     `json:"pk"`
	Name      string    `json:"name"`
	Enabled   bool      `json:"enabled"`
	Transport transport `json:"transport"`
}

type newRelayDomain struct {
	relayDomain
	EnableDKIM      bool   `json:"enable_dkim"`
	DKIMSelector    string `json:"dkim_key_selector"`
	DKIMLength      *int64 `json:"dkim_key_length"`
	DKIMPublicKey   string `json:"dkim_public_key"`
	DKIMPath        string `json:"dkim_private_key_path"` // always ""
	EnableDNSChecks bool   `json:"enable_dns_checks"`
}

type transport struct {
	PK       int64  `json:"pk"`
	Service  string `json:"service"`
	Settings any    `json:"_settings"`
}

// relaySettings are the settings of the one service that there is.
type relaySettings struct {
	Host   string `json:"relay_target_host"`
	Port   int    `json:"relay_target_port"`
	Verify bool   `json:"relay_verify_recipients"`
}

// python writes settings as Modoboa 1.10 does, which prints a dictionary of
// Python's into a string.
func (s relaySettings) python() string {
	quote, verify := "'", "False"
	if strings.Contains(s.Host, "'") {
		quote = `"`
	}
	if s.Verify {
		verify = "True"
	}
	return fmt.Sprintf("{'relay_target_host': %s%s%s, 'relay_target_port': %d, 'relay_verify_recipients': %s}", quote, s.Host, quote, s.Port, verify)
}

func (c *call) relayDomain(d *manage.Domain) any {
	r := relayDomain{PK: d.ID, Name: d.Name, Enabled: d.Enabled, Transport: transport{Service: "relay"}}
	s := relaySettings{}
	if t := d.Transport; t != nil {
		r.Transport.PK, r.Transport.Service = t.ID, t.Service
		s = relaySettings{t.Host, t.Port, t.Verify}
	}
	if c.old {
		r.Transport.Settings = s.python()
		return r
	}
	r.Transport.Settings = s
	return newRelayDomain{r, d.EnableDKIM, d.DKIMSelector, d.DKIMLength, d.DKIMPublicKey, "", d.EnableDNSChecks}
}

// relayInput reads a relay domain.
func (c *call) relayInput(required ...string) (in manage.DomainInput, err error) {
	o, err := c.object()
	if err != nil {
		return in, err
	}
	o.require(required...)
	in = domainFields(o)
	o.ignore("type")
	in.Transport = o.transport("transport")
	c.strictByName(o)
	return in, o.err()
}

// transport reads where mail goes, in any of Modoboa's spellings: the settings
// are called _settings or settings, and are an object or JSON in a string.
func (o *object) transport(name string) (v manage.Opt[manage.TransportInput]) {
	if raw, ok := o.value(name); !ok || isNull(raw) {
		return v
	}
	p, _, _ := o.part(name)
	if p == nil {
		return v
	}
	before := len(o.bad)
	p.ignore("pk")
	in := manage.TransportInput{Service: p.text("service").Or("relay")}
	key := "_settings"
	if _, ok := p.fields["settings"]; ok {
		key = "settings"
	}
	s, null, there := p.part(key)
	if s == nil {
		if null || !there {
			p.fail(key, "This field is required.")
		}
		return v
	}
	in.Host = s.text("relay_target_host").Value
	in.Port = int(s.number("relay_target_port", 1).Or(0))
	in.Verify = s.flag("relay_verify_recipients").Value
	if len(o.bad) > before {
		return v
	}
	return manage.Some(in)
}

func listRelayDomains(c *call) (step, error) {
	q, p, err := c.list("id")
	if err != nil {
		return nil, err
	}
	q.Active, err = c.flagParam("enabled")
	return func(t *manage.Tx) (*answer, error) {
		all, err := t.RelayDomains(q)
		if err != nil {
			return nil, err
		}
		return listed(c, p, all.Items, all.Total, c.relayDomain)
	}, err
}

func getRelayDomain(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return one(c.relayDomain)(t.RelayDomain(id)) }, err
}

func createRelayDomain(c *call) (step, error) {
	in, err := c.relayInput("name", "transport")
	return func(t *manage.Tx) (*answer, error) { return newOne(c.relayDomain)(t.CreateRelayDomain(in)) }, err
}

func updateRelayDomain(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	in, err := c.relayInput(c.requiredOnPut("name", "transport")...)
	return func(t *manage.Tx) (*answer, error) { return one(c.relayDomain)(t.UpdateRelayDomain(id, in)) }, err
}

func deleteRelayDomain(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	keep, err := c.flagParam("keepdir")
	return func(t *manage.Tx) (*answer, error) { return gone(), t.DeleteRelayDomain(id, keep.Value) }, err
}
