package rows

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// Domains are all domains of a database by their folded names, with who is no
// super administrator but may see them.
type Domains struct {
	ByName  map[string]*Domain // of several that fold to one name the oldest
	ByID    map[int64]*Domain
	Aliases map[string]string // domain alias to its target's name
}

// ReadDomains reads them. Domain.Allocated stays 0.
func ReadDomains(ctx context.Context, d *db.DB, q db.Queryer) (*Domains, error) {
	out := &Domains{map[string]*Domain{}, map[int64]*Domain{}, map[string]string{}}
	admins := map[int64]*User{}
	for _, part := range []struct {
		table, query string
		args         []any
		scan         func(*sql.Rows) error
	}{
		{"admin_domain", "SELECT id, name, type, quota, default_mailbox_quota FROM admin_domain ORDER BY id", nil, out.domain},
		{"admin_domainalias", "SELECT a.name, d.name FROM admin_domainalias a JOIN admin_domain d ON d.id = a.target_id", nil, out.alias},
		{
			"core_objectaccess", `SELECT o.object_id, o.user_id, u.username FROM core_objectaccess o
			JOIN django_content_type t ON t.id = o.content_type_id JOIN core_user u ON u.id = o.user_id
			WHERE t.app_label = 'admin' AND t.model = 'domain' AND u.is_superuser = ?`,
			[]any{false},
			func(r *sql.Rows) error { return out.admin(r, admins) },
		},
	} {
		if err := Each(ctx, d, q, part.query, part.args, part.scan); err != nil {
			return nil, fmt.Errorf("read %s: %w", part.table, err)
		}
	}
	return out, nil
}

func (x *Domains) domain(r *sql.Rows) error {
	var d Domain
	var kind string
	if err := r.Scan(&d.ID, &d.Name, &kind, &d.Quota, &d.MailboxQuota); err != nil {
		return err
	}
	d.Name, d.Relay = store.Fold(d.Name), kind == "relaydomain"
	if x.ByName[d.Name] == nil {
		x.ByName[d.Name] = &d
	}
	x.ByID[d.ID] = &d
	return nil
}

func (x *Domains) alias(r *sql.Rows) error {
	var name, target string
	err := r.Scan(&name, &target)
	x.Aliases[store.Fold(name)] = store.Fold(target)
	return err
}

func (x *Domains) admin(r *sql.Rows, admins map[int64]*User) error {
	var object, id int64
	var login string
	err := r.Scan(&object, &id, &login)
	if admins[id] == nil {
		admins[id] = &User{ID: id, Login: store.Fold(login)}
	}
	if d := x.ByID[object]; d != nil {
		d.Admins = append(d.Admins, admins[id])
	}
	return err
}
