package api

import (
	"github.com/vmapd/vmapd/admin/manage"
)

// limits gives limits by their names, as Modoboa's resources do.
func limits(all []manage.Limit) map[string]int64 {
	out := map[string]int64{}
	for _, l := range all {
		out[l.Name] = l.Max
	}
	return out
}

// limitsUsed is limits with what is used of them, for ?used=true.
func limitsUsed(all []manage.Limit) any {
	type limit struct {
		Name string `json:"name"`
		Max  int64  `json:"max_value"`
		Used int64  `json:"current_value"`
	}
	out := []limit{}
	for _, l := range all {
		out = append(out, limit{l.Name, l.Max, l.Used})
	}
	return out
}

func (c *call) limits(all []manage.Limit, err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	if c.query.Get("used") == "true" {
		return ok(limitsUsed(all)), nil
	}
	return ok(limits(all)), nil
}

// userLimits are the resources of an account: numbers of objects, -1 is
// unlimited, and MB, of which 0 is unlimited.
var userLimits = []string{"domains", "domain_aliases", "mailboxes", "mailbox_aliases", "domain_admins", "quota"}

// domainLimits are those of a domain.
var domainLimits = []string{"domain_aliases", "mailboxes", "mailbox_aliases", "domain_admins"}

// limitsInput reads limits.
func (c *call) limitsInput(names []string) (map[string]int64, error) {
	o, err := c.object()
	if err != nil {
		return nil, err
	}
	to := map[string]int64{}
	for _, name := range names {
		least := int64(-1)
		if name == "quota" {
			least = 0
		}
		if n := o.number(name, least); n.Set {
			to[name] = n.Value
		}
	}
	o.ignore("request_id")
	o.strict()
	if len(to) == 0 && len(o.bad) == 0 {
		o.fail("non_field_errors", "Name at least one limit to set.")
	}
	return to, o.err()
}

func getResources(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return c.limits(t.Limits(id)) }, err
}

func setResources(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	to, err := c.limitsInput(userLimits)
	return func(t *manage.Tx) (*answer, error) {
		if err := t.SetLimits(id, to); err != nil {
			return nil, err
		}
		return c.limits(t.Limits(id))
	}, err
}

func getDomainLimits(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return c.limits(t.DomainLimits(id)) }, err
}

func setDomainLimits(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	to, err := c.limitsInput(domainLimits)
	return func(t *manage.Tx) (*answer, error) {
		if err := t.SetDomainLimits(id, to); err != nil {
			return nil, err
		}
		return c.limits(t.DomainLimits(id))
	}, err
}

// admin is somebody who administrates a domain, as Modoboa's second API shows
// him.
type admin struct {
	ID        int64  `json:"id"`
	Username  string `json:"username"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

func listDomainAdmins(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return domainAdmins(t, id) }, err
}

func domainAdmins(t *manage.Tx, domain int64) (*answer, error) {
	all, err := t.DomainAdmins(domain)
	if err != nil {
		return nil, err
	}
	out := []admin{}
	for _, a := range all {
		out = append(out, admin{a.ID, a.Username, a.FirstName, a.LastName})
	}
	return ok(out), nil
}

func addDomainAdmin(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	who, err := c.accountRef("account")
	return func(t *manage.Tx) (*answer, error) {
		account, err := who(t)
		if err != nil {
			return nil, err
		}
		if err := t.AddDomainAdmin(id, account); err != nil {
			return nil, err
		}
		return domainAdmins(t, id)
	}, err
}

func removeDomainAdmin(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	account, err := c.pk("account")
	return func(t *manage.Tx) (*answer, error) { return gone(), t.RemoveDomainAdmin(id, account) }, err
}
