package manage

import (
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// CreateDomainAlias makes a further name of a domain that the caller has access
// to, with the internal alias "@name" that leads to it.
func (t *Tx) CreateDomainAlias(in DomainAliasInput) (*DomainAlias, error) {
	if err := t.allow(DomainAliasObject); err != nil {
		return nil, err
	}
	a, err := t.planDomainAlias(DomainAlias{Enabled: true}, in)
	if err != nil {
		return nil, err
	}
	if err := t.room("domain_aliases", "name", 1); err != nil {
		return nil, refused(err)
	}
	if err := t.domainRoom(a.TargetID, "domain_aliases", "name", 1); err != nil {
		return nil, refused(err)
	}
	if err := t.dropInternal("@" + a.Name); err != nil { // Modoboa leaves them behind
		return nil, err
	}
	admins, err := t.admins(a.TargetID)
	if err != nil {
		return nil, err
	}
	target := &rows.Domain{ID: a.TargetID, Name: a.TargetName}
	for _, id := range admins {
		target.Admins = append(target.Admins, &rows.User{ID: id})
	}
	row := &rows.DomainAlias{Name: a.Name, Target: target, Enabled: a.Enabled}
	internal := &rows.Alias{Address: "@" + a.Name, Internal: true, Enabled: true}
	err = t.make(&rows.Set{
		DomainAliases: []*rows.DomainAlias{row}, Aliases: []*rows.Alias{internal},
		Recipients: []*rows.Recipient{{Alias: internal, Address: "@" + a.TargetName}},
	})
	if err != nil {
		return nil, err
	}
	if err := t.checkLoops("@" + a.Name); err != nil {
		return nil, err
	}
	if err := t.log("Domain alias %s added", a.Name); err != nil {
		return nil, err
	}
	return t.DomainAlias(row.ID)
}

// planDomainAlias puts an input over what there is and checks the whole.
func (t *Tx) planDomainAlias(a DomainAlias, in DomainAliasInput) (DomainAlias, error) {
	was := a
	f := fields{}
	if was.ID == 0 || in.Name.Set && store.Fold(in.Name.Value) != was.Name {
		a.Name = t.checkName(f, "admin_domainalias", in.Name)
		if len(f) == 0 {
			if err := t.checkAliasTaken(f, a); err != nil {
				return a, err
			}
		}
	}
	if err := t.planTarget(f, &a, in); err != nil {
		return a, err
	}
	a.Enabled = in.Enabled.Or(a.Enabled)
	return a, f.err()
}

// checkAliasTaken checks that no other domain or domain alias has a name.
func (t *Tx) checkAliasTaken(f fields, a DomainAlias) error {
	other, err := t.domainAliasID(a.Name)
	if err != nil {
		return err
	}
	if other != 0 && other != a.ID {
		f.add("name", "domain alias with this name already exists.")
	}
	domain, err := t.domainID(a.Name)
	if domain != 0 {
		f.add("name", "domain with this name already exists")
	}
	return err
}

// planTarget finds the domain that a domain alias leads to. One that the caller
// has no access to is told from one that is not there, as in Modoboa: names and
// numbers are no secret.
func (t *Tx) planTarget(f fields, a *DomainAlias, in DomainAliasInput) error {
	id, what := in.Target.Value, "object"
	switch {
	case in.Target.Set:
	case in.TargetName.Set:
		var err error
		if id, err = t.domainID(in.TargetName.Value); err != nil {
			return err
		}
		what = "domain " + rows.Shown(in.TargetName.Value)
	case a.ID == 0:
		f.add("target", "This field is required.")
		return nil
	default:
		return nil
	}
	there, err := t.find("SELECT name FROM admin_domain WHERE id = ?", []any{id}, &a.TargetName)
	switch {
	case err != nil:
		return err
	case !there && in.Target.Set:
		f.add("target", "Invalid pk \"%d\" - object does not exist.", id)
		return nil
	case !there:
		f.add("target", "The %s does not exist.", what)
		return nil
	}
	ok, err := t.sees(DomainObject, id)
	if err == nil && !ok {
		f.add("target", "Permission denied.")
	}
	a.TargetID = id
	return err
}

// UpdateDomainAlias changes a domain alias, and its internal alias with it.
func (t *Tx) UpdateDomainAlias(id int64, in DomainAliasInput) (*DomainAlias, error) {
	was, err := t.DomainAlias(id)
	if err != nil {
		return nil, err
	}
	if err := t.allow(DomainAliasObject); err != nil {
		return nil, err
	}
	a, err := t.planDomainAlias(*was, in)
	if err != nil {
		return nil, err
	}
	if a.TargetID != was.TargetID {
		if err := t.retarget(was, a.TargetID); err != nil {
			return nil, err
		}
	}
	if a.Name != was.Name {
		if err := t.renameDomainAlias(was, a.Name); err != nil {
			return nil, err
		}
	}
	if err := t.update("admin_domainalias", id, rows.Columns{"name": a.Name, "target_id": a.TargetID, "enabled": a.Enabled}); err != nil {
		return nil, err
	}
	if err := t.setInternal("@"+was.Name, "@"+a.Name, "@"+a.TargetName); err != nil {
		return nil, err
	}
	if err := t.checkLoops("@"+a.Name, "@"+was.Name); err != nil {
		return nil, err
	}
	if err := t.log("Domain alias %s modified", a.Name); err != nil {
		return nil, err
	}
	return t.DomainAlias(id)
}

// PutDomainAlias makes a domain alias what in says, enabled unless it says
// otherwise, and creates it if there is none of the name.
func (t *Tx) PutDomainAlias(name string, in DomainAliasInput) (a *DomainAlias, created bool, err error) {
	name = store.Fold(name)
	if in.Name.Set && store.Fold(in.Name.Value) != name {
		return nil, false, invalid("name", "This is not the name that is asked for, %s.", name)
	}
	in.Name, in.Enabled = Some(name), Some(in.Enabled.Or(true))
	if !in.Target.Set && !in.TargetName.Set {
		return nil, false, invalid("target", "This field is required.")
	}
	id, err := t.domainAliasID(name)
	if err != nil {
		return nil, false, err
	}
	if ok, err := t.sees(DomainAliasObject, id); err != nil || id == 0 || !ok {
		if err == nil {
			a, err = t.CreateDomainAlias(in)
		}
		return a, true, err
	}
	a, err = t.UpdateDomainAlias(id, in)
	return a, false, err
}

// DeleteDomainAlias deletes a domain alias with its internal alias.
func (t *Tx) DeleteDomainAlias(id int64) error {
	a, err := t.DomainAlias(id)
	if err != nil {
		return err
	}
	if err := t.allow(DomainAliasObject); err != nil {
		return err
	}
	if err := t.deleteDomainAlias(a); err != nil {
		return err
	}
	return t.log("Domain alias %s deleted", a.Name)
}
