package manage

import (
	"database/sql"
	"slices"

	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// removable deletes the accounts of administrators who have their mailbox in a
// domain, and returns the ids of its plain users, which are to go once their
// mailboxes have; if accounts go with their domain at all. The caller and super
// administrators stay, and whom the caller may not delete.
func (t *Tx) removable(d *Domain) (users []int64, err error) {
	p, err := t.Parameters()
	if err != nil || !p.Flag(parameters.AutoAccountRemoval) {
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
// when they had another role, passes to a super administrator.
func (t *Tx) deleteUsers(ids []int64) error {
	for part := range slices.Chunk(ids, 1000) {
		s := rowSet{table: "core_user", where: "id IN (" + joinIDs(part) + ")"}
		if err := t.ungrantAll(UserObject, s); err != nil {
			return err
		}
		owners, err := t.ids("SELECT DISTINCT user_id FROM core_objectaccess WHERE is_owner = ? AND user_id IN ("+joinIDs(part)+")", true)
		if err != nil {
			return err
		}
		for _, id := range owners {
			if err := t.disown(id); err != nil {
				return err
			}
		}
		if err := t.deleteRows(s); err != nil {
			return err
		}
	}
	return nil
}
