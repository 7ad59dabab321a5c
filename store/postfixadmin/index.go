package postfixadmin

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// index finds what the target has under folded names, some hundred at a time,
// by the indexes of Modoboa's tables. Those hold what is stored; databases
// before Modoboa 1.10.7 have names that are not folded, and accounts whose
// e-mail is not the address of their mailbox (renamed by the API of 1.10). These
// few are read beforehand.
type index struct {
	ctx     context.Context
	db      *db.DB
	tx      *sql.Tx
	domains *rows.Domains
	odd     found
}

// found are rows by folded name.
type found struct {
	users     map[string]*rows.User
	mailboxes map[string]*rows.Mailbox
	ordinary  map[string]*rows.Alias
	internal  map[string]*rows.Alias
	usage     map[string]bool
}

func newFound() found {
	return found{map[string]*rows.User{}, map[string]*rows.Mailbox{}, map[string]*rows.Alias{}, map[string]*rows.Alias{}, map[string]bool{}}
}

const (
	selectUsers     = "SELECT id, username, is_superuser FROM core_user"
	selectMailboxes = "SELECT m.id, m.address, m.domain_id, u.id, u.username, u.email, u.is_active FROM admin_mailbox m JOIN core_user u ON u.id = m.user_id"
	selectAliases   = "SELECT id, address, internal, enabled FROM admin_alias"
	selectUsage     = "SELECT username FROM admin_quota"
)

func newIndex(ctx context.Context, d *db.DB, tx *sql.Tx, domains *rows.Domains) (*index, error) {
	x := &index{ctx, d, tx, domains, newFound()}
	return x, x.read(&x.odd, "", nil, true)
}

// find looks for names, which are folded.
func (x *index) find(names map[string]bool) (*found, error) {
	f := newFound()
	sorted := slices.Sorted(maps.Keys(names))
	err := x.byIndex(func() error {
		for part := range slices.Chunk(sorted, inList) {
			list, args := in(x.db.Dialect, part)
			if err := x.read(&f, list, args, false); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, n := range sorted {
		add(f.users, x.odd.users, n)
		add(f.mailboxes, x.odd.mailboxes, n)
		add(f.ordinary, x.odd.ordinary, n)
		add(f.internal, x.odd.internal, n)
		add(f.usage, x.odd.usage, n)
	}
	return &f, nil
}

// byIndex makes PostgreSQL find names by the indexes while f runs. It knows
// nothing of the rows of a transaction that is still open, takes a table that
// was empty for one in which most rows are alike, and would read all of it for
// each page.
func (x *index) byIndex(f func() error) error {
	if x.db.Dialect != db.PostgreSQL {
		return f()
	}
	for _, set := range []func() error{x.planner("off"), f, x.planner("default")} {
		if err := set(); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) planner(to string) func() error {
	return func() error {
		_, err := x.tx.ExecContext(x.ctx, fmt.Sprintf("set local enable_seqscan to %s; set local enable_hashjoin to %[1]s; set local enable_mergejoin to %[1]s", to), db.AtOnce)
		if err != nil {
			return fmt.Errorf("set the planner: %w", x.db.Explain(err))
		}
		return nil
	}
}

// add takes an odd row where no other has the name.
func add[T any](to, odd map[string]T, name string) {
	if v, ok := odd[name]; ok {
		if _, ok := to[name]; !ok {
			to[name] = v
		}
	}
}

// read reads the rows that a condition on the name picks; all of them, and
// keeps the odd ones, if there is none.
func (x *index) read(f *found, in string, args []any, odd bool) error {
	where := func(column string) string {
		if odd {
			return ""
		}
		return " WHERE " + column + in
	}
	for _, part := range []struct {
		table, query string
		scan         func(*sql.Rows) error
	}{
		{"core_user", selectUsers + where("username"), func(r *sql.Rows) error { return f.user(r, odd) }},
		{"admin_mailbox", selectMailboxes + where("u.email"), func(r *sql.Rows) error { return f.mailbox(r, odd, x.domains) }},
		{"admin_alias", selectAliases + where("address"), func(r *sql.Rows) error { return f.alias(r, odd) }},
		{"admin_quota", selectUsage + where("username"), func(r *sql.Rows) error { return f.used(r, odd) }},
	} {
		if err := rows.Each(x.ctx, x.db, x.tx, part.query, args, part.scan); err != nil {
			return fmt.Errorf("read %s: %w", part.table, err)
		}
	}
	return nil
}

func (f *found) user(r *sql.Rows, odd bool) error {
	var u rows.User
	var stored string
	err := r.Scan(&u.ID, &stored, &u.Superuser)
	if u.Login = store.Fold(stored); !odd || u.Login != stored {
		f.users[u.Login] = &u
	}
	return err
}

func (f *found) mailbox(r *sql.Rows, odd bool, domains *rows.Domains) error {
	m := rows.Mailbox{User: &rows.User{}}
	var in int64
	if err := r.Scan(&m.ID, &m.Local, &in, &m.User.ID, &m.User.Login, &m.User.Email, &m.User.Enabled); err != nil {
		return err
	}
	if m.Domain = domains.ByID[in]; m.Domain == nil {
		return nil
	}
	m.User.Login, m.Address = store.Fold(m.User.Login), store.Fold(m.Local)+"@"+m.Domain.Name
	if usual := m.Address == m.User.Email; usual != odd {
		f.mailboxes[m.Address] = &m
	}
	return nil
}

func (f *found) alias(r *sql.Rows, odd bool) error {
	var a rows.Alias
	var stored string
	err := r.Scan(&a.ID, &stored, &a.Internal, &a.Enabled)
	if a.Address = store.Fold(stored); odd && a.Address == stored {
		return err
	}
	if a.Internal {
		f.internal[a.Address] = &a
	} else {
		f.ordinary[a.Address] = &a
	}
	return err
}

func (f *found) used(r *sql.Rows, odd bool) error {
	var stored string
	err := r.Scan(&stored)
	if name := store.Fold(stored); !odd || name != stored {
		f.usage[name] = true
	}
	return err
}

// leads finds what an address is, in Postfix's order.
func (f *found) leads(address string) (*rows.Mailbox, *rows.Alias) {
	return rows.Leads(address, func(address string) (*rows.Mailbox, *rows.Alias) {
		if m := f.mailboxes[address]; m != nil {
			return m, nil
		}
		return nil, f.ordinary[address]
	})
}

// recipients reads those of some aliases, which are given by id.
func (x *index) recipients(aliases []int64) (map[int64]*rows.Known, error) {
	out := map[int64]*rows.Known{}
	for part := range slices.Chunk(aliases, inList) {
		for _, id := range part {
			out[id] = rows.NewKnown()
		}
		list, args := in(x.db.Dialect, part)
		err := rows.Each(x.ctx, x.db, x.tx, "SELECT alias_id, address, r_mailbox_id, r_alias_id FROM modoboa_admin_aliasrecipient WHERE alias_id"+list, args, func(r *sql.Rows) error {
			var id int64
			var address string
			var mailbox, target sql.NullInt64
			err := r.Scan(&id, &address, &mailbox, &target)
			if known := out[id]; known != nil {
				known.Stored(address, mailbox.Int64, target.Int64)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read modoboa_admin_aliasrecipient: %w", err)
		}
	}
	return out, nil
}
