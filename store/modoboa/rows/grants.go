package rows

import (
	"context"
	"database/sql"
)

// grant is a row of core_objectaccess.
type grant struct {
	user   *User
	kind   string // content type
	object int64
	owner  bool
}

// grants makes the access rights of the new objects: the owner owns them,
// super administrators and the domain's administrators see them, and an
// administrator sees himself (modoboa/lib/permissions.py,
// grant_access_to_object; post_create of the models).
func (w *Writer) grants(s *Set) []grant {
	var out []grant
	owner := w.Owner
	if owner == nil {
		owner = w.Base.Superusers[0]
	}
	add := func(kind string, object int64, viewers ...*User) {
		out = append(out, grant{owner, kind, object, true})
		seen := map[int64]bool{owner.ID: true}
		for _, list := range [][]*User{w.Base.Superusers, viewers} {
			for _, u := range list {
				if !seen[u.ID] {
					seen[u.ID] = true
					out = append(out, grant{u, kind, object, false})
				}
			}
		}
	}
	for _, d := range s.Domains {
		add("admin.domain", d.ID, d.Admins...)
	}
	for _, a := range s.DomainAliases {
		add("admin.domainalias", a.ID, a.Target.Admins...)
	}
	for _, m := range s.Mailboxes {
		if m.User.Privileged {
			add("admin.mailbox", m.ID)
		} else {
			add("admin.mailbox", m.ID, m.Domain.Admins...)
		}
	}
	for _, u := range s.Users {
		var viewers []*User
		if u.Mailbox != nil && !u.Privileged {
			viewers = append(viewers, u.Mailbox.Domain.Admins...)
		}
		if u.Role != "SimpleUsers" {
			viewers = append(viewers, u)
		}
		add("core.user", u.ID, viewers...)
	}
	for _, a := range s.Aliases {
		if !a.Internal {
			add("admin.alias", a.ID, a.Domain.Admins...)
		}
	}
	return out
}

// oldGrants are the access rights of new administrators to what existed.
func (w *Writer) oldGrants(ctx context.Context, s *Set) (out []grant, err error) {
	for _, u := range s.Users {
		for _, d := range s.AdminOf[u] {
			if d.ID == 0 {
				continue // new, and so is all in it
			}
			old, err := w.oldObjects(ctx, u, d)
			if err != nil {
				return nil, err
			}
			out = append(out, old...)
		}
	}
	return out, nil
}

// oldObjects are the access rights of a new administrator to a domain that
// existed, its mailboxes, their accounts (but for those with more rights than
// his own) and its aliases (modoboa/admin/models/domain.py, add_admin).
func (w *Writer) oldObjects(ctx context.Context, u *User, d *Domain) ([]grant, error) {
	out := []grant{{u, "admin.domain", d.ID, false}}
	err := Each(ctx, w.DB, w.Tx, `SELECT m.id, m.user_id FROM admin_mailbox m JOIN core_user u ON u.id = m.user_id
		WHERE m.domain_id = ? AND u.is_superuser = ? AND NOT EXISTS (SELECT 1 FROM core_user_groups ug
			JOIN auth_group g ON g.id = ug.group_id WHERE ug.user_id = u.id AND g.name = 'Resellers')`,
		[]any{d.ID, false}, func(r *sql.Rows) error {
			var box, account int64
			err := r.Scan(&box, &account)
			out = append(out, grant{u, "admin.mailbox", box, false}, grant{u, "core.user", account, false})
			return err
		})
	if err != nil {
		return nil, err
	}
	err = Each(ctx, w.DB, w.Tx, "SELECT id FROM admin_alias WHERE domain_id = ? AND internal = ?",
		[]any{d.ID, false}, func(r *sql.Rows) error {
			var id int64
			err := r.Scan(&id)
			out = append(out, grant{u, "admin.alias", id, false})
			return err
		})
	return out, err
}
