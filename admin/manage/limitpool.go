package manage

import (
	"database/sql"
	"maps"
	"slices"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// SetLimits changes limits of an account, by name. What a reseller gives is
// taken from his own, which is his pool (modoboa/limits/lib.py,
// allocate_resources_from_user).
func (t *Tx) SetLimits(account int64, to map[string]int64) error {
	a, err := t.limited(account)
	if err != nil {
		return err
	}
	if !t.caller.Super() && t.caller.Role != Resellers {
		return denied("You do not have permission to perform this action.")
	}
	if err := t.allowAccount(a); err != nil {
		return err
	}
	f := fields{}
	for _, name := range slices.Sorted(maps.Keys(to)) {
		least := int64(-1)
		if name == "quota" {
			least = 0
		}
		if limitLabels[name] == "" {
			f.add(name, "There is no such limit.")
			continue
		}
		inRange(f, name, to[name], least)
	}
	if err := f.err(); err != nil {
		return err
	}
	if len(t.tables["limits_userobjectlimit"]) == 0 {
		return conflict("This database has no table limits_userobjectlimit: there are no limits in it.")
	}
	for _, name := range slices.Sorted(maps.Keys(to)) {
		if err := t.setLimit(account, name, to[name]); err != nil {
			return err
		}
	}
	return t.log("Limits of account %s changed", a.Username)
}

func (t *Tx) setLimit(account int64, name string, to int64) error {
	was, err := t.limitOf(account, name)
	if err != nil {
		return err
	}
	if to != was && !t.caller.Super() {
		if err := t.takeFromPool(name, was, to); err != nil {
			return err
		}
	}
	return t.storeLimit(account, name, to)
}

// takeFromPool takes from the caller's limit what another one is raised by, or
// gives back what it is lowered by. Of quotas 0 is unlimited, of the others -1.
func (t *Tx) takeFromPool(name string, was, to int64) error {
	unlimited := int64(-1)
	if name == "quota" {
		unlimited = 0
	}
	most, err := t.limitOf(t.caller.ID, name)
	if err != nil || most == unlimited {
		return err
	}
	if to == unlimited {
		return &Error{Kind: Invalid, Text: "You're not allowed to define unlimited values"}
	}
	more := to - max(was, 0)
	used, err := t.used(t.caller.ID, name)
	if err != nil {
		return err
	}
	if more > most-used {
		return &Error{Kind: Exhausted, Text: "Not enough resources"}
	}
	if name == "quota" && most-more == 0 {
		return &Error{Kind: Exhausted, Text: "Not enough resources"} // 0 would be unlimited
	}
	return t.storeLimit(t.caller.ID, name, most-more)
}

func (t *Tx) storeLimit(account int64, name string, to int64) error {
	var id sql.NullInt64
	there, err := t.find("SELECT id FROM limits_userobjectlimit WHERE user_id = ? AND name = ?", []any{account, name}, &id)
	if err != nil {
		return err
	}
	if there {
		_, err = t.exec("UPDATE limits_userobjectlimit SET max_value = ? WHERE id = ?", to, id.Int64)
		return err
	}
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rows.UserLimits, func(l struct{ Name, ContentType string }) bool { return l.Name == name })
	_, err = t.exec("INSERT INTO limits_userobjectlimit (user_id, name, content_type_id, max_value) VALUES (?, ?, ?, ?)",
		account, name, base.ContentTypes[rows.UserLimits[i].ContentType], to)
	return err
}

// returnLimits gives the limits of an account that no longer administrates
// back to the reseller who owns it (modoboa/limits/utils.py,
// move_pool_resource).
func (t *Tx) returnLimits(account int64) error {
	owner, err := t.ownerOf(UserObject, account)
	if err != nil || owner == 0 || owner == account || len(t.tables["limits_userobjectlimit"]) == 0 {
		return err
	}
	o, err := t.account(owner)
	if err != nil || o.Role != Resellers {
		return err
	}
	for _, l := range rows.UserLimits {
		given, err := t.limitOf(account, l.Name)
		if err != nil {
			return err
		}
		had, err := t.limitOf(owner, l.Name)
		if err != nil {
			return err
		}
		if given <= 0 {
			continue
		}
		if pooled := had >= 0 && (l.Name != "quota" || had > 0); pooled {
			if err := t.storeLimit(owner, l.Name, had+given); err != nil {
				return err
			}
		}
		if err := t.storeLimit(account, l.Name, 0); err != nil {
			return err
		}
	}
	return nil
}
