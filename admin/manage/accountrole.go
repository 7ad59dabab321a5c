package manage

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// rank orders the roles by what they allow.
func (r Role) rank() int {
	return slices.Index([]Role{SimpleUsers, DomainAdmins, Resellers, SuperAdmins}, r)
}

// MayGive reports whether the caller may give somebody a role, or take it
// from him.
func (c *Caller) MayGive(r Role) bool {
	switch r {
	case SuperAdmins, Resellers:
		return c.Super()
	case DomainAdmins:
		return c.Super() || c.Role == Resellers
	case SimpleUsers:
		return c.Administrates()
	}
	return false
}

// allowAccount is an error unless the caller, who sees an account, may change
// it. Whoever can set a password can do what its owner can, so nobody may
// change whose role is above his own, nor one domain administrator another who
// has a domain that he has not.
func (t *Tx) allowAccount(a *Account) error {
	if err := t.allow(UserObject); err != nil {
		return err
	}
	no := denied("You do not have permission to perform this action.")
	if a.Role.rank() > t.caller.Role.rank() {
		return no
	}
	if t.self(a) || t.caller.Role != DomainAdmins {
		return nil
	}
	for _, name := range a.Domains {
		if d, err := t.seenDomain(name); err != nil || d == nil {
			return cmp.Or(err, no)
		}
	}
	return nil
}

// self reports whether an account is the caller's own.
func (t *Tx) self(a *Account) bool { return a != nil && !t.caller.Root && a.ID == t.caller.ID }

func (t *Tx) draftRole(d *draft) error {
	d.role = SimpleUsers
	if d.was != nil {
		d.role = d.was.Role
	}
	d.role = d.in.Role.Or(d.role)
	if changed := d.was == nil || d.role != d.was.Role; changed {
		if err := t.changeOfRole(d); err != nil {
			return err
		}
	}
	if d.role == SimpleUsers && len(d.f["username"]) == 0 && !isAddress(d.name) {
		d.f.add("username", "Enter a valid email address.")
	}
	return nil
}

// changeOfRole checks a role that an account does not have yet.
func (t *Tx) changeOfRole(d *draft) error {
	if !t.caller.MayGive(d.role) || d.was != nil && d.was.Role != "" && !t.caller.MayGive(d.was.Role) {
		d.f.add("role", "\"%s\" is not a valid choice.", rows.Shown(string(d.role)))
		return nil
	}
	if t.self(d.was) {
		return d.blame(denied("You can't change your own role"))
	}
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	if d.role != SuperAdmins && base.Groups[string(d.role)] == 0 {
		d.f.add("role", "The role %s is missing in the database (table auth_group).", d.role)
		return nil
	}
	if d.role == DomainAdmins {
		if err := t.room("domain_admins", "role", 1); err != nil {
			return d.blame(err)
		}
	}
	if d.was == nil {
		return nil
	}
	return d.blame(t.notLast(d.was))
}

// notLast is an error if an account is the last super administrator who can
// log in.
func (t *Tx) notLast(a *Account) error {
	if a.Role != SuperAdmins || !a.Active {
		return nil
	}
	n, err := t.count("SELECT count(*) FROM core_user WHERE is_superuser = ? AND is_active = ? AND id <> ?", true, true, a.ID)
	if err == nil && n == 0 {
		err = conflict("%s is the last active super administrator: make another one first.", a.Username)
	}
	return err
}

func (t *Tx) draftMaster(d *draft) error {
	was := d.was != nil && d.was.MasterUser
	wanted := d.in.MasterUser.Or(was)
	switch {
	case d.role != SuperAdmins && d.in.MasterUser.Value:
		d.f.add("master_user", "Not allowed for this role.")
	case d.role != SuperAdmins:
		wanted = false
	}
	if d.was == nil || wanted != was {
		d.columns["master_user"] = wanted
	}
	return nil
}

// setRole changes an account's role, with what depends on it.
func (t *Tx) setRole(a *Account, to Role) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM core_user_groups WHERE user_id = ?", a.ID); err != nil {
		return err
	}
	if _, err := t.exec("UPDATE core_user SET is_superuser = ? WHERE id = ?", to == SuperAdmins, a.ID); err != nil {
		return err
	}
	if to != SuperAdmins {
		if _, err := t.exec("INSERT INTO core_user_groups (user_id, group_id) VALUES (?, ?)", a.ID, base.Groups[string(to)]); err != nil {
			return err
		}
	}
	t.base = nil // its list of super administrators
	administrates := func(r Role) bool { return r == DomainAdmins || r == Resellers }
	left := administrates(a.Role) && !administrates(to)
	if left {
		err = t.returnLimits(a.ID)
	}
	if err == nil && (a.Role == SuperAdmins || left && to == SimpleUsers) {
		err = t.disown(a.ID)
	}
	if err == nil && to != SimpleUsers {
		err = t.grant(UserObject, a.ID, a.ID)
	}
	return err
}

// disown passes what an account owns to a super administrator and takes all
// its access rights.
func (t *Tx) disown(id int64) error {
	if err := t.passOwned(id); err != nil {
		return err
	}
	_, err := t.exec("DELETE FROM core_objectaccess WHERE user_id = ?", id)
	return err
}

// heir is who gets what somebody owned: the caller, if he is a super
// administrator, else the first of them.
func (t *Tx) heir(of int64) (int64, error) {
	if t.caller.Super() && !t.caller.Root && t.caller.ID != of {
		return t.caller.ID, nil
	}
	id, err := t.count("SELECT id FROM core_user WHERE is_superuser = ? AND id <> ? ORDER BY is_active DESC, id LIMIT 1", true, of)
	if err == nil && id == 0 {
		err = conflict("There is no other super administrator, who could own what this account owns: make one first.")
	}
	return id, err
}

// passOwned gives all that an account owns to its heir.
func (t *Tx) passOwned(from int64) error {
	to, err := t.heir(from)
	if err != nil {
		return err
	}
	const pairs = `FROM core_objectaccess o %s core_objectaccess h ON h.user_id = ? AND h.content_type_id = o.content_type_id AND h.object_id = o.object_id
		WHERE o.user_id = ? AND o.is_owner = ?`
	both, err := t.ids("SELECT h.id "+fmt.Sprintf(pairs, "JOIN"), to, from, true)
	if err != nil {
		return err
	}
	alone, err := t.ids("SELECT o.id "+fmt.Sprintf(pairs, "LEFT JOIN")+" AND h.id IS NULL", to, from, true)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(alone, 1000) {
		if _, err := t.exec("UPDATE core_objectaccess SET user_id = ? WHERE id IN ("+joinIDs(part)+")", to); err != nil {
			return err
		}
	}
	if _, err := t.exec("UPDATE core_objectaccess SET is_owner = ? WHERE user_id = ?", false, from); err != nil {
		return err
	}
	for part := range slices.Chunk(both, 1000) {
		if _, err := t.exec("UPDATE core_objectaccess SET is_owner = ? WHERE id IN ("+joinIDs(part)+")", true); err != nil {
			return err
		}
	}
	return nil
}
