package manage

import (
	"database/sql"
)

// removable deletes the accounts of administrators who have their mailbox in a
// domain, and returns the ids of its plain users, which are to go once their
// mailboxes have; if accounts go with their domain at all. The caller and super
// administrators stay, and whom the caller may not delete.
func (t *Tx) removable(d *Domain) (users []int64, err error) {
	p, err := t.parameters()
	if err != nil || !p.flag("admin", "auto_account_removal", false) {
		return nil, err
	}
	var admins []int64
	err = t.each("SELECT u.id, "+roleOf+" FROM core_user u JOIN admin_mailbox m ON m.user_id = u.id WHERE m.domain_id = ? AND u.is_superuser = ? AND u.id <> ?",
		[]any{d.ID, false, t.caller.ID}, func(r *sql.Rows) error {
			var id int64
			var group sql.NullString
			err := r.Scan(&id, &group)
			if role := roleFrom(false, group); role == DomainAdmins || role == Resellers {
				admins = append(admins, id)
			} else {
				users = append(users, id)
			}
			return err
		})
	if err != nil {
		return nil, err
	}
	for _, id := range admins {
		err := t.DeleteAccount(id, true) // what becomes of the files is said already
		if e, ok := asError(err); ok && (e.Kind == Denied || e.Kind == NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	return users, nil
}

// deleteUsers deletes accounts without mailboxes. What they own, from a time
// when they had another role, is the first super administrator's from now on.
func (t *Tx) deleteUsers(ids []int64) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	for part := range chunks(ids) {
		s := byIDs("core_user", part)
		if err := t.ungrantAll(UserObject, s); err != nil {
			return err
		}
		list, args := idList(part)
		if err := t.passOn("user_id IN ("+list+")", args, base.Superusers[0].ID); err != nil {
			return err
		}
		if err := t.deleteRows(s); err != nil {
			return err
		}
	}
	return nil
}

// passOn gives objects to a new owner: those of the rows of access, of who owns
// them, that a condition holds for. The old rows go.
func (t *Tx) passOn(where string, args []any, to int64) error {
	type object struct{ kind, id int64 }
	var owned []object
	err := t.each("SELECT content_type_id, object_id FROM core_objectaccess WHERE is_owner = ? AND "+where, append([]any{true}, args...), func(r *sql.Rows) error {
		var o object
		err := r.Scan(&o.kind, &o.id)
		owned = append(owned, o)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM core_objectaccess WHERE is_owner = ? AND "+where, append([]any{true}, args...)...); err != nil {
		return err
	}
	for _, o := range owned {
		n, err := t.exec("UPDATE core_objectaccess SET is_owner = ? WHERE user_id = ? AND content_type_id = ? AND object_id = ?", true, to, o.kind, o.id)
		if err == nil && n == 0 {
			_, err = t.exec("INSERT INTO core_objectaccess (user_id, content_type_id, object_id, is_owner) VALUES (?, ?, ?, ?)", to, o.kind, o.id, true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
