package manage

import (
	"database/sql"
	"maps"
	"slices"

	"github.com/vmapd/vmapd/store"
)

// DeleteDomain deletes a domain or relay domain with its aliases, domain
// aliases, mailboxes and transport. The accounts of its mailboxes stay, unless
// Modoboa's parameter auto_account_removal is on; then those go that the caller
// may delete. keepFiles leaves the mail where it is, where Modoboa has it
// removed (handle_mailboxes).
//
// An administrator cannot delete the domain that his own mailbox is in.
func (t *Tx) DeleteDomain(id int64, keepFiles bool) error {
	d, err := t.Domain(id)
	if err != nil {
		return err
	}
	if err := t.allow(DomainObject); err != nil {
		return err
	}
	own, err := t.count("SELECT count(*) FROM admin_mailbox WHERE domain_id = ? AND user_id = ?", id, t.caller.ID)
	if err != nil {
		return err
	}
	if own > 0 {
		return denied("You can't delete your own domain")
	}
	for _, step := range []func(*Domain, bool) error{t.deleteDomainAliasesOf, t.deleteMailboxesOf, t.deleteAliasesOf, t.deleteRoutes, t.deleteDomainRow} {
		if err := step(d, keepFiles); err != nil {
			return err
		}
	}
	return t.log("Domain %s deleted", d.Name)
}

func (t *Tx) deleteDomainAliasesOf(d *Domain, _ bool) error {
	aliases, err := t.domainAliasesWhere("a.target_id = ?", d.ID)
	if err != nil {
		return err
	}
	for _, a := range aliases {
		if err := t.deleteDomainAlias(&a); err != nil {
			return err
		}
	}
	return nil
}

// deleteMailboxesOf deletes the mailboxes of a domain, other domains' aliases
// that led to nothing else, and accounts if that is wanted.
func (t *Tx) deleteMailboxesOf(d *Domain, keepFiles bool) error {
	if !keepFiles {
		err := t.eachMailbox(d, func(_ int64, address string) error { return t.fileOperation("delete", address, 0) })
		if err != nil {
			return err
		}
	}
	accounts, err := t.removable(d)
	if err != nil {
		return err
	}
	boxes := rowSet{table: "admin_mailbox", where: "domain_id = ?", args: []any{d.ID}}
	leading, err := t.ids("SELECT DISTINCT r.alias_id FROM modoboa_admin_aliasrecipient r JOIN admin_alias a ON a.id = r.alias_id WHERE r.r_mailbox_id IN ("+
		boxes.keys()+") AND (a.domain_id IS NULL OR a.domain_id <> ?)", d.ID, d.ID)
	if err != nil {
		return err
	}
	if err := t.ungrantAll(MailboxObject, boxes); err != nil {
		return err
	}
	if err := t.deleteRows(boxes); err != nil {
		return err
	}
	end, args := t.ending("username", "@"+d.Name)
	if _, err := t.exec("DELETE FROM admin_quota WHERE "+end, args...); err != nil {
		return err
	}
	if err := t.deleteEmptied(leading); err != nil {
		return err
	}
	return t.deleteUsers(accounts)
}

// eachMailbox calls f for each mailbox of a domain.
func (t *Tx) eachMailbox(d *Domain, f func(id int64, address string) error) error {
	addresses := map[int64]string{}
	err := t.each("SELECT id, address FROM admin_mailbox WHERE domain_id = ?", []any{d.ID}, func(r *sql.Rows) error {
		var id int64
		var local string
		err := r.Scan(&id, &local)
		addresses[id] = local + "@" + d.Name
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(addresses)) {
		if err := f(id, addresses[id]); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) deleteAliasesOf(d *Domain, _ bool) error {
	return t.deleteAliases(rowSet{table: "admin_alias", where: "domain_id = ?", args: []any{d.ID}})
}

// deleteRoutes deletes what is known by the domain's name: transports, those of
// the old autoreply plugin among them, and further DKIM keys.
func (t *Tx) deleteRoutes(d *Domain, _ bool) error {
	if err := t.dropTransport(d); err != nil {
		return err
	}
	names := []any{d.Name, store.Fold(d.Name), "autoreply." + d.Name}
	for _, c := range [][2]string{
		{"transport_transport", "pattern"},
		{"relaydomains_recipientaccess", "pattern"},
		{"postfix_autoreply_transport", "domain"},
		{"vmapd_dkim_key", "domain"},
	} {
		if len(t.tables[c[0]]) == 0 {
			continue
		}
		where := c[1] + " IN (?, ?, ?)"
		if c[0] == "transport_transport" {
			if _, err := t.exec("UPDATE admin_domain SET transport_id = NULL WHERE transport_id IN (SELECT id FROM transport_transport WHERE "+where+")", names...); err != nil {
				return err
			}
		}
		if _, err := t.exec("DELETE FROM "+c[0]+" WHERE "+where, names...); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) deleteDomainRow(d *Domain, _ bool) error {
	if err := t.ungrant(DomainObject, d.ID); err != nil {
		return err
	}
	if err := t.dropReferences("admin_domain", d.ID); err != nil {
		return err
	}
	_, err := t.exec("DELETE FROM admin_domain WHERE id = ?", d.ID)
	return err
}
