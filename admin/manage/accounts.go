package manage

import (
	"cmp"
	"database/sql"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/store"
)

// Account returns an account that the caller has access to, or his own.
func (t *Tx) Account(id int64) (*Account, error) {
	if id != t.caller.ID || t.caller.Root {
		ok, err := t.sees(UserObject, id)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, missing(UserObject)
		}
	}
	return t.account(id)
}

// AccountByName is Account by the login. A spelling that is stored with
// capitals, as Modoboa did before 1.10.7, is found by itself alone.
func (t *Tx) AccountByName(username string) (*Account, error) {
	id, err := t.accountID(username)
	if err != nil {
		return nil, err
	}
	if id == 0 {
		return nil, missing(UserObject)
	}
	return t.Account(id)
}

// accountID returns whose login a name is, 0 if it is nobody's.
func (t *Tx) accountID(username string) (int64, error) {
	username = strings.TrimSpace(username)
	folded, err := t.count("SELECT id FROM core_user WHERE username = ?", store.Fold(username))
	if folded != 0 || err != nil {
		return folded, err
	}
	return t.count("SELECT id FROM core_user WHERE username = ?", username)
}

// AccountExists reports whether a name or mail address is an account's, whoever asks.
func (t *Tx) AccountExists(email string) (bool, error) {
	name := store.Fold(strings.TrimSpace(email))
	if name == "" {
		return false, nil // which is the mail address of many
	}
	return t.find("SELECT 1 FROM core_user WHERE username = ? OR email = ? LIMIT 1", []any{name, name}, new(int))
}

// account returns an account, whoever asks.
func (t *Tx) account(id int64) (*Account, error) {
	list, err := t.accountsBy([]int64{id})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, missing(UserObject)
	}
	return &list[0], nil
}

// accountsBy returns accounts in the order of their ids.
func (t *Tx) accountsBy(ids []int64) ([]Account, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	byID := make(map[int64]*Account, len(ids))
	err := t.each(t.accountSelect(ids), nil, func(r *sql.Rows) error {
		a, err := scanAccount(r)
		byID[a.ID] = a
		return err
	})
	if err == nil {
		err = t.addUsage(byID)
	}
	if err == nil {
		err = t.addDomains(byID)
	}
	if err != nil {
		return nil, err
	}
	list := make([]Account, 0, len(ids))
	for _, id := range ids {
		if a := byID[id]; a != nil {
			list = append(list, *a)
		}
	}
	return list, nil
}

func (t *Tx) accountSelect(ids []int64) string {
	two := make([]string, 0, 3)
	for _, c := range []string{"tfa_enabled", "totp_enabled", "webauthn_enabled"} {
		two = append(two, t.column("core_user", "u", c, "false"))
	}
	return `SELECT u.id, u.username, u.first_name, u.last_name, u.email, u.is_active, u.is_local, u.master_user, u.is_superuser, ` + roleOf + `,
		u.language, u.phone_number, u.secondary_email, ` + strings.Join(two, ", ") + ", " + t.timeText("core_user", "u", "date_joined") + ", " + t.timeText("core_user", "u", "last_login") + `,
		m.id, m.address, d.name, m.use_domain_quota, m.quota, ` + t.column("admin_mailbox", "m", "message_limit", "NULL") + ", " + t.column("admin_mailbox", "m", "is_send_only", "NULL") + `
		FROM core_user u LEFT JOIN admin_mailbox m ON m.user_id = u.id LEFT JOIN admin_domain d ON d.id = m.domain_id
		WHERE u.id IN (` + joinIDs(ids) + ")"
}

func scanAccount(r *sql.Rows) (*Account, error) {
	var a Account
	var super bool
	var group, phone, second, joined, login, local, domain sql.NullString
	var box, quota, limit sql.NullInt64
	var useDomain, sendOnly sql.NullBool
	err := r.Scan(&a.ID, &a.Username, &a.FirstName, &a.LastName, &a.Email, &a.Active, &a.Local, &a.MasterUser, &super, &group,
		&a.Language, &phone, &second, &a.TwoFactor, &a.TOTP, &a.WebAuthn, &joined, &login, &box, &local, &domain, &useDomain, &quota, &limit, &sendOnly)
	a.TwoFactor = a.TwoFactor || a.TOTP || a.WebAuthn
	a.Role, a.Phone, a.SecondaryEmail, a.Joined = roleFrom(super, group), phone.String, second.String, timeOf(joined)
	if at := timeOf(login); !at.IsZero() {
		a.LastLogin = &at
	}
	if box.Valid {
		a.Mailbox = &Mailbox{
			ID: box.Int64, Address: local.String + "@" + domain.String, Domain: domain.String,
			UseDomainQuota: useDomain.Bool, Quota: quota.Int64, SendOnly: sendOnly.Bool,
		}
		if limit.Valid {
			a.Mailbox.MessageLimit = &limit.Int64
		}
	}
	return &a, err
}

// addUsage fills in how full the mailboxes are.
func (t *Tx) addUsage(accounts map[int64]*Account) error {
	boxes := make(map[string]*Mailbox, len(accounts))
	var names []any
	for _, a := range accounts {
		if a.Mailbox != nil {
			boxes[store.Fold(a.Mailbox.Address)] = a.Mailbox
			for _, spelling := range spellings(a.Mailbox.Address) {
				names = append(names, spelling)
			}
		}
	}
	const most = 1000 // parameters of one statement
	for len(names) > 0 {
		some := names[:min(len(names), most)]
		names = names[len(some):]
		marks := strings.TrimSuffix(strings.Repeat("?,", len(some)), ",")
		err := t.each("SELECT username, bytes, messages FROM admin_quota WHERE username IN ("+marks+")", some, func(r *sql.Rows) error {
			var name string
			var bytes, messages int64
			err := r.Scan(&name, &bytes, &messages)
			if b := boxes[store.Fold(name)]; b != nil {
				b.Used, b.Messages = bytes, messages
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// addDomains fills in the domains of those who administrate some.
func (t *Tx) addDomains(accounts map[int64]*Account) error {
	var ids []int64
	for id, a := range accounts {
		if a.Role == DomainAdmins || a.Role == Resellers {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return t.each(`SELECT oa.user_id, d.name FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
		JOIN admin_domain d ON d.id = oa.object_id WHERE ct.app_label = 'admin' AND ct.model = 'domain' AND oa.user_id IN (`+joinIDs(ids)+`)
		ORDER BY d.name`, nil, func(r *sql.Rows) error {
		var id int64
		var name string
		err := r.Scan(&id, &name)
		a := accounts[id]
		a.Domains = append(a.Domains, name)
		return err
	})
}

// joinIDs writes ids for IN (...); none gives what no id equals.
func joinIDs(ids []int64) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(id, 10))
	}
	return cmp.Or(b.String(), "NULL")
}
