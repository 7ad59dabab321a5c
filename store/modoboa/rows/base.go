package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// SuperAdmins is the role that is no group: core_user.is_superuser.
const SuperAdmins = "SuperAdmins"

// UserLimits are the limits that every user has a row of, and the content type
// of what they limit (modoboa/limits/constants.py).
var UserLimits = []struct{ Name, ContentType string }{
	{"domains", "admin.domain"},
	{"domain_aliases", "admin.domainalias"},
	{"mailboxes", "admin.mailbox"},
	{"mailbox_aliases", "admin.alias"},
	{"domain_admins", "core.user"},
	{"quota", "admin.domain"},
}

// DomainLimits are the limits that every domain has a row of.
var DomainLimits = []string{"domain_aliases", "mailboxes", "mailbox_aliases", "domain_admins"}

// Base is what all objects need to be written: the shape of the tables, the
// roles and kinds of objects by their ids, and who sees everything.
type Base struct {
	Tables       map[string]Table
	Groups       map[string]int64 // roles
	ContentTypes map[string]int64 // "app_label.model"
	Limits       map[string]int64 // parameters of the app "limits": deflt_user_domains_limit ...
	Superusers   []*User          // by id
	SelfAliasOff bool             // Modoboa 2.3: a disabled account's self-alias is disabled
}

// tables are what a [Writer] writes, and others that come and go with objects.
var tables = []string{
	"transport_transport", "admin_domain", "core_user", "core_user_groups", "admin_mailbox", "admin_quota",
	"admin_alias", "modoboa_admin_aliasrecipient", "admin_domainalias", "relaydomains_recipientaccess",
	"core_objectaccess", "limits_userobjectlimit", "limits_domainobjectlimit", "postfix_autoreply_transport",
	"admin_senderaddress", "admin_mailboxoperation", "authtoken_token", "core_log", "admin_alarm", "vmapd_dkim_key",
	"admin_mxrecord", "admin_dnsblresult", "dnstools_dnsrecord",
}

// optional are those of them that need not be there.
var optional = []string{
	"limits_userobjectlimit", "limits_domainobjectlimit", "postfix_autoreply_transport",
	"admin_senderaddress", "admin_mailboxoperation", "authtoken_token", "core_log", "admin_alarm", "vmapd_dkim_key",
	"admin_mxrecord", "admin_dnsblresult", "dnstools_dnsrecord",
}

// ReadTables describes the tables that objects are made of.
func ReadTables(ctx context.Context, d *db.DB, q db.Queryer) (map[string]Table, error) {
	out := map[string]Table{}
	for _, name := range tables {
		t, err := ReadTable(ctx, d, q, name)
		if err != nil {
			return nil, err
		}
		if len(t) == 0 && !slices.Contains(optional, name) {
			return nil, fmt.Errorf("there is no table %s: the tables of Modoboa 1.10 or newer are needed; in an empty database \"vmapd init\" makes them", name)
		}
		out[name] = t
	}
	return out, nil
}

// ReadBase reads what all objects need; tables are those of [ReadTables], o is
// what vmapd's file sets of Modoboa's parameters. A database without a super
// administrator is an error: he is who owns things and sees them.
func ReadBase(ctx context.Context, d *db.DB, q db.Queryer, tables map[string]Table, o parameters.Overrides) (*Base, error) {
	b := &Base{
		Tables: tables, Groups: map[string]int64{}, ContentTypes: map[string]int64{},
		SelfAliasOff: tables["core_user"].Has("totp_enabled"),
	}
	for _, part := range []struct {
		table, query string
		args         []any
		scan         func(*sql.Rows) error
	}{
		{"core_user", "SELECT id, username FROM core_user WHERE is_superuser = ? ORDER BY id", []any{true}, b.superuser},
		{"auth_group", "SELECT id, name FROM auth_group", nil, b.group},
		{"django_content_type", "SELECT id, app_label, model FROM django_content_type", nil, b.contentType},
	} {
		if err := Each(ctx, d, q, part.query, part.args, part.scan); err != nil {
			return nil, fmt.Errorf("read %s: %w", part.table, err)
		}
	}
	set, err := parameters.Read(ctx, d, q, Release(tables), o)
	if err != nil {
		return nil, err
	}
	b.Limits = set.Limits()
	if len(b.Superusers) == 0 {
		return nil, errors.New("core_user has no super administrator, who would own what is made: make one first")
	}
	return b, nil
}

func (b *Base) superuser(r *sql.Rows) error {
	u := User{Superuser: true, Privileged: true, Role: SuperAdmins}
	err := r.Scan(&u.ID, &u.Login)
	u.Login = store.Fold(u.Login)
	b.Superusers = append(b.Superusers, &u)
	return err
}

func (b *Base) group(r *sql.Rows) error {
	var id int64
	var name string
	err := r.Scan(&id, &name)
	b.Groups[name] = id
	return err
}

func (b *Base) contentType(r *sql.Rows) error {
	var id int64
	var label, model string
	err := r.Scan(&id, &label, &model)
	b.ContentTypes[label+"."+model] = id
	return err
}

// Release says out of which range of releases tables are.
func Release(tables map[string]Table) parameters.Release {
	return parameters.ReleaseOf(func(table, column string) bool { return tables[table].Has(column) })
}
