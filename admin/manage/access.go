package manage

import (
	"database/sql"
	"fmt"
	"strings"
)

// Object is a kind of object that rights speak of: a content type.
type Object string

// The kinds of objects. Sender addresses have rights but no rows of access:
// they are their mailbox's.
const (
	UserObject          Object = "core.user"
	DomainObject        Object = "admin.domain"
	DomainAliasObject   Object = "admin.domainalias"
	MailboxObject       Object = "admin.mailbox"
	AliasObject         Object = "admin.alias"
	SenderAddressObject Object = "admin.senderaddress"
)

// words are what errors call the objects.
var words = map[Object]string{
	UserObject: "account", DomainObject: "domain", DomainAliasObject: "domain alias", MailboxObject: "mailbox",
	AliasObject: "alias", SenderAddressObject: "sender address",
}

// May reports whether a role may create, change and delete objects of a kind
// (modoboa/core/constants.py, PERMISSIONS of the apps). What somebody may see
// is a question of access, not of his role.
func (c *Caller) May(o Object) bool {
	switch c.Role {
	case SuperAdmins:
		return true
	case Resellers:
		return o != ""
	case DomainAdmins:
		return o == UserObject || o == MailboxObject || o == AliasObject || o == SenderAddressObject
	}
	return false
}

// allow is an error unless the caller's role may change objects of a kind.
func (t *Tx) allow(o Object) error {
	if t.caller.May(o) {
		return nil
	}
	return denied("You do not have permission to perform this action.")
}

// visible is a condition on the id of an object: the caller has access to it.
// It is to be put behind WHERE or AND. The numbers stand in it as they are:
// planned for anyone, PostgreSQL would take an administrator who sees a hundred
// thousand objects for one who sees a few.
func (t *Tx) visible(o Object, id string) string {
	if t.caller.Super() {
		return "1 = 1"
	}
	return id + fmt.Sprintf(" IN (SELECT oa.object_id FROM core_objectaccess oa WHERE oa.user_id = %d AND oa.content_type_id = %d)", t.caller.ID, t.kinds[o])
}

// sees reports whether the caller has access to an object.
func (t *Tx) sees(o Object, id int64) (bool, error) {
	if t.caller.Super() {
		return true, nil
	}
	return t.find("SELECT 1 FROM core_objectaccess WHERE user_id = ? AND content_type_id = ? AND object_id = ?",
		[]any{t.caller.ID, t.kinds[o], id}, new(int))
}

// missing is the answer about an object that is not there for the caller.
func missing(o Object) error { return notFound("There is no such %s.", words[o]) }

// ungrant removes all rows of access to an object.
func (t *Tx) ungrant(o Object, id int64) error {
	app, model, _ := strings.Cut(string(o), ".")
	_, err := t.exec(`DELETE FROM core_objectaccess WHERE object_id = ? AND content_type_id IN
		(SELECT id FROM django_content_type WHERE app_label = ? AND model = ?)`, id, app, model)
	return err
}

// grant gives users access to an object, unless they have it.
func (t *Tx) grant(o Object, id int64, users ...int64) error {
	base, err := t.baseRows()
	if err != nil {
		return err
	}
	kind := base.ContentTypes[string(o)]
	for _, u := range users {
		there, err := t.find("SELECT 1 FROM core_objectaccess WHERE user_id = ? AND content_type_id = ? AND object_id = ?",
			[]any{u, kind, id}, new(int))
		if err != nil {
			return err
		}
		if there {
			continue
		}
		if _, err := t.exec("INSERT INTO core_objectaccess (user_id, content_type_id, object_id, is_owner) VALUES (?, ?, ?, ?)", u, kind, id, false); err != nil {
			return err
		}
	}
	return nil
}

// admins returns who administrates a domain without being a super
// administrator: everyone who has access to it
// (modoboa/admin/models/domain.py, Domain.admins).
func (t *Tx) admins(domain int64) ([]int64, error) {
	return t.ids(`SELECT oa.user_id FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
		JOIN core_user u ON u.id = oa.user_id WHERE ct.app_label = 'admin' AND ct.model = 'domain' AND oa.object_id = ?
		AND u.is_superuser = ? ORDER BY oa.user_id`, domain, false)
}

// ownerOf returns who owns an object, 0 if nobody does.
func (t *Tx) ownerOf(o Object, id int64) (int64, error) {
	app, model, _ := strings.Cut(string(o), ".")
	var owner sql.NullInt64
	_, err := t.find(`SELECT oa.user_id FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
		WHERE ct.app_label = ? AND ct.model = ? AND oa.object_id = ? AND oa.is_owner = ?`, []any{app, model, id, true}, &owner)
	return owner.Int64, err
}
