package manage

import (
	"fmt"
	"slices"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// draftDomains checks the domains that an account is to administrate. Of a
// role that administrates none they do not count, as in Modoboa.
func (t *Tx) draftDomains(d *draft) error {
	if !d.in.Domains.Set || d.role != DomainAdmins && d.role != Resellers {
		d.in.Domains.Set = false
		return nil
	}
	var had []string
	if d.was != nil {
		had = d.was.Domains
	}
	for _, name := range d.in.Domains.Value {
		dom, err := t.seenDomain(name)
		switch {
		case err != nil:
			return err
		case dom == nil:
			d.f.add("domains", "Local domain %s does not exist", rows.Shown(name))
			continue
		case slices.ContainsFunc(d.domains, func(o *rows.Domain) bool { return o.ID == dom.ID }):
			continue
		}
		if d.box != nil && d.box.domain.ID == dom.ID {
			dom = d.box.domain
		}
		d.domains = append(d.domains, dom)
		if slices.Contains(had, dom.Name) {
			continue
		}
		if err := t.domainRoom(dom.ID, "domain_admins", "domains", 1); err != nil {
			if err := d.blame(err); err != nil {
				return err
			}
		}
	}
	if t.changesDomains(d, had) && !t.caller.MayGive(d.role) {
		return d.blame(denied("You do not have permission to perform this action."))
	}
	return nil
}

// changesDomains reports whether a draft gives or takes a domain.
func (t *Tx) changesDomains(d *draft, had []string) bool {
	for _, dom := range d.domains {
		if !slices.Contains(had, dom.Name) {
			return true
		}
	}
	return len(d.domains) < len(had)
}

// seenDomain finds a domain that the caller has access to, nil if there is
// none.
func (t *Tx) seenDomain(name string) (*rows.Domain, error) {
	dom, err := t.boxDomain(store.Fold(name))
	if e, blamed := asError(err); blamed && e.Kind == NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ok, err := t.sees(DomainObject, dom.ID)
	if err != nil || !ok {
		return nil, err
	}
	return dom, nil
}

// writeDomains gives an account the domains that a draft says, and takes those
// that it does not say, but for domains that the account owns, or that the
// caller does not see.
func (t *Tx) writeDomains(d *draft, account int64) error {
	if !d.in.Domains.Set {
		return nil
	}
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	had, err := t.ids("SELECT oa.object_id FROM core_objectaccess oa WHERE oa.user_id = ? AND oa.content_type_id = ? AND oa.is_owner = ? AND "+t.visible(DomainObject, "oa.object_id"),
		account, base.ContentTypes[string(DomainObject)], false)
	if err != nil {
		return err
	}
	for _, id := range had {
		if slices.ContainsFunc(d.domains, func(dom *rows.Domain) bool { return dom.ID == id }) {
			continue
		}
		if err := t.takeDomain(account, id); err != nil {
			return err
		}
	}
	for _, dom := range d.domains {
		if err := t.giveDomain(account, dom.ID); err != nil {
			return err
		}
	}
	return nil
}

// inDomain are the objects of a domain that its administrators see, as SELECTs
// of their ids (modoboa/admin/models/domain.py, add_admin): accounts with
// more rights than theirs are not among them.
func (t *Tx) inDomain(domain int64) map[Object]string {
	lesser := fmt.Sprintf(`FROM admin_mailbox m JOIN core_user u ON u.id = m.user_id WHERE m.domain_id = %d AND u.is_superuser = false
		AND NOT EXISTS (SELECT 1 FROM core_user_groups ug JOIN auth_group g ON g.id = ug.group_id WHERE ug.user_id = u.id AND g.name = 'Resellers')`, domain)
	return map[Object]string{
		DomainObject:  fmt.Sprintf("SELECT d.id FROM admin_domain d WHERE d.id = %d", domain),
		MailboxObject: "SELECT m.id " + lesser,
		UserObject:    "SELECT u.id " + lesser,
		AliasObject:   fmt.Sprintf("SELECT a.id FROM admin_alias a WHERE a.domain_id = %d AND a.internal = false", domain),
	}
}

// giveDomain gives an account access to a domain and what is in it.
func (t *Tx) giveDomain(account, domain int64) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	for kind, ids := range t.inDomain(domain) {
		// Numbers are written into the text: PostgreSQL takes a parameter in a
		// SELECT for a text.
		_, err := t.exec(fmt.Sprintf(`INSERT INTO core_objectaccess (user_id, content_type_id, object_id, is_owner)
			SELECT %d, %d, o.id, false FROM (%s) o WHERE NOT EXISTS (SELECT 1 FROM core_objectaccess x
				WHERE x.user_id = %[1]d AND x.content_type_id = %[2]d AND x.object_id = o.id)`, account, base.ContentTypes[string(kind)], ids))
		if err != nil {
			return err
		}
	}
	return nil
}

// takeDomain takes from an account what giveDomain gives, but not what it owns
// and not the access to itself.
func (t *Tx) takeDomain(account, domain int64) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	for kind, ids := range t.inDomain(domain) {
		if kind == UserObject {
			ids += fmt.Sprintf(" AND u.id <> %d", account)
		}
		if _, err := t.exec("DELETE FROM core_objectaccess WHERE user_id = ? AND content_type_id = ? AND is_owner = ? AND object_id IN ("+ids+")",
			account, base.ContentTypes[string(kind)], false); err != nil {
			return err
		}
	}
	return nil
}
