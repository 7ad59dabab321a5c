package modoboa

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// world is what the database has, as far as a file speaks of it: all domains,
// and of everything else the rows whose folded name occurs in the file. So a
// small file needs little memory and a large one no query per line. Whole
// tables are read for it, because databases before Modoboa 1.10.7 hold names
// that are not folded, which no index finds.
type world struct {
	domains       map[string]*domain
	domainByID    map[int64]*domain
	domainAliases map[string]string // name to target's name
	users         map[string]*user
	mailboxes     map[string]*mailbox
	ordinary      map[string]*alias
	internal      map[string]*alias
	transports    map[string]string // pattern to what it leads to
	access        map[string]bool
	quotas        map[string]bool
	superusers    []*user // the first one owns what is imported
	groups        map[string]int64
	contentTypes  map[string]int64
	limits        map[string]int64 // parameters of the app "limits"
	selfAliasOff  bool             // Modoboa 2.3: a disabled account's self-alias is disabled
	tables        map[string]tableColumns

	mailboxByID map[int64]*mailbox // of those in mailboxes
	aliasByID   map[int64]*alias   // of those in ordinary
}

// wantedNames collects the folded names that a file speaks of: each field that
// could be one, and of an address also what is left without the extension.
func wantedNames(f *csvFile) map[string]bool {
	names := make(map[string]bool, 2*len(f.lines))
	for _, l := range f.lines {
		for i, s := range l.fields {
			if password := i == 2 && l.field(0) == "account"; i == 0 || s == "" || password {
				continue
			}
			s = store.Fold(s)
			names[s] = true
			if base, ok := withoutExtension(s); ok {
				names[base] = true
			}
		}
	}
	return names
}

// withoutExtension turns user+extension@domain into user@domain. Modoboa knows
// no delimiter but "+" (modoboa/lib/email_utils.py, split_mailbox).
func withoutExtension(address string) (string, bool) {
	at := strings.LastIndexByte(address, '@')
	plus := strings.IndexByte(address, '+')
	if at < 0 || plus < 1 || plus > at {
		return "", false
	}
	return address[:plus] + address[at:], true
}

// loader reads the world; its first error sticks.
type loader struct {
	ctx    context.Context
	db     *db.DB
	q      db.Queryer
	wanted map[string]bool
	w      *world
	err    error
}

func loadWorld(ctx context.Context, d *db.DB, q db.Queryer, f *csvFile) (*world, error) {
	l := loader{ctx: ctx, db: d, q: q, wanted: wantedNames(f), w: &world{
		domains: map[string]*domain{}, domainByID: map[int64]*domain{}, domainAliases: map[string]string{},
		users: map[string]*user{}, mailboxes: map[string]*mailbox{},
		ordinary: map[string]*alias{}, internal: map[string]*alias{},
		transports: map[string]string{}, access: map[string]bool{}, quotas: map[string]bool{},
		groups: map[string]int64{}, contentTypes: map[string]int64{}, limits: map[string]int64{},
		tables: map[string]tableColumns{}, mailboxByID: map[int64]*mailbox{}, aliasByID: map[int64]*alias{},
	}}
	l.columns()
	l.domains()
	l.accounts()
	l.aliases()
	l.recipients(f)
	l.rest()
	if l.err == nil && len(l.w.superusers) == 0 {
		l.err = errors.New("core_user has no super administrator, who would own what is imported: make one first")
	}
	return l.w, l.err
}

// each runs a query and calls scan for each of its rows.
func (l *loader) each(table, query string, args []any, scan func(*sql.Rows) error) {
	if l.err != nil {
		return
	}
	if err := eachRow(l.ctx, l.db, l.q, query, args, scan); err != nil {
		l.err = fmt.Errorf("read %s: %w", table, err)
	}
}

func eachRow(ctx context.Context, d *db.DB, q db.Queryer, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, d.Rebind(query), args...)
	if err != nil {
		return d.Explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return d.Explain(rows.Err())
}

// columns reads the shape of the tables that an import writes.
func (l *loader) columns() {
	for _, table := range []string{"transport_transport", "admin_domain", "core_user", "core_user_groups", "admin_mailbox", "admin_quota",
		"admin_alias", "modoboa_admin_aliasrecipient", "admin_domainalias", "relaydomains_recipientaccess",
		"core_objectaccess", "limits_userobjectlimit", "limits_domainobjectlimit", "postfix_autoreply_transport"} {
		if l.err != nil {
			return
		}
		l.w.tables[table], l.err = readColumns(l.ctx, l.db, l.q, table)
		if optional := strings.HasPrefix(table, "limits_") || strings.HasPrefix(table, "postfix_"); l.err == nil && len(l.w.tables[table]) == 0 && !optional {
			l.err = fmt.Errorf("there is no table %s: import needs the tables of Modoboa 1.10 or newer; in an empty database \"vmapd init\" makes them", table)
		}
	}
	_, l.w.selfAliasOff = l.w.tables["core_user"]["totp_enabled"]
}

