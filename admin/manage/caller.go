package manage

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"fmt"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// Caller is on whose behalf something is done.
type Caller struct {
	ID   int64 // core_user.id
	Name string
	Role Role
	// Root is the administrator of this machine, who acts on the command line:
	// a super administrator without an account.
	Root bool

	credential Credential
}

// Credential stands for a stored password: it is another one when that is.
type Credential [sha256.Size]byte

// CredentialOf returns that of what is stored in core_user.password.
func CredentialOf(stored string) Credential { return sha256.Sum256([]byte(stored)) }

// Credential returns that of the caller's password when the caller was read.
func (c *Caller) Credential() Credential { return c.credential }

// Root returns the administrator of this machine.
func Root() *Caller { return &Caller{Name: "root", Role: SuperAdmins, Root: true} }

// Machine is a job of this machine, which nobody ordered: a super administrator
// without a name.
func Machine() *Caller { return &Caller{Role: SuperAdmins, Root: true} }

// Super reports whether the caller may do everything.
func (c *Caller) Super() bool { return c.Role == SuperAdmins }

// Administrates reports whether the caller is more than a user of his mailbox.
func (c *Caller) Administrates() bool {
	return c.Role == SuperAdmins || c.Role == Resellers || c.Role == DomainAdmins
}

// CallerByToken returns who has an API token (40 hexadecimal digits), nil if
// nobody has it or his account is disabled. What is stored is compared in
// constant time, so that a nearly right token is not told from a wrong one.
func (m *Manager) CallerByToken(ctx context.Context, token string) (*Caller, error) {
	var id int64
	var key string
	q := "SELECT user_id, " + m.o.DB.Quote("key") + " FROM authtoken_token WHERE " + m.o.DB.Quote("key") + " = ?"
	err := rows.Each(ctx, m.o.DB, m.o.DB, q, []any{token}, func(r *sql.Rows) error { return r.Scan(&id, &key) })
	if err != nil {
		return nil, fmt.Errorf("read authtoken_token: %w", err)
	}
	if id == 0 || subtle.ConstantTimeCompare([]byte(key), []byte(token)) != 1 {
		return nil, nil
	}
	return m.caller(ctx, "u.id = ?", id)
}

// CallerByName returns the active account with a login, nil if there is none.
func (m *Manager) CallerByName(ctx context.Context, login string) (*Caller, error) {
	return m.caller(ctx, "u.username = ?", login)
}

// CallerByID is CallerByName by core_user.id.
func (m *Manager) CallerByID(ctx context.Context, id int64) (*Caller, error) {
	return m.caller(ctx, "u.id = ?", id)
}

func (m *Manager) caller(ctx context.Context, where string, arg any) (*Caller, error) {
	var c *Caller
	q := "SELECT u.id, u.username, u.is_superuser, u.password, " + roleOf + " FROM core_user u WHERE " + where + " AND u.is_active = ?"
	err := rows.Each(ctx, m.o.DB, m.o.DB, q, []any{arg, true}, func(r *sql.Rows) error {
		var super bool
		var stored string
		var group sql.NullString
		c = new(Caller)
		err := r.Scan(&c.ID, &c.Name, &super, &stored, &group)
		c.Role, c.credential = roleFrom(super, group), CredentialOf(stored)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read core_user: %w", err)
	}
	return c, nil
}

// roleOf selects the name of a user's first group, which is his role.
const roleOf = `(SELECT g.name FROM core_user_groups ug JOIN auth_group g ON g.id = ug.group_id
	WHERE ug.user_id = u.id ORDER BY ug.group_id LIMIT 1)`

func roleFrom(super bool, group sql.NullString) Role {
	if super {
		return SuperAdmins
	}
	return Role(group.String)
}
