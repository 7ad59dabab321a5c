package modoboa

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// world is what the database has, as far as a part of a file speaks of it: all
// domains, and of everything else the rows whose folded name occurs there. So
// it needs little memory, and no query per line. Whole
// tables are read for it, because databases before Modoboa 1.10.7 hold names
// that are not folded, which no index finds.
type world struct {
	domains       map[string]*rows.Domain
	domainByID    map[int64]*rows.Domain
	domainAliases map[string]string // name to target's name
	users         map[string]*rows.User
	mailboxes     map[string]*rows.Mailbox
	ordinary      map[string]*rows.Alias
	internal      map[string]*rows.Alias
	transports    map[string]string // pattern to what it leads to
	access        map[string]bool
	quotas        map[string]bool
	base          *rows.Base
	known         map[*rows.Alias]*known // recipients of the aliases that the file has a line for
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
			if base, ok := rows.WithoutExtension(s); ok {
				names[base] = true
			}
		}
	}
	return names
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

// loadWorld reads what a part of a file speaks of. A course knows of which
// aliases the recipients are to be read: of those that it found.
func loadWorld(ctx context.Context, d *db.DB, q db.Queryer, f *csvFile, c *course) (*world, error) {
	l := loader{ctx: ctx, db: d, q: q, wanted: wantedNames(f), w: &world{
		users: map[string]*rows.User{}, mailboxes: map[string]*rows.Mailbox{},
		ordinary: map[string]*rows.Alias{}, internal: map[string]*rows.Alias{},
		transports: map[string]string{}, access: map[string]bool{}, quotas: map[string]bool{},
		known: map[*rows.Alias]*known{},
	}}
	var tables map[string]rows.Table
	if tables, l.err = rows.ReadTables(ctx, d, q); l.err == nil {
		l.w.base, l.err = rows.ReadBase(ctx, d, q, tables, c.o.Parameters)
	}
	l.domains()
	l.mailboxes()
	l.aliases()
	l.recipients(f, c)
	if !c.made { // recipients are all that is left to be made
		l.users()
		l.rest()
	}
	return l.w, l.err
}

// each runs a query and calls scan for each of its rows.
func (l *loader) each(table, query string, args []any, scan func(*sql.Rows) error) {
	if l.err != nil {
		return
	}
	if err := rows.Each(l.ctx, l.db, l.q, query, args, scan); err != nil {
		l.err = fmt.Errorf("read %s: %w", table, err)
	}
}

func (l *loader) domains() {
	if l.err != nil {
		return
	}
	var all *rows.Domains
	if all, l.err = rows.ReadDomains(l.ctx, l.db, l.q); l.err == nil {
		l.w.domains, l.w.domainByID, l.w.domainAliases = all.ByName, all.ByID, all.Aliases
	}
}

func (l *loader) users() {
	l.each("core_user", "SELECT id, username, is_superuser FROM core_user ORDER BY id", nil, func(r *sql.Rows) error {
		var u rows.User
		if err := r.Scan(&u.ID, &u.Login, &u.Superuser); err != nil {
			return err
		}
		u.Login = store.Fold(u.Login)
		if l.wanted[u.Login] {
			l.w.users[u.Login] = &u
		}
		return nil
	})
}

func (l *loader) mailboxes() {
	l.each("admin_mailbox", "SELECT id, address, domain_id, quota FROM admin_mailbox", nil, func(r *sql.Rows) error {
		var m rows.Mailbox
		var domainID int64
		if err := r.Scan(&m.ID, &m.Local, &domainID, &m.Quota); err != nil {
			return err
		}
		d := l.w.domainByID[domainID]
		if d == nil {
			return nil
		}
		d.Allocated += m.Quota
		if address := store.Fold(m.Local) + "@" + d.Name; l.wanted[address] {
			m.Domain, m.Address = d, address
			l.w.mailboxes[address] = &m
		}
		return nil
	})
}

func (l *loader) aliases() {
	l.each("admin_alias", "SELECT id, address, internal FROM admin_alias", nil, func(r *sql.Rows) error {
		var a rows.Alias
		if err := r.Scan(&a.ID, &a.Address, &a.Internal); err != nil {
			return err
		}
		a.Address = store.Fold(a.Address)
		switch {
		case a.Address[:min(1, len(a.Address))] != "@" && !l.wanted[a.Address]:
		case a.Internal:
			l.w.internal[a.Address] = &a
		default:
			l.w.ordinary[a.Address] = &a
		}
		return nil
	})
}

// recipients reads those of the aliases that the file has a line for; what it
// made itself has none.
func (l *loader) recipients(f *csvFile, c *course) {
	for _, line := range f.lines {
		a := l.w.ordinary[store.Fold(line.field(1))]
		if kind := line.field(0); a == nil || l.w.known[a] != nil || kind != "alias" && kind != "forward" && kind != "dlist" || c.became(line.number) == aliasMade {
			continue
		}
		known := l.w.knownOf(a)
		l.each("modoboa_admin_aliasrecipient", "SELECT address, r_mailbox_id, r_alias_id FROM modoboa_admin_aliasrecipient WHERE alias_id = ?",
			[]any{a.ID}, func(r *sql.Rows) error {
				var address string
				var box, target sql.NullInt64
				err := r.Scan(&address, &box, &target)
				known.Stored(address, box.Int64, target.Int64)
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
	l.names("admin_quota", "username", func(name, _ string) { l.w.quotas[name] = true })
	l.names("transport_transport", "pattern", func(name, stored string) { l.w.transports[name] = stored })
	l.names("relaydomains_recipientaccess", "pattern", func(name, _ string) { l.w.access[name] = true })
}

type known = rows.Known

// knownOf returns the known recipients of an alias, which are none at first.
func (w *world) knownOf(a *rows.Alias) *known {
	k := w.known[a]
	if k == nil {
		k = rows.NewKnown()
		w.known[a] = k
	}
	return k
}
