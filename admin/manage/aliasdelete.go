package manage

import "github.com/vmapd/vmapd/store"

// DeleteAlias deletes an alias. Other aliases lose it as a recipient, unless
// its address still leads somewhere without it, and those that have no
// recipient left are deleted too. An account that it was the forward of has its
// mail in its mailbox again.
func (t *Tx) DeleteAlias(id int64) error {
	a, err := t.changeable(id)
	if err != nil {
		return err
	}
	changed, err := t.dropAliases(a)
	if err != nil {
		return err
	}
	return t.checkLoops(changed...)
}

// dropAliases deletes aliases and those that are left without recipients, and
// returns the addresses that lead elsewhere then: to a catch-all, it may be.
func (t *Tx) dropAliases(queue ...*storedAlias) (changed []string, err error) {
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		changed = append(changed, store.Fold(a.Address))
		referrers, err := t.referrers(a.ID)
		if err != nil {
			return nil, err
		}
		if err := t.dropAlias(a); err != nil {
			return nil, err
		}
		for _, r := range referrers {
			changed = append(changed, store.Fold(r.Address))
			left, err := t.forget(r, a.Address)
			if err != nil {
				return nil, err
			}
			if left == 0 {
				queue = append(queue, r)
			}
		}
	}
	return changed, nil
}

// dropAlias deletes the rows of one alias.
func (t *Tx) dropAlias(a *storedAlias) error {
	if _, err := t.exec("DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id = ? OR r_alias_id = ?", a.ID, a.ID); err != nil {
		return err
	}
	if err := t.dropReferences("admin_alias", a.ID); err != nil { // of plugins
		return err
	}
	if err := t.ungrant(AliasObject, a.ID); err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM admin_alias WHERE id = ?", a.ID); err != nil {
		return err
	}
	if err := t.keepMail(a.Address); err != nil {
		return err
	}
	return t.log("Alias %s deleted", a.Address)
}

// forget takes an address that no alias has any more out of the recipients of
// an alias, and returns how many are left.
func (t *Tx) forget(a *storedAlias, address string) (left int, err error) {
	known, err := t.local(a.Recipients, a.ID)
	if err != nil {
		return 0, err
	}
	var list []string
	for _, s := range a.Recipients {
		if _, place := known.find(t, s); !t.leadsTo(s, address) || place != lostHere {
			list = append(list, s)
		}
	}
	return len(list), t.setRecipients(a.ID, known.assign(t, list))
}

// keepMail enables the self-alias of an active account's mailbox, which a
// forward without copies had disabled.
func (t *Tx) keepMail(address string) error {
	_, err := t.exec(`UPDATE admin_alias SET enabled = ? WHERE address = ? AND internal = ? AND enabled = ? AND id IN
		(SELECT r.alias_id FROM modoboa_admin_aliasrecipient r JOIN admin_mailbox m ON m.id = r.r_mailbox_id
			JOIN core_user u ON u.id = m.user_id WHERE r.address = ? AND u.is_active = ?)`, true, address, true, false, address, true)
	return err
}