func (l *loader) domains() {
	l.each("admin_domain", "SELECT id, name, type, quota, default_mailbox_quota FROM admin_domain ORDER BY id", nil, func(r *sql.Rows) error {
		var d domain
		var kind string
		if err := r.Scan(&d.id, &d.name, &kind, &d.quota, &d.mailboxQuota); err != nil {
			return err
		}
		d.name, d.relay = store.Fold(d.name), kind == "relaydomain"
		if l.w.domains[d.name] == nil {
			l.w.domains[d.name] = &d
		}
		l.w.domainByID[d.id] = &d
		return nil
	})
	l.each("admin_domainalias", "SELECT a.name, d.name FROM admin_domainalias a JOIN admin_domain d ON d.id = a.target_id", nil, func(r *sql.Rows) error {
		var name, target string
		err := r.Scan(&name, &target)
		l.w.domainAliases[store.Fold(name)] = store.Fold(target)
		return err
	})
	admins := map[int64]*user{}
	l.each("core_objectaccess", `SELECT o.object_id, o.user_id FROM core_objectaccess o
		JOIN django_content_type t ON t.id = o.content_type_id JOIN core_user u ON u.id = o.user_id
		WHERE t.app_label = 'admin' AND t.model = 'domain' AND u.is_superuser = ?`, []any{false}, func(r *sql.Rows) error {
		var object, id int64
		err := r.Scan(&object, &id)
		if admins[id] == nil {
			admins[id] = &user{id: id}
		}
		if d := l.w.domainByID[object]; d != nil {
			d.admins = append(d.admins, admins[id])
		}
		return err
	})
}

func (l *loader) accounts() {
	l.each("core_user", "SELECT id, username, is_superuser FROM core_user ORDER BY id", nil, func(r *sql.Rows) error {
		var u user
		if err := r.Scan(&u.id, &u.login, &u.superuser); err != nil {
			return err
		}
		u.login = store.Fold(u.login)
		if u.superuser {
			l.w.superusers = append(l.w.superusers, &u)
		}
		if l.wanted[u.login] {
			l.w.users[u.login] = &u
		}
		return nil
	})
	l.each("admin_mailbox", "SELECT id, address, domain_id, quota FROM admin_mailbox", nil, func(r *sql.Rows) error {
		var m mailbox
		var domainID int64
		if err := r.Scan(&m.id, &m.local, &domainID, &m.quota); err != nil {
			return err
		}
		d := l.w.domainByID[domainID]
		if d == nil {
			return nil
		}
		d.allocated += m.quota
		if address := store.Fold(m.local) + "@" + d.name; l.wanted[address] {
			m.domain, m.address = d, address
			l.w.mailboxes[address], l.w.mailboxByID[m.id] = &m, &m
		}
		return nil
	})
	l.names("admin_quota", "username", func(name, _ string) { l.w.quotas[name] = true })
}

func (l *loader) aliases() {
	l.each("admin_alias", "SELECT id, address, internal FROM admin_alias", nil, func(r *sql.Rows) error {
		var a alias
		if err := r.Scan(&a.id, &a.address, &a.internal); err != nil {
			return err
		}
		a.address = store.Fold(a.address)
		switch {
		case a.address[:min(1, len(a.address))] != "@" && !l.wanted[a.address]:
		case a.internal:
			l.w.internal[a.address] = &a
		default:
			l.w.ordinary[a.address], l.w.aliasByID[a.id] = &a, &a
		}
		return nil
	})
}

// recipients reads those of the aliases that the file has a line for.
func (l *loader) recipients(f *csvFile) {
	for _, line := range f.lines {
		a := l.w.ordinary[store.Fold(line.field(1))]
		if kind := line.field(0); a == nil || a.known != nil || kind != "alias" && kind != "forward" && kind != "dlist" {
			continue
		}
		a.known = newKnown()
		l.each("modoboa_admin_aliasrecipient", "SELECT address, r_mailbox_id, r_alias_id FROM modoboa_admin_aliasrecipient WHERE alias_id = ?",
			[]any{a.id}, func(r *sql.Rows) error {
				var address string
				var box, target sql.NullInt64
				err := r.Scan(&address, &box, &target)
				a.known.addresses[address] = true
				if m := l.w.mailboxByID[box.Int64]; m != nil {
					a.known.mailboxes[m] = true
				}
				if t := l.w.aliasByID[target.Int64]; t != nil {
					a.known.aliases[t] = true
				}
				return err
			})
	}
}

// names reads one column of names and keeps the wanted ones.
func (l *loader) names(table, column string, keep func(folded, stored string)) {
	l.each(table, "SELECT "+column+" FROM "+table, nil, func(r *sql.Rows) error {
		var s string
		err := r.Scan(&s)
		if f := store.Fold(s); l.wanted[f] {
			keep(f, s)
		}
		return err
	})
}

func (l *loader) rest() {
	l.names("transport_transport", "pattern", func(name, stored string) { l.w.transports[name] = stored })
	l.names("relaydomains_recipientaccess", "pattern", func(name, _ string) { l.w.access[name] = true })
	l.each("auth_group", "SELECT id, name FROM auth_group", nil, func(r *sql.Rows) error {
		var id int64
		var name string
		err := r.Scan(&id, &name)
		l.w.groups[name] = id
		return err
	})
	l.each("django_content_type", "SELECT id, app_label, model FROM django_content_type", nil, func(r *sql.Rows) error {
		var id int64
		var label, model string
		err := r.Scan(&id, &label, &model)
		l.w.contentTypes[label+"."+model] = id
		return err
	})
	l.each("core_localconfig", "SELECT "+l.db.Text("_parameters")+" FROM core_localconfig ORDER BY id LIMIT 1", nil, l.parameters)
}

// parameters reads the default limits out of Modoboa's settings. Apps and keys
// may be missing; the programs' default is 0 for all of them.
func (l *loader) parameters(r *sql.Rows) error {
	var text string
	if err := r.Scan(&text); err != nil {
		return err
	}
	var apps struct {
		Limits map[string]json.RawMessage `json:"limits"`
	}
	if json.Unmarshal([]byte(text), &apps) != nil {
		return nil // Modoboa lives with it, so must we
	}
	for name, raw := range apps.Limits {
		var n int64
		if json.Unmarshal(raw, &n) == nil {
			l.w.limits[name] = n
		}
	}
	return nil
}
