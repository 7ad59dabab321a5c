package postfixadmin

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// admin is a row of admin with its rows of domain_admins.
type admin struct {
	row     row
	login   string
	super   bool
	domains []string // folded
	mailbox row      // of the same name, nil if there is none
}

// makeAdmins makes the administrators, those with a mailbox as well: whoever
// makes something in a domain must know who may see it.
func (g *ground) makeAdmins() error {
	domains, err := g.readDomainAdmins()
	if err != nil {
		return err
	}
	err = g.src.pages(g.ctx, "admin", func(page []row) error {
		admins, err := g.readAdmins(page, domains)
		if err == nil {
			err = g.addAdmins(admins)
		}
		g.step(int64(len(page)))
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range sortedRows(domains) {
		g.warn("domain_admins", r["username"]+" "+r["domain"], "left out: there is no administrator of this name")
	}
	return nil
}

func sortedRows(byLogin map[string][]row) (out []row) {
	for _, list := range byLogin {
		out = append(out, list...)
	}
	slices.SortFunc(out, func(a, b row) int {
		return strings.Compare(a["username"]+" "+a["domain"], b["username"]+" "+b["domain"])
	})
	return out
}

// readDomainAdmins returns the active rows of domain_admins by login.
func (g *ground) readDomainAdmins() (map[string][]row, error) {
	all, err := g.src.all(g.ctx, "domain_admins")
	out := map[string][]row{}
	for _, r := range all {
		if g.src.has("domain_admins", "active") && !yes(r["active"]) {
			g.warn("domain_admins", r["username"]+" "+r["domain"], "left out: it is not active")
			continue
		}
		login := store.Fold(r["username"])
		out[login] = append(out[login], r)
	}
	return out, err
}

// readAdmins joins some administrators with their domains, which it takes out
// of the map, and their mailboxes.
func (g *ground) readAdmins(page []row, domains map[string][]row) ([]*admin, error) {
	byLogin := map[string]*admin{}
	var admins []*admin
	names := map[string]bool{}
	for _, r := range page {
		a := &admin{row: r, login: store.Fold(r["username"]), super: yes(r["superadmin"])}
		if byLogin[a.login] != nil || g.admins[a.login] {
			g.warn("admin", r["username"], "left out: it is %q in other letters, which is there too", a.login)
			continue
		}
		for _, d := range domains[a.login] {
			if d["domain"] == "ALL" {
				a.super = true
			} else {
				a.domains = append(a.domains, store.Fold(d["domain"]))
			}
		}
		delete(domains, a.login)
		admins, byLogin[a.login] = append(admins, a), a
		if rows.CheckBytes(a.login) == nil {
			names[a.login] = true
		}
	}
	boxes, err := g.src.folded(g.ctx, "mailbox", names)
	for _, r := range boxes {
		if a := byLogin[store.Fold(r["username"])]; a != nil && a.mailbox == nil {
			a.mailbox = r
		}
	}
	return admins, err
}

func (g *ground) addAdmins(admins []*admin) error {
	page := make([]row, len(admins))
	for n, a := range admins {
		page[n] = a.row
	}
	f, err := g.index.find(logins(page))
	if err != nil {
		return err
	}
	usage, err := g.readUsage(page)
	if err != nil {
		return err
	}
	for _, a := range admins {
		if u := f.users[a.login]; u != nil {
			err = g.oldAdmin(a, u)
		} else {
			g.newAdmin(a, f, usage)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newAdmin makes an account, with the mailbox of the same name if there is
// one.
func (g *ground) newAdmin(a *admin, f *found, usage map[string]rows.Usage) {
	active := yes(a.row["active"])
	if a.mailbox != nil && !active {
		g.warn("admin", a.row["username"], "it is not active: the mailbox of this name becomes an ordinary account")
		return
	}
	u := &rows.User{Login: a.login, Enabled: active, Role: "DomainAdmins"}
	if a.super {
		u.Role, u.Superuser, u.Privileged = rows.SuperAdmins, true, true
	}
	if err := g.account(u, "admin", a.row, a.mailbox); err != nil {
		g.warn("admin", a.row["username"], "left out: %v", err)
		return
	}
	if a.mailbox != nil && !g.withMailbox(a, u, f, usage) {
		return
	}
	g.admins[a.login] = true
	g.set.Users = append(g.set.Users, u)
	if u.Superuser {
		g.base.Superusers = append(g.base.Superusers, u)
	}
	detail := u.Role
	if !u.Superuser {
		detail += g.give(a, u)
	}
	if u.Mailbox != nil {
		detail += ", mailbox"
	}
	g.created("account", a.login, detail)
}

// withMailbox makes the mailbox of an administrator. It reports false if there
// can be none; as an administrator without it he would not get his mail.
func (g *ground) withMailbox(a *admin, u *rows.User, f *found, usage map[string]rows.Usage) bool {
	if err := g.mailbox(&g.set, u, a.mailbox, f, usage); err != nil {
		g.warn("admin", a.row["username"], "left out with its mailbox: %v", err)
		g.admins[a.login] = true
		return false
	}
	if a.row["password"] != a.mailbox["password"] {
		g.warn("admin", a.row["username"], "it has a mailbox: both are one account, whose password is the mailbox's")
	}
	if !u.Enabled {
		g.warn("admin", a.row["username"], "its mailbox is not active, so the account is disabled")
	}
	return true
}

// give makes a new administrator one of his domains. It returns what to say of
// it.
func (g *ground) give(a *admin, u *rows.User) string {
	var names []string
	for _, name := range a.domains {
		d, err := g.place(name)
		switch {
		case err != nil:
			g.warn("domain_admins", a.row["username"]+" "+name, "left out: %v", err)
		case !slices.Contains(d.Admins, u):
			d.Admins = append(d.Admins, u)
			g.set.AdminOf[u] = append(g.set.AdminOf[u], d)
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " of " + strings.Join(names, ", ")
}

// oldAdmin gives an administrator who exists the domains that he lacks. No role
// is changed.
func (g *ground) oldAdmin(a *admin, u *rows.User) error {
	g.admins[a.login] = true
	var role string
	err := rows.Each(g.ctx, g.to, g.tx, "SELECT g.name FROM core_user_groups ug JOIN auth_group g ON g.id = ug.group_id WHERE ug.user_id = ? ORDER BY ug.id LIMIT 1",
		[]any{u.ID}, func(r *sql.Rows) error { return r.Scan(&role) })
	switch {
	case err != nil:
		return fmt.Errorf("read core_user_groups: %w", err)
	case u.Superuser:
	case a.super:
		g.warn("admin", a.row["username"], "the account exists and is no super administrator: it is left as it is")
	case role != "DomainAdmins" && role != "Resellers":
		g.warn("admin", a.row["username"], "the account exists with the role %s: it is left as it is", role)
	default:
		if g.giveOld(a, u) {
			return nil
		}
	}
	g.report.Skipped["account"]++
	return nil
}

func (g *ground) giveOld(a *admin, u *rows.User) bool {
	var lacking []string
	for _, name := range a.domains {
		d := g.domains.ByName[name]
		if d == nil || !slices.ContainsFunc(d.Admins, func(has *rows.User) bool { return has.ID == u.ID }) {
			lacking = append(lacking, name)
		}
	}
	a.domains = lacking
	detail := g.give(a, u)
	if detail == "" {
		return false
	}
	g.report.Extended["account"]++
	g.change("extend", "account", a.login, "DomainAdmins"+detail)
	return true
}
