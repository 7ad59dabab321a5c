package manage

import (
	"database/sql"
	"fmt"

	"github.com/vmapd/vmapd/store/modoboa/rows"
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
	if err := t.limitInDomain(domain, "domain_admins", "Domain admins"); err != nil {
		return err
	}
	if err := t.grant(DomainObject, domain, account); err != nil {
		return err
	}
	for _, s := range manageable(domain, account) {
		if err := t.grantAll(s.kind, s.rowSet, account); err != nil {
			return err
		}
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

// objects are a set of one kind.
type objects struct {
	kind Object
	rowSet
}

// manageable is what an administrator has access to in a domain, besides the
// domain and himself.
func manageable(domain, account int64) []objects {
	const ordinary = `u.is_superuser = ? AND NOT EXISTS (SELECT 1 FROM core_user_groups ug JOIN auth_group g ON g.id = ug.group_id
		WHERE ug.user_id = u.id AND g.name = ?)`
	return []objects{
		{MailboxObject, rowSet{table: "admin_mailbox", where: "domain_id = ? AND EXISTS (SELECT 1 FROM core_user u WHERE u.id = user_id AND " + ordinary + ")",
			args: []any{domain, false, string(Resellers)}}},
		{UserObject, rowSet{table: "core_user u", key: "u.id", where: "u.id IN (SELECT user_id FROM admin_mailbox WHERE domain_id = ?) AND u.id <> ? AND " + ordinary,
			args: []any{domain, account, false, string(Resellers)}}},
		{AliasObject, rowSet{table: "admin_alias", where: "domain_id = ? AND internal = ?", args: []any{domain, false}}},
	}
}

// grantAll gives an account access to a set of objects, where it has none.
func (t *Tx) grantAll(o Object, s rowSet, account int64) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	_, err = t.exec(fmt.Sprintf(`INSERT INTO core_objectaccess (user_id, content_type_id, object_id, is_owner)
		SELECT %[1]d, %[2]d, k.id, false FROM (%[3]s) k WHERE NOT EXISTS (SELECT 1 FROM core_objectaccess oa
			WHERE oa.user_id = %[1]d AND oa.content_type_id = %[2]d AND oa.object_id = k.id)`, account, base.ContentTypes[string(o)], s.keys()), s.args...)
	return err
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
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	if owner == 0 {
		owner = base.Superusers[0].ID
	}
	all := append(manageable(domain, account), objects{DomainObject, rowSet{table: "admin_domain", where: "id = ?", args: []any{domain}}},
		objects{DomainAliasObject, rowSet{table: "admin_domainalias", where: "target_id = ?", args: []any{domain}}})
	for _, s := range all {
		if err := t.ungrantFrom(s, account, owner, base); err != nil {
			return err
		}
	}
	return t.log("%s removed from the administrators of domain %s", who.Username, d.Name)
}

// ungrantFrom takes a set of objects from an account. Those that it owns get a
// new owner.
func (t *Tx) ungrantFrom(s objects, account, owner int64, base *rows.Base) error {
	where := "user_id = ? AND content_type_id = ? AND object_id IN (" + s.keys() + ")"
	args := append([]any{account, base.ContentTypes[string(s.kind)]}, s.args...)
	if err := t.passOn(where, args, owner); err != nil {
		return err
	}
	_, err := t.exec("DELETE FROM core_objectaccess WHERE "+where, args...)
	return err
}
