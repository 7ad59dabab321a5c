package manage

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/store"
)

// Ref is an object by its id and name.
type Ref struct {
	ID   int64
	Name string
}

// Owned are the kinds of objects that somebody must own.
func Owned() []Object {
	return []Object{UserObject, DomainObject, DomainAliasObject, AliasObject, MailboxObject}
}

// Word is what errors and reports call a kind of object.
func (o Object) Word() string { return words[o] }

// ownedRows says where the objects of a kind are: what names one, its table,
// which of the rows count, and the domain whose administrators may own it.
func (t *Tx) ownedRows(o Object) (name, from, where, domain string) {
	switch o {
	case UserObject:
		return "x.username", "core_user x", "1 = 1", "NULL"
	case DomainObject:
		return "x.name", "admin_domain x", "1 = 1", "x.id"
	case DomainAliasObject:
		return "x.name", "admin_domainalias x", "1 = 1", "x.target_id"
	case AliasObject:
		return "x.address", "admin_alias x", "x.internal = " + t.bool(false) + " AND x.domain_id IS NOT NULL", "x.domain_id"
	default:
		return t.concat("x.address", "'@'", "d.name"), "admin_mailbox x JOIN admin_domain d ON d.id = x.domain_id", "1 = 1", "x.domain_id"
	}
}

// bool is a literal.
func (t *Tx) bool(v bool) string {
	return strings.ToUpper(fmt.Sprint(v)) // all three dialects know TRUE and FALSE
}

func (t *Tx) unowned(o Object) string {
	_, from, where, _ := t.ownedRows(o)
	app, model, _ := strings.Cut(string(o), ".")
	return " FROM " + from + " WHERE " + where + ` AND NOT EXISTS (SELECT 1 FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
		WHERE ct.app_label = '` + app + `' AND ct.model = '` + model + `' AND oa.object_id = x.id AND oa.is_owner = ` + t.bool(true) + ")"
}

// Unowned lists objects of a kind that nobody owns: by id, those with greater
// ids than after, at most most of them.
func (t *Tx) Unowned(o Object, after int64, most int) ([]Ref, error) {
	name, _, _, _ := t.ownedRows(o)
	return t.refs("SELECT x.id, "+name+t.unowned(o)+" AND x.id > ? ORDER BY x.id LIMIT ?", after, most)
}

// CountUnowned returns how many there are.
func (t *Tx) CountUnowned(o Object) (int64, error) { return t.count("SELECT count(*)" + t.unowned(o)) }

func (t *Tx) refs(query string, args ...any) ([]Ref, error) {
	var list []Ref
	err := t.each(query, args, func(r *sql.Rows) error {
		var ref Ref
		err := r.Scan(&ref.ID, &ref.Name)
		list = append(list, ref)
		return err
	})
	return list, err
}

// GiveOwner makes somebody the owner of an object that nobody owns, as Modoboa's
// command repair does: an administrator of its domain, or else the first super
// administrator who is active. It returns his login, "" if somebody owns the
// object by now or it is gone.
func (t *Tx) GiveOwner(o Object, id int64) (string, error) {
	if !t.caller.Super() {
		return "", denied("You do not have permission to perform this action.")
	}
	_, _, _, domain := t.ownedRows(o)
	var in sql.NullInt64
	found, err := t.find("SELECT "+domain+t.unowned(o)+" AND x.id = ?", []any{id}, &in)
	if err != nil || !found {
		return "", err
	}
	owner, err := t.ownerFor(in.Int64)
	if err != nil {
		return "", err
	}
	if err := t.own(o, id, owner.ID); err != nil {
		return "", fmt.Errorf("give %s %d an owner: %w", words[o], id, err)
	}
	return owner.Name, nil
}

// ownerFor is who gets what is in a domain, 0 for in none.
func (t *Tx) ownerFor(domain int64) (Ref, error) {
	var who []Ref
	admins, err := t.admins(domain)
	if err == nil && len(admins) > 0 {
		who, err = t.refs("SELECT id, username FROM core_user WHERE id = ?", admins[0])
	} else if err == nil {
		who, err = t.refs("SELECT id, username FROM core_user WHERE is_superuser = ? AND is_active = ? ORDER BY id LIMIT 1", true, true)
	}
	switch {
	case err != nil:
		return Ref{}, err
	case len(who) == 0:
		return Ref{}, conflict("There is no active super administrator who could own anything.")
	}
	return who[0], nil
}

// own gives an object an owner; all super administrators get access to it.
func (t *Tx) own(o Object, id, owner int64) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	users := []int64{owner}
	for _, u := range base.Superusers {
		users = append(users, u.ID)
	}
	if err := t.grant(o, id, users...); err != nil {
		return err
	}
	_, err = t.exec("UPDATE core_objectaccess SET is_owner = ? WHERE user_id = ? AND content_type_id = ? AND object_id = ?",
		true, owner, base.ContentTypes[string(o)], id)
	return err
}

// selfless is about mailboxes without an alias to themselves, or whose alias
// does not lead to them.
func (t *Tx) selfless() string {
	return ` FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id WHERE NOT EXISTS
		(SELECT 1 FROM modoboa_admin_aliasrecipient r JOIN admin_alias a ON a.id = r.alias_id
		WHERE r.r_mailbox_id = m.id AND a.internal = ` + t.bool(true) + ` AND lower(a.address) = lower(` + t.concat("m.address", "'@'", "d.name") + "))"
}

// Selfless lists mailboxes that have no alias to themselves, so that a catch-all
// would take their mail: as [Tx.Unowned] lists.
func (t *Tx) Selfless(after int64, most int) ([]Ref, error) {
	return t.refs("SELECT m.id, "+t.concat("m.address", "'@'", "d.name")+t.selfless()+" AND m.id > ? ORDER BY m.id LIMIT ?", after, most)
}

// CountSelfless returns how many there are.
func (t *Tx) CountSelfless() (int64, error) { return t.count("SELECT count(*)" + t.selfless()) }

// MakeSelfAlias makes what a mailbox lacks of the alias to itself. It is enabled
// unless the account is disabled (Modoboa 2.3), or its user forwards mail without
// keeping a copy. It returns what was made, "" if it lacks nothing by now.
func (t *Tx) MakeSelfAlias(mailbox int64) (string, error) {
	if !t.caller.Super() {
		return "", denied("You do not have permission to perform this action.")
	}
	user, err := t.count("SELECT m.user_id"+t.selfless()+" AND m.id = ?", mailbox)
	if err != nil || user == 0 {
		return "", err
	}
	a, err := t.account(user)
	if err != nil {
		return "", err
	}
	self, err := t.aliasAt(a.Mailbox.Address, true)
	if err != nil {
		return "", err
	}
	if self != 0 {
		_, err := t.exec("INSERT INTO modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id) VALUES (?, ?, ?)", store.Fold(a.Mailbox.Address), self, a.Mailbox.ID)
		return "recipient", err
	}
	base, err := t.baseRows()
	if err != nil {
		return "", err
	}
	away, err := t.forwardsAway(a.Mailbox)
	if err != nil {
		return "", err
	}
	return "alias", t.missingSelfAlias(a.Mailbox, !away && (a.Active || !base.SelfAliasOff))
}
