package postfixadmin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// entry is what a row of alias comes to.
type entry struct {
	row        row
	address    string // folded; "@domain" is a catch-all
	domain     *rows.Domain
	mailbox    *rows.Mailbox // of the same address
	recipients []string
}

// aliases makes the aliases without their recipients, which may be aliases that
// come later.
func (i *importer) aliases() error {
	return i.src.pages(i.ctx, "alias", func(page []row) error {
		entries, f, err := i.entries(page, i.warn)
		if err != nil {
			return err
		}
		set := &rows.Set{}
		var redirected []string
		for _, e := range entries {
			i.addAlias(set, e, f)
			if e.mailbox != nil && !slices.Contains(e.recipients, e.address) && yes(e.row["active"]) {
				redirected = append(redirected, e.address)
				i.redirect(e, f)
			}
		}
		i.step(int64(len(page)))
		if err := i.write(set); err != nil {
			return err
		}
		return i.keepNoCopy(redirected)
	})
}

// entries reads some rows of alias. It is done twice, and warns once.
func (i *importer) entries(page []row, warn func(table, row, format string, args ...any)) ([]*entry, *found, error) {
	names := map[string]bool{}
	list := make([]*entry, 0, len(page))
	for _, r := range page {
		e := &entry{row: r, address: store.Fold(r["address"])}
		if strings.HasPrefix(e.address, "*@") {
			e.address = e.address[1:]
		}
		if err := i.checkAlias(e); err != nil {
			warn("alias", r["address"], "left out: %v", err)
			continue
		}
		i.readGoto(e, warn)
		list = append(list, e)
		names[e.address] = true
		for _, s := range e.recipients {
			i.wanted(names, s)
		}
	}
	f, err := i.index.find(names)
	if err != nil {
		return nil, nil, err
	}
	return slices.DeleteFunc(list, func(e *entry) bool { return !i.worthMaking(e, f, warn) }), f, nil
}

// wanted notes the names under which a recipient may be found in the target.
func (i *importer) wanted(names map[string]bool, recipient string) {
	name := recipient[strings.LastIndexByte(recipient, '@')+1:]
	if i.domains.ByName[name] == nil {
		return
	}
	s := store.Fold(recipient)
	names[s], names["@"+name] = true, true
	if base, ok := rows.WithoutExtension(s); ok {
		names[base] = true
	}
}

func (i *importer) checkAlias(e *entry) error {
	if err := rows.CheckBytes(e.address); err != nil {
		return fmt.Errorf("the address %w", err)
	}
	_, name, err := rows.SplitAddress(e.address)
	if err != nil {
		return fmt.Errorf("address %q %w", rows.Shown(e.address), err)
	}
	if e.domain, err = i.place(name); err != nil {
		return err
	}
	return i.base.Tables["admin_alias"].Fits("admin_alias", "address", e.address)
}

// readGoto reads the recipients of an alias. Those of a vacation and those that
// Modoboa cannot have are left out.
func (i *importer) readGoto(e *entry, warn func(table, row, format string, args ...any)) {
	for _, s := range splitGoto(e.row["goto"]) {
		if isVacation(e.address, s) {
			warn("alias", e.row["address"], "recipient %q is of a vacation message: left out", rows.Shown(s))
			continue
		}
		r, err := recipient(e.address, s)
		if err == nil {
			err = i.base.Tables["modoboa_admin_aliasrecipient"].Fits("modoboa_admin_aliasrecipient", "address", r)
		}
		if err != nil {
			warn("alias", e.row["address"], "recipient %q is left out: %v", rows.Shown(s), err)
			continue
		}
		if name := r[strings.LastIndexByte(r, '@')+1:]; i.domains.ByName[name] != nil {
			r = store.Fold(r)
		}
		if !slices.Contains(e.recipients, r) {
			e.recipients = append(e.recipients, r)
		}
	}
}

// worthMaking reports whether an entry becomes an alias. The row that
// PostfixAdmin gives each mailbox, to itself, does not.
func (i *importer) worthMaking(e *entry, f *found, warn func(table, row, format string, args ...any)) bool {
	e.mailbox = f.mailboxes[e.address]
	self := slices.Index(e.recipients, e.address)
	switch {
	case e.mailbox != nil && len(e.recipients) == 1 && self == 0:
		if !yes(e.row["active"]) {
			i.onlyAlias(e, warn)
		}
		return false
	case self >= 0 && e.mailbox == nil && !e.domain.Relay:
		warn("alias", e.row["address"], "recipient %q is left out: it is the alias itself, and there is no such mailbox", e.address)
		e.recipients = slices.Delete(e.recipients, self, self+1)
	}
	if len(e.recipients) == 0 {
		warn("alias", e.row["address"], "left out: no recipient is left")
		return false
	}
	return true
}

// onlyAlias is for a mailbox whose alias alone was switched off.
func (i *importer) onlyAlias(e *entry, warn func(table, row, format string, args ...any)) {
	if u := e.mailbox.User; u.ID > i.before.user && u.Enabled {
		warn("alias", e.row["address"], "it is not active, but its mailbox is: mail goes to the mailbox")
	}
}

func (i *importer) addAlias(set *rows.Set, e *entry, f *found) {
	if a := f.ordinary[e.address]; a != nil {
		if a.ID == 0 || a.ID > i.before.alias {
			i.warn("alias", e.row["address"], "%q is there in other letters too: they become one alias", e.address)
		}
		return
	}
	a := &rows.Alias{Address: e.address, Domain: e.domain, Enabled: yes(e.row["active"]), Rest: i.dates(e.row)}
	if s := e.row["description"]; s != "" {
		if err := i.base.Tables["admin_alias"].Fits("admin_alias", "description", s); err != nil {
			i.warn("alias", e.row["address"], "the description is not taken over: %v", err)
		} else {
			a.Rest["description"] = s
		}
	}
	set.Aliases, f.ordinary[e.address] = append(set.Aliases, a), a
	kind := "alias"
	if e.mailbox != nil {
		kind = "forward"
	}
	i.created(kind, e.address, fmt.Sprintf("%d recipients", len(e.recipients)))
}

// redirect warns of a mailbox that existed and whose mail went elsewhere in
// PostfixAdmin: what exists is not changed.
func (i *importer) redirect(e *entry, f *found) {
	if self := f.internal[e.address]; e.mailbox.ID <= i.before.mailbox && self != nil && self.Enabled {
		i.warn("alias", e.row["address"], "the mailbox exists and keeps a copy, which it did not: disable its internal alias if it shall not")
	}
}

// keepNoCopy disables the internal aliases of mailboxes that the import made
// and whose mail goes elsewhere. Modoboa does the same since 1.17; before, it
// always kept a copy.
func (i *importer) keepNoCopy(addresses []string) error {
	for part := range slices.Chunk(addresses, inList) {
		list, args := in(i.to.Dialect, part)
		query := "UPDATE admin_alias SET enabled = ? WHERE internal = ? AND address" + list +
			" AND EXISTS (SELECT 1 FROM modoboa_admin_aliasrecipient r WHERE r.alias_id = admin_alias.id AND r.r_mailbox_id > ?)"
		args = append(append([]any{false, true}, args...), i.before.mailbox)
		if _, err := i.tx.ExecContext(i.ctx, i.to.Rebind(query), args...); err != nil {
			return fmt.Errorf("write admin_alias: %w", i.to.Explain(err))
		}
	}
	return nil
}
