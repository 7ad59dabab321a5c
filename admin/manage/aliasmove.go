package manage

import (
	"database/sql"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
)

// moveAlias brings the rights on an alias in line with the domain that it has
// moved to: the administrators of that one see it, those of the old one do not
// any more, and if one of them owned it the caller does now.
func (t *Tx) moveAlias(id, domain int64) error {
	admins, err := t.admins(domain)
	if err != nil {
		return err
	}
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	kind := base.ContentTypes[string(AliasObject)]
	owned := false
	var gone []int64
	err = t.each(`SELECT oa.id, oa.user_id, oa.is_owner, u.is_superuser FROM core_objectaccess oa JOIN core_user u ON u.id = oa.user_id
		WHERE oa.content_type_id = ? AND oa.object_id = ?`, []any{kind, id}, func(r *sql.Rows) error {
		var access, user int64
		var owner, super bool
		err := r.Scan(&access, &user, &owner, &super)
		if super || user == t.caller.ID || slices.Contains(admins, user) {
			owned = owned || owner
		} else {
			gone = append(gone, access)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := inParts(gone, func(marks string, args []any) error {
		_, err := t.exec("DELETE FROM core_objectaccess WHERE id IN ("+marks+")", args...)
		return err
	}); err != nil {
		return err
	}
	owner := base.Superusers[0]
	if u := t.owner(base); u != nil {
		owner = u
	}
	if err := t.grant(AliasObject, id, append(admins, owner.ID)...); err != nil || owned {
		return err
	}
	_, err = t.exec("UPDATE core_objectaccess SET is_owner = ? WHERE user_id = ? AND content_type_id = ? AND object_id = ?", true, owner.ID, kind, id)
	return err
}

// readdress has the aliases that lead to an alias lead to its new address, and
// returns theirs.
func (t *Tx) readdress(old *storedAlias, address string) (changed []string, err error) {
	referrers, err := t.referrers(old.ID)
	if err != nil {
		return nil, err
	}
	for _, a := range referrers {
		changed = append(changed, store.Fold(a.Address))
		list := make([]string, len(a.Recipients))
		for i, s := range a.Recipients {
			if list[i] = s; t.leadsTo(s, old.Address) {
				list[i] = t.reextended(s, old.Address, address)
			}
		}
		known, err := t.local(list, a.ID)
		if err != nil {
			return nil, err
		}
		if err := t.setRecipients(a.ID, known.assign(t, list)); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

// referrers are the aliases that have an alias among their recipients.
func (t *Tx) referrers(id int64) ([]*storedAlias, error) {
	return t.aliasesWhere("a.id IN (SELECT alias_id FROM modoboa_admin_aliasrecipient WHERE r_alias_id = ?) AND a.id <> ? ORDER BY a.id", id, id)
}

// leadsTo reports whether a recipient is an address, with an extension or not.
func (t *Tx) leadsTo(recipient, address string) bool {
	recipient, address = store.Fold(recipient), store.Fold(address)
	return recipient == address || t.bare(recipient) == address
}

// reextended is a new address with the extension that a recipient has beyond
// the old one.
func (t *Tx) reextended(recipient, old, address string) string {
	if store.Fold(recipient) == store.Fold(old) {
		return address
	}
	bare := t.bare(recipient)
	at := strings.LastIndexByte(recipient, '@')
	extension := recipient[at-(len(recipient)-len(bare)) : at]
	at = strings.LastIndexByte(address, '@')
	return address[:at] + extension + address[at:]
}
