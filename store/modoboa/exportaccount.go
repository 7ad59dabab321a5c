package modoboa

import (
	"database/sql"
	"slices"
	"strconv"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// accounts writes all accounts, or those with a mailbox in a domain that is
// exported and those who administrate one.
func (e *exporter) accounts() error {
	given, err := e.administrated()
	if err != nil {
		return err
	}
	query := `SELECT u.id, u.username, u.password, u.first_name, u.last_name, u.is_active, u.is_superuser,
			coalesce((SELECT g.name FROM core_user_groups ug JOIN auth_group g ON g.id = ug.group_id WHERE ug.user_id = u.id ORDER BY ug.id LIMIT 1), ''),
			coalesce(m.address, ''), coalesce(m.domain_id, 0), coalesce(m.quota, 0), coalesce(m.use_domain_quota, ?)
		FROM core_user u LEFT JOIN admin_mailbox m ON m.user_id = u.id ORDER BY ` + e.bytewise("u.username")
	return e.each("core_user", query, []any{true}, func(r *sql.Rows) error {
		var a exportedAccount
		var id, in int64
		if err := r.Scan(&id, &a.login, &a.password, &a.first, &a.last, &a.enabled, &a.super, &a.role, &a.local, &in, &a.quota, &a.usual); err != nil {
			return err
		}
		a.login, a.domains, a.domain, a.boxed = store.Fold(a.login), given[id], e.domains[in], in != 0
		if len(e.o.Domains) > 0 && a.domain == nil && len(a.domains) == 0 {
			return nil
		}
		return e.account(&a)
	})
}

type exportedAccount struct {
	login, password, first, last, role, local string
	enabled, super, usual, boxed              bool
	quota                                     int64
	domain                                    *exportedDomain // of the mailbox, if it is exported
	domains                                   []string
}

// administrated returns the names of the exported domains that domain
// administrators administrate, by account.
func (e *exporter) administrated() (map[int64][]string, error) {
	given := map[int64][]string{}
	err := e.each("core_objectaccess", `SELECT o.user_id, o.object_id FROM core_objectaccess o JOIN django_content_type t ON t.id = o.content_type_id
		JOIN core_user_groups ug ON ug.user_id = o.user_id JOIN auth_group g ON g.id = ug.group_id
		WHERE t.app_label = 'admin' AND t.model = 'domain' AND g.name = 'DomainAdmins'`, nil, func(r *sql.Rows) error {
		var id, object int64
		err := r.Scan(&id, &object)
		if d := e.domains[object]; d != nil {
			given[id] = append(given[id], d.name)
		}
		return err
	})
	for id := range given {
		slices.Sort(given[id])
		given[id] = slices.Compact(given[id])
	}
	return given, err
}

func (e *exporter) account(a *exportedAccount) error {
	if a.super {
		a.role = rows.SuperAdmins
	}
	address, quota := "", ""
	if a.domain != nil {
		address, quota = store.Fold(a.local)+"@"+a.domain.name, e.quota(a)
	}
	switch {
	case a.role == "":
		e.warn("account %q is left out: it has no role", rows.Shown(a.login))
		return nil
	case a.role == "SimpleUsers" && address != a.login:
		e.warn("account %q is left out: its role is SimpleUsers, and it has no mailbox of this name", rows.Shown(a.login))
		return nil
	case a.boxed && a.domain == nil:
		e.warn("account %q: its mailbox is in a domain that is not exported", rows.Shown(a.login))
	}
	fields := []string{e.password(a), e.text(a, a.first), e.text(a, a.last), boolean(a.enabled), a.role, address, quota}
	if a.role == "DomainAdmins" {
		fields = append(fields, a.domains...)
	}
	return e.line("account", a.login, fields...)
}

// password is the password column. What names no scheme is no hash that the
// import would take, and may be anything.
func (e *exporter) password(a *exportedAccount) string {
	switch {
	case e.o.NoPasswords:
		return ""
	case !passwordScheme.MatchString(a.password):
		e.warn("account %q has no password of the form {SCHEME}hash: the field is empty, and an import refuses the line until it has one", rows.Shown(a.login))
		return ""
	}
	return a.password
}

// text is a name of a person without what a line cannot hold.
func (e *exporter) text(a *exportedAccount, s string) string {
	if rows.CheckBytes(s) == nil {
		return s
	}
	e.warn("account %q: the name has characters that no line can hold, which are left out", rows.Shown(a.login))
	return cleaned(s)
}

// quota is the field of a mailbox's quota: 0 takes the domain's default, and
// nothing says "none although the domain has a default".
func (e *exporter) quota(a *exportedAccount) string {
	if a.usual {
		return "0"
	}
	if a.quota == 0 && a.domain.mailboxQuota != 0 {
		e.warn("account %q has no quota, but its domain has a default, %d MB, which it gets with an import", rows.Shown(a.login), a.domain.mailboxQuota)
	}
	return strconv.FormatInt(a.quota, 10)
}
