package modoboa

import (
	"context"
	"database/sql"
)

// nullID is an id column: NULL for 0.
func nullID(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func (w *writer) domainBatches(p *plan) []batch {
	var relayed []*transport
	for _, d := range p.domains {
		if d.transport != nil {
			relayed = append(relayed, d.transport)
		}
	}
	autoreply := 0
	if len(w.world.tables["postfix_autoreply_transport"]) > 0 {
		autoreply = len(p.domains)
	}
	return []batch{
		{"transport_transport", []string{"id", "pattern", "service", "next_hop", "_settings"}, len(relayed), func(i int) []any {
			t := relayed[i]
			return []any{t.id, t.pattern, "relay", t.nextHop(), t.settings()}
		}},
		{"relaydomains_recipientaccess", []string{"pattern", "action"}, len(p.access), func(i int) []any {
			return []any{p.access[i], "reject_unverified_recipient"}
		}},
		{"admin_domain", []string{"id", "name", "type", "enabled", "quota", "default_mailbox_quota", "transport_id",
			"enable_dns_checks", "dkim_key_selector"}, len(p.domains), func(i int) []any {
			d, kind, via := p.domains[i], "domain", int64(0)
			if d.transport != nil {
				kind, via = "relaydomain", d.transport.id
			}
			return []any{d.id, d.name, kind, d.enabled, d.quota, d.mailboxQuota, nullID(via), true, "modoboa"}
		}},
		{"admin_domainalias", []string{"id", "name", "target_id", "enabled"}, len(p.domainAliases), func(i int) []any {
			a := p.domainAliases[i]
			return []any{a.id, a.name, a.target.id, a.enabled}
		}},
		// The autoreply plugin of Modoboa 1.x has a row for each domain.
		{"postfix_autoreply_transport", []string{"domain", "method"}, autoreply, func(i int) []any {
			return []any{"autoreply." + p.domains[i].name, "autoreply:"}
		}},
	}
}

func (w *writer) accountBatches(p *plan) []batch {
	var inGroup []*user
	for _, u := range p.users {
		if !u.superuser {
			inGroup = append(inGroup, u)
		}
	}
	return []batch{
		{"core_user", []string{"id", "username", "email", "password", "first_name", "last_name", "is_active", "is_superuser",
			"is_local", "language"}, len(p.users), func(i int) []any {
			u := p.users[i]
			return []any{u.id, u.login, u.email, u.password, u.first, u.last, u.enabled, u.superuser, true, "en"}
		}},
		{"core_user_groups", []string{"user_id", "group_id"}, len(inGroup), func(i int) []any {
			return []any{inGroup[i].id, w.world.groups[inGroup[i].role]}
		}},
		{"admin_mailbox", []string{"id", "address", "domain_id", "user_id", "quota", "use_domain_quota"}, len(p.mailboxes), func(i int) []any {
			m := p.mailboxes[i]
			return []any{m.id, m.local, m.domain.id, m.user.id, m.quota, !m.quotaGiven}
		}},
		{"admin_quota", []string{"username", "bytes", "messages"}, len(p.quotas), func(i int) []any {
			return []any{p.quotas[i], 0, 0}
		}},
	}
}

func (w *writer) aliasBatches(p *plan) []batch {
	return []batch{
		{"admin_alias", []string{"id", "address", "domain_id", "enabled", "internal"}, len(p.aliases), func(i int) []any {
			a, in := p.aliases[i], int64(0)
			if a.domain != nil {
				in = a.domain.id
			}
			return []any{a.id, a.address, nullID(in), a.enabled, a.internal}
		}},
		{"modoboa_admin_aliasrecipient", []string{"address", "alias_id", "r_mailbox_id", "r_alias_id"}, len(p.recipients), func(i int) []any {
			r := p.recipients[i]
			var box, target int64
			if r.mailbox != nil {
				box = r.mailbox.id
			}
			if r.target != nil {
				target = r.target.id
			}
			return []any{r.address, r.alias.id, nullID(box), nullID(target)}
		}},
	}
}

// rightsBatches are the rows of access rights and limits. Each new account and
// domain gets all limits, whatever its role, for it may be given another one.
func (w *writer) rightsBatches(p *plan, grants []grant) []batch {
	out := []batch{{"core_objectaccess", []string{"user_id", "content_type_id", "object_id", "is_owner"}, len(grants), func(i int) []any {
		g := grants[i]
		return []any{g.user.id, w.world.contentTypes[g.kind], g.object, g.owner}
	}}}
	if len(w.world.tables["limits_userobjectlimit"]) > 0 {
		n := len(userLimits)
		out = append(out, batch{"limits_userobjectlimit", []string{"user_id", "name", "content_type_id", "max_value"}, n * len(p.users), func(i int) []any {
			l := userLimits[i%n]
			return []any{p.users[i/n].id, l.name, w.world.contentTypes[l.contentType], w.world.limits["deflt_user_"+l.name+"_limit"]}
		}})
	}
	if len(w.world.tables["limits_domainobjectlimit"]) > 0 {
		n := len(domainLimits)
		out = append(out, batch{"limits_domainobjectlimit", []string{"domain_id", "name", "max_value"}, n * len(p.domains), func(i int) []any {
			name := domainLimits[i%n]
			return []any{p.domains[i/n].id, name, w.world.limits["deflt_domain_"+name+"_limit"]}
		}})
	}
	return out
}

// grant is a row of core_objectaccess.
type grant struct {
	user   *user
	kind   string // content type
	object int64
	owner  bool
}

// grants makes the access rights of the new objects: the first super
// administrator owns them, the others and the domain's administrators see
// them, and an administrator sees himself (modoboa/lib/permissions.py,
// grant_access_to_object; post_create of the models).
func (w *writer) grants(ctx context.Context, p *plan) ([]grant, error) {
	var out []grant
	add := func(kind string, object int64, viewers ...*user) {
		seen := map[*user]bool{}
		for i, u := range w.world.superusers {
			seen[u] = true
			out = append(out, grant{u, kind, object, i == 0})
		}
		for _, u := range viewers {
			if !seen[u] {
				seen[u] = true
				out = append(out, grant{u, kind, object, false})
			}
		}
	}
	for _, d := range p.domains {
		add("admin.domain", d.id, d.admins...)
	}
	for _, a := range p.domainAliases {
		add("admin.domainalias", a.id, a.target.admins...)
	}
	for _, u := range p.users {
		var viewers []*user
		if u.mailbox != nil && !u.privileged {
			viewers = append(viewers, u.mailbox.domain.admins...)
		}
		if u.mailbox != nil {
			add("admin.mailbox", u.mailbox.id, viewers...)
		}
		if u.role != "SimpleUsers" {
			viewers = append(viewers, u)
		}
		add("core.user", u.id, viewers...)
	}
	for _, a := range p.aliases {
		if !a.internal {
			add("admin.alias", a.id, a.domain.admins...)
		}
	}
	old, err := w.oldGrants(ctx, p)
	return append(out, old...), err
}

// oldGrants are the access rights of new administrators to what existed.
func (w *writer) oldGrants(ctx context.Context, p *plan) (out []grant, err error) {
	for _, u := range p.users {
		for _, d := range p.adminOf[u] {
			if w.world.domainByID[d.id] != d {
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
func (w *writer) oldObjects(ctx context.Context, u *user, d *domain) ([]grant, error) {
	out := []grant{{u, "admin.domain", d.id, false}}
	err := eachRow(ctx, w.db, w.tx, `SELECT m.id, m.user_id FROM admin_mailbox m JOIN core_user u ON u.id = m.user_id
		WHERE m.domain_id = ? AND u.is_superuser = ? AND NOT EXISTS (SELECT 1 FROM core_user_groups ug
			JOIN auth_group g ON g.id = ug.group_id WHERE ug.user_id = u.id AND g.name = 'Resellers')`,
		[]any{d.id, false}, func(r *sql.Rows) error {
			var box, account int64
			err := r.Scan(&box, &account)
			out = append(out, grant{u, "admin.mailbox", box, false}, grant{u, "core.user", account, false})
			return err
		})
	if err != nil {
		return nil, err
	}
	err = eachRow(ctx, w.db, w.tx, "SELECT id FROM admin_alias WHERE domain_id = ? AND internal = ?",
		[]any{d.id, false}, func(r *sql.Rows) error {
			var id int64
			err := r.Scan(&id)
			out = append(out, grant{u, "admin.alias", id, false})
			return err
		})
	return out, err
}
