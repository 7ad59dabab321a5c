package api

import (
	"net/http"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store"
)

// Objects by their natural key: what tools want that say how things shall be.
// A PUT makes the object what the body says, all else has its default; it
// may be repeated.

// name reads the natural key in the path. A body that names another one is an
// error: that would be a renaming.
func (c *call) name(field string, given manage.Opt[string]) (string, error) {
	name := c.path("name")
	switch {
	case !cleanText(name):
		return "", refuse(http.StatusNotFound, "Not found.")
	case given.Set && store.Fold(given.Value) != store.Fold(name):
		return "", badField(field, "The path says %q: rename with PATCH by pk.", name)
	}
	return name, nil
}

func getDomainByName(c *call) (step, error) {
	name, err := c.name("", manage.Opt[string]{})
	return func(t *manage.Tx) (*answer, error) { return one(c.domain)(t.DomainByName(name)) }, err
}

func putDomain(c *call) (step, error) {
	in, err := c.domainInput()
	if err != nil {
		return nil, err
	}
	name, err := c.name("name", in.Name)
	return func(t *manage.Tx) (*answer, error) { return putOne(c.domain)(t.PutDomain(name, in)) }, err
}

func deleteDomainByName(c *call) (step, error) {
	return c.deleteByName(func(t *manage.Tx, name string, keep bool) error {
		d, err := t.DomainByName(name)
		if err != nil {
			return err
		}
		return t.DeleteDomain(d.ID, keep)
	})
}

func (c *call) deleteByName(do func(t *manage.Tx, name string, keep bool) error) (step, error) {
	name, err := c.name("", manage.Opt[string]{})
	if err != nil {
		return nil, err
	}
	keep, err := c.flagParam("keepdir")
	return func(t *manage.Tx) (*answer, error) { return gone(), do(t, name, keep.Value) }, err
}

func getRelayDomainByName(c *call) (step, error) {
	name, err := c.name("", manage.Opt[string]{})
	return func(t *manage.Tx) (*answer, error) { return one(c.relayDomain)(relayDomainByName(t, name)) }, err
}

// relayDomainByName finds a relay domain; one of the name that is none is not
// found.
func relayDomainByName(t *manage.Tx, name string) (*manage.Domain, error) {
	d, err := t.DomainByName(name)
	if err != nil {
		return nil, err
	}
	return t.RelayDomain(d.ID)
}

func putRelayDomain(c *call) (step, error) {
	in, err := c.relayInput("transport")
	if err != nil {
		return nil, err
	}
	name, err := c.name("name", in.Name)
	return func(t *manage.Tx) (*answer, error) { return putOne(c.relayDomain)(t.PutRelayDomain(name, in)) }, err
}

func deleteRelayDomainByName(c *call) (step, error) {
	return c.deleteByName(func(t *manage.Tx, name string, keep bool) error {
		d, err := relayDomainByName(t, name)
		if err != nil {
			return err
		}
		return t.DeleteRelayDomain(d.ID, keep)
	})
}

func getDomainAliasByName(c *call) (step, error) {
	name, err := c.name("", manage.Opt[string]{})
	return func(t *manage.Tx) (*answer, error) { return one(c.domainAlias)(domainAliasByName(t, name)) }, err
}

func domainAliasByName(t *manage.Tx, name string) (*manage.DomainAlias, error) {
	all, err := t.DomainAliases(manage.Query{Search: name})
	if err != nil {
		return nil, err
	}
	for i := range all.Items {
		if a := &all.Items[i]; store.Fold(a.Name) == store.Fold(name) {
			return a, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "There is no such domain alias.")
}

func putDomainAlias(c *call) (step, error) {
	in, err := c.domainAliasInput()
	if err != nil {
		return nil, err
	}
	name, err := c.name("name", in.Name)
	return func(t *manage.Tx) (*answer, error) { return putOne(c.domainAlias)(t.PutDomainAlias(name, in)) }, err
}

func deleteDomainAliasByName(c *call) (step, error) {
	return c.deleteByName(func(t *manage.Tx, name string, _ bool) error {
		a, err := domainAliasByName(t, name)
		if err != nil {
			return err
		}
		return t.DeleteDomainAlias(a.ID)
	})
}

func getAccountByName(c *call) (step, error) {
	name, err := c.name("", manage.Opt[string]{})
	return func(t *manage.Tx) (*answer, error) { return one(c.account)(t.AccountByName(name)) }, err
}

func deleteAccountByName(c *call) (step, error) {
	return c.deleteByName(func(t *manage.Tx, name string, keep bool) error {
		a, err := t.AccountByName(name)
		if err != nil {
			return err
		}
		return t.DeleteAccount(a.ID, keep)
	})
}

func getAliasByName(c *call) (step, error) {
	name, err := c.name("", manage.Opt[string]{})
	return func(t *manage.Tx) (*answer, error) { return one(c.alias)(t.AliasByAddress(name)) }, err
}

func putAlias(c *call) (step, error) {
	in, err := c.aliasInput("recipients")
	if err != nil {
		return nil, err
	}
	name, err := c.name("address", in.Address)
	return func(t *manage.Tx) (*answer, error) { return putOne(c.alias)(t.PutAlias(name, in)) }, err
}

func deleteAliasByName(c *call) (step, error) {
	return c.deleteByName(func(t *manage.Tx, name string, _ bool) error {
		a, err := t.AliasByAddress(name)
		if err != nil {
			return err
		}
		return t.DeleteAlias(a.ID)
	})
}
