package api

import (
	"encoding/json"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

// domainAlias is another name of a domain.
type domainAlias struct {
	PK      int64  `json:"pk"`
	Name    string `json:"name"`
	Target  int64  `json:"target"`
	Enabled bool   `json:"enabled"`
}

type newDomainAlias struct {
	domainAlias
	TargetName string `json:"target_name"`
}

func (c *call) domainAlias(a *manage.DomainAlias) any {
	d := domainAlias{a.ID, a.Name, a.TargetID, a.Enabled}
	if c.old {
		return d
	}
	return newDomainAlias{d, a.TargetName}
}

// domainAliasInput reads a domain alias. Instead of the target's pk its name
// may be given, as target_name or as target.
func (c *call) domainAliasInput(required ...string) (in manage.DomainAliasInput, err error) {
	o, err := c.object()
	if err != nil {
		return in, err
	}
	o.require(required...)
	o.ignore("pk", "request_id")
	in = manage.DomainAliasInput{Name: o.text("name"), Enabled: o.flag("enabled"), TargetName: o.text("target_name")}
	if raw, ok := o.value("target"); ok {
		var name string
		if json.Unmarshal(raw, &name) == nil && strings.Contains(name, ".") {
			in.TargetName = o.text("target")
		} else {
			in.Target = o.number("target", 1)
		}
	}
	if len(required) > 0 && !in.Target.Set && !in.TargetName.Set && len(o.bad["target"]) == 0 {
		o.fail("target", "This field is required.")
	}
	c.strictByName(o)
	return in, o.err()
}

func listDomainAliases(c *call) (step, error) {
	q, p, err := c.list("id")
	if err != nil {
		return nil, err
	}
	q.Active, err = c.flagParam("enabled")
	return func(t *manage.Tx) (*answer, error) {
		all, err := t.DomainAliases(q)
		if err != nil {
			return nil, err
		}
		return listed(c, p, all.Items, all.Total, c.domainAlias)
	}, err
}

func getDomainAlias(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return one(c.domainAlias)(t.DomainAlias(id)) }, err
}

func createDomainAlias(c *call) (step, error) {
	in, err := c.domainAliasInput("name")
	return func(t *manage.Tx) (*answer, error) { return newOne(c.domainAlias)(t.CreateDomainAlias(in)) }, err
}

func updateDomainAlias(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	in, err := c.domainAliasInput(c.requiredOnPut("name")...)
	return func(t *manage.Tx) (*answer, error) { return one(c.domainAlias)(t.UpdateDomainAlias(id, in)) }, err
}

func deleteDomainAlias(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return gone(), t.DeleteDomainAlias(id) }, err
}
