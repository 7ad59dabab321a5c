package manage

import (
	"database/sql"
	"fmt"
)

// DomainAdmins lists the accounts that administrate a domain without being
// super administrators, by login. Of mailboxes, domains and dates nothing is
// told.
func (t *Tx) DomainAdmins(id int64) ([]Account, error) {
	if _, err := t.Domain(id); err != nil {
		return nil, err
	}
	out := []Account{}
	base, err := t.baseRows()
	if err != nil {
		return nil, err
	}
	err = t.each("SELECT u.id, u.username, u.first_name, u.last_name, u.email, u.is_active, "+roleOf+` FROM core_user u
		JOIN core_objectaccess oa ON oa.user_id = u.id WHERE oa.content_type_id = ? AND oa.object_id = ? AND u.is_superuser = ? ORDER BY u.username`,
		[]any{base.ContentTypes[string(DomainObject)], id, false}, func(r *sql.Rows) error {
			var a Account
			var group sql.NullString
			err := r.Scan(&a.ID, &a.Username, &a.FirstName, &a.LastName, &a.Email, &a.Active, &group)
			a.Role = roleFrom(false, group)
			out = append(out, a)
			return err
		})
	return out, err
}

// AddDomainAdmin makes an account of role DomainAdmins or Resellers an
// administrator of a domain: it gets access to the domain, its mailboxes and
// their accounts, but for those of super administrators and resellers, and its
// aliases.
func (t *Tx) AddDomainAdmin(domain, account int64) error {
	d, who, err := t.adminOf(domain, account)
	if err != nil {
		return err
	}
	if who.Role != DomainAdmins && who.Role != Resellers {
		return invalid("account", "This account is not an administrator of domains.")
	}
	there, err := t.isAdmin(domain, account)
	if err != nil || there {
		return err
	}
	if err := t.domainRoom(domain, "domain_admins", "account", 1); err != nil {
		return refused(err)
	}
	if err := t.giveDomain(account, domain); err != nil {
		return err
	}
	return t.log("%s made an administrator of domain %s", who.Username, d.Name)
}

// adminOf checks that the caller may change who administrates a domain, and
// that he has access to the account.
func (t *Tx) adminOf(domain, account int64) (*Domain, *Account, error) {
	d, err := t.Domain(domain)
	if err != nil {
		return nil, nil, err
	}
	if err := t.allow(DomainObject); err != nil {
		return nil, nil, err
	}
	var a Account
	var super bool
	var group sql.NullString
	there, err := t.find("SELECT u.id, u.username, u.is_superuser, "+roleOf+" FROM core_user u WHERE u.id = ?", []any{account}, &a.ID, &a.Username, &super, &group)
	if err != nil {
		return nil, nil, err
	}
	if !there {
		return nil, nil, invalid("account", "Invalid pk \"%d\" - object does not exist.", account)
	}
	a.Role = roleFrom(super, group)
	ok, err := t.sees(UserObject, account)
	if err == nil && !ok {
		err = invalid("account", "Permission denied.")
	}
	return d, &a, err
}

func (t *Tx) isAdmin(domain, account int64) (bool, error) {
	base, err := t.baseRows()
	if err != nil {
		return false, err
	}
	n, err := t.count("SELECT count(*) FROM core_objectaccess WHERE user_id = ? AND content_type_id = ? AND object_id = ?",
		account, base.ContentTypes[string(DomainObject)], domain)
	return n > 0, err
}

// RemoveDomainAdmin takes a domain with all that is in it from an
// administrator. What he owns there passes to the domain's owner, who cannot
// be removed himself.
func (t *Tx) RemoveDomainAdmin(domain, account int64) error {
	d, who, err := t.adminOf(domain, account)
	if err != nil {
		return err
	}
	there, err := t.isAdmin(domain, account)
	if err != nil {
		return err
	}
	if !there || who.Role == SuperAdmins {
		return invalid("account", "This account does not administrate the domain.")
	}
	owner, err := t.ownerOf(DomainObject, domain)
	if err != nil {
		return err
	}
	if owner == account {
		return conflict("%s owns the domain, and cannot be removed from its administrators.", who.Username)
	}
	if owner == 0 {
		if owner, err = t.heir(account); err != nil {
			return err
		}
	}
	if err := t.passInDomain(account, owner, domain); err != nil {
		return err
	}
	if err := t.takeDomain(account, domain); err != nil {
		return err
	}
	return t.log("%s removed from the administrators of domain %s", who.Username, d.Name)
}

// passInDomain passes what an account owns in a domain to somebody else, and
// takes the domain's domain aliases from it.
func (t *Tx) passInDomain(account, to, domain int64) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	all := t.inDomain(domain)
	all[UserObject] += fmt.Sprintf(" AND u.id <> %d", account)
	all[DomainAliasObject] = fmt.Sprintf("SELECT id FROM admin_domainalias WHERE target_id = %d", domain)
	for kind, ids := range all {
		owned, err := t.ids("SELECT object_id FROM core_objectaccess WHERE user_id = ? AND content_type_id = ? AND is_owner = ? AND object_id IN ("+ids+")",
			account, base.ContentTypes[string(kind)], true)
		if err != nil {
			return err
		}
		if len(owned) > 0 {
			if err := t.setOwner(kind, owned, account, to); err != nil {
				return err
			}
		}
	}
	_, err = t.exec("DELETE FROM core_objectaccess WHERE user_id = ? AND content_type_id = ? AND object_id IN ("+all[DomainAliasObject]+")",
		account, base.ContentTypes[string(DomainAliasObject)])
	return err
}

// setOwner makes somebody the owner of objects that another one owned. The
// latter keeps his access.
func (t *Tx) setOwner(o Object, ids []int64, was, is int64) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	kind, list := base.ContentTypes[string(o)], joinIDs(ids)
	for _, id := range ids {
		if err := t.grant(o, id, is); err != nil {
			return err
		}
	}
	for user, owner := range map[int64]bool{was: false, is: true} {
		_, err := t.exec("UPDATE core_objectaccess SET is_owner = ? WHERE user_id = ? AND content_type_id = ? AND object_id IN ("+list+")", owner, user, kind)
		if err != nil {
			return err
		}
	}
	return nil
}
