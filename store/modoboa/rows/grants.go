package rows

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
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

// oldGrants are the access rights of administrators to what existed when a
// domain was given to them.
func (w *Writer) oldGrants(ctx context.Context, s *Set) (out []grant, err error) {
	for _, u := range w.given(s) {
		var old []grant
		for _, d := range s.AdminOf[u] {
			if d.ID == 0 {
				continue // new, and so is all in it
			}
			objects, err := w.oldObjects(ctx, u, d)
			if err != nil {
				return nil, err
			}
			old = append(old, objects...)
		}
		if u.ID != 0 && len(old) > 0 {
			if old, err = w.without(ctx, u, old); err != nil {
				return nil, err
			}
		}
		out = append(out, old...)
	}
	return out, nil
}

// given are the administrators who get domains: the new ones, and then those
// that exist.
func (w *Writer) given(s *Set) []*User {
	out := slices.Clone(s.Users)
	for u := range s.AdminOf {
		if u.ID != 0 {
			out = append(out, u)
		}
	}
	slices.SortStableFunc(out, func(a, b *User) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// without leaves out what an administrator who exists sees already, himself
// for one.
func (w *Writer) without(ctx context.Context, u *User, grants []grant) ([]grant, error) {
	type object struct{ kind, id int64 }
	seen := map[object]bool{}
	err := Each(ctx, w.DB, w.Tx, "SELECT content_type_id, object_id FROM core_objectaccess WHERE user_id = ?", []any{u.ID}, func(r *sql.Rows) error {
		var o object
		err := r.Scan(&o.kind, &o.id)
		seen[o] = true
		return err
	})
	return slices.DeleteFunc(grants, func(g grant) bool {
		o := object{w.Base.ContentTypes[g.kind], g.object}
		twice := seen[o]
		seen[o] = true
		return twice
	}), err
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
