package manage

import (
	"database/sql"
	"strings"
	"unicode/utf8"

	"github.com/vmapd/vmapd/store"
)

// addressColumns are the columns that hold mail addresses, by which a domain's
// name is all over the database: local parts are stored alone in one table
// only. Those of the longest texts come first.
var addressColumns = [][2]string{
	{"admin_alias", "address"},
	{"modoboa_admin_aliasrecipient", "address"},
	{"admin_quota", "username"},
	{"core_user", "username"},
	{"core_user", "email"},
	{"core_user", "secondary_email"},
	{"admin_senderaddress", "address"},
	{"transport_transport", "pattern"},
}

// renameDomain carries a domain's new name to all that has the old one. The row
// of admin_domain itself is the caller's.
func (t *Tx) renameDomain(d *Domain, name string) error {
	if err := t.eachMailbox(d, func(id int64, address string) error { return t.fileOperation("rename", address, id) }); err != nil {
		return err
	}
	if store.Fold(d.Name) != name { // else it is the spelling alone
		if err := t.makeWay(d.Name, name); err != nil {
			return err
		}
	}
	if err := t.renameRoutes(d, name); err != nil {
		return err
	}
	if err := t.renameSuffix("@"+d.Name, "@"+name); err != nil {
		return err
	}
	if err := t.renameSuffix("@"+d.Name+"@autoreply."+d.Name, "@"+name+"@autoreply."+name); err != nil {
		return err
	}
	return t.log("Domain %s renamed to %s", d.Name, name)
}

// renameSuffix changes the end of addresses, and whole patterns of a domain
// ("@example.org").
func (t *Tx) renameSuffix(old, to string) error {
	for _, c := range addressColumns {
		if !t.tables[c[0]].Has(c[1]) {
			continue
		}
		end, args := t.ending(c[1], old)
		as, more := t.reending(c[1], old, to)
		if _, err := t.exec("UPDATE "+c[0]+" SET "+c[1]+" = "+as+" WHERE "+end, append(more, args...)...); err != nil {
			return err
		}
	}
	return nil
}

// renameRoutes changes what is known by the domain's own name.
func (t *Tx) renameRoutes(d *Domain, name string) error {
	for _, c := range [][3]string{
		{"transport_transport", "pattern", ""},
		{"transport_transport", "pattern", "autoreply."},
		{"relaydomains_recipientaccess", "pattern", ""},
		{"postfix_autoreply_transport", "domain", "autoreply."},
		{"vmapd_dkim_key", "domain", ""},
	} {
		if len(t.tables[c[0]]) == 0 {
			continue
		}
		if store.Fold(d.Name) != name && c[0] != "transport_transport" { // strays: there has been no such domain
			if _, err := t.exec("DELETE FROM "+c[0]+" WHERE "+c[1]+" = ?", c[2]+name); err != nil {
				return err
			}
		}
		if _, err := t.exec("UPDATE "+c[0]+" SET "+c[1]+" = ? WHERE "+c[1]+" = ?", c[2]+name, c[2]+d.Name); err != nil {
			return err
		}
	}
	return nil
}

// makeWay checks that nothing in the database has the name that a domain is to
// get, and removes what is left of an earlier domain.
func (t *Tx) makeWay(old, name string) error {
	if err := t.checkLengths(old, name); err != nil {
		return err
	}
	if err := t.checkTaken(old, name); err != nil {
		return err
	}
	end, args := t.ending("username", "@"+name)
	if _, err := t.exec("DELETE FROM admin_quota WHERE "+end, args...); err != nil {
		return err
	}
	strays, err := t.ids("SELECT id FROM admin_alias WHERE address = ? AND internal = ? AND domain_id IS NULL", "@"+name, true)
	if err != nil {
		return err
	}
	for _, id := range strays { // Modoboa leaves them behind when a domain alias is renamed
		if err := t.removeAlias(id); err != nil {
			return err
		}
	}
	return t.mergeSenders(old, name)
}

// checkLengths is an error if an address would be too long.
func (t *Tx) checkLengths(old, name string) error {
	more := utf8.RuneCountInString(name) - utf8.RuneCountInString(old)
	if more <= 0 {
		return nil
	}
	for _, c := range addressColumns {
		if !t.tables[c[0]].Has(c[1]) {
			continue
		}
		end, args := t.ending(c[1], "@"+old)
		n, err := t.count("SELECT max("+t.chars(c[1])+") FROM "+c[0]+" WHERE "+end, args...)
		if err != nil {
			return err
		}
		if n > 0 && t.tables[c[0]].Fits(c[0], c[1], strings.Repeat("x", int(n)+more)) != nil {
			return invalid("name", "Addresses in this domain would be longer than the database can hold.")
		}
	}
	return nil
}

// checkTaken is an error if something has the new name already that must be the
// only one of its name: the login of an account, an alias, a transport.
func (t *Tx) checkTaken(old, name string) error {
	for _, c := range []struct{ table, column, word string }{
		{"core_user", "username", "account"}, {"admin_alias", "address", "alias"}, {"transport_transport", "pattern", "transport"},
	} {
		end, args := t.ending(c.column, "@"+name)
		var taken []string
		err := t.each("SELECT "+c.column+" FROM "+c.table+" WHERE "+end, args, func(r *sql.Rows) error {
			var s string
			err := r.Scan(&s)
			taken = append(taken, s)
			return err
		})
		if err != nil {
			return err
		}
		for _, s := range taken {
			if c.word == "alias" && s == "@"+name {
				continue // of a domain alias that is no more; or of another domain, which the index refuses below
			}
			local := s[:strings.LastIndexByte(s, '@')]
			n, err := t.count("SELECT count(*) FROM "+c.table+" WHERE lower("+c.column+") = ?", store.Fold(local)+"@"+store.Fold(old))
			if err != nil {
				return err
			}
			if n > 0 {
				return conflict("There is an %s %s already.", c.word, s)
			}
		}
	}
	return nil
}

// mergeSenders removes further sender addresses that would be there twice.
func (t *Tx) mergeSenders(old, name string) error {
	end, args := t.ending("o.address", "@"+old)
	as, more := t.reending("o.address", "@"+old, "@"+name)
	twice, err := t.ids("SELECT o.id FROM admin_senderaddress o JOIN admin_senderaddress n ON n.mailbox_id = o.mailbox_id WHERE n.address = "+as+" AND "+end,
		append(more, args...)...)
	if err != nil || len(twice) == 0 {
		return err
	}
	return t.deleteRows(rowSet{table: "admin_senderaddress", where: "id IN (" + joinIDs(twice) + ")"})
}
