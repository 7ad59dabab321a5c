package manage

import "context"

// Elsewhere changes passwords that are not kept here.
type Elsewhere interface {
	// Changes reports whether it can change the password of an account.
	Changes(a *Account) bool
	// Change does. old is the present password, "" if an administrator sets
	// another one. An *Error is the caller's to blame for.
	Change(ctx context.Context, a *Account, old, clear string) error
}

// ChangesPassword reports whether the password of an account can be changed,
// here or elsewhere.
func (m *Manager) ChangesPassword(a *Account) bool { return a.Local || m.elsewhere(a) }

// elsewhere reports whether a password is kept and can be changed elsewhere.
func (m *Manager) elsewhere(a *Account) bool { return m.o.Elsewhere != nil && m.o.Elsewhere.Changes(a) }

// ChangeElsewhere is [Tx.ChangePassword] for an account whose password is kept
// elsewhere, and reports whether it is; if not it has done nothing. It asks a
// server of others, so it is no part of a transaction; [Tx.PasswordChanged] notes
// afterwards that it was done.
func (m *Manager) ChangeElsewhere(ctx context.Context, c *Caller, id int64, old Opt[string], clear string) (done bool, err error) {
	if m.o.Elsewhere == nil {
		return false, nil
	}
	var a *Account
	err = m.Read(ctx, c, func(t *Tx) error {
		if a, err = t.Account(id); err != nil || !m.elsewhere(a) {
			return err
		}
		return t.mayChangeElsewhere(a, old, clear)
	})
	if err != nil || !m.elsewhere(a) {
		return false, err
	}
	return true, m.o.Elsewhere.Change(ctx, a, old.Value, clear)
}

// mayChangeElsewhere checks what does not need the other server.
func (t *Tx) mayChangeElsewhere(a *Account, old Opt[string], clear string) error {
	self := t.self(a)
	if !self {
		if err := t.allowAccount(a); err != nil {
			return err
		}
	}
	f := fields{}
	if (self || !t.caller.Super()) && old.Value == "" {
		f.add("password", "This field is required.")
	}
	if why := weakness(clear); why != "" {
		f.add("new_password", "%s", why)
	}
	return f.err()
}

// PasswordChanged notes in Modoboa's log that a password was changed elsewhere. A
// hash of an earlier one that is here all the same would still let its owner in,
// so it goes.
func (t *Tx) PasswordChanged(id int64) error {
	a, err := t.account(id)
	if err != nil {
		return err
	}
	if _, err := t.exec("UPDATE core_user SET password = '' WHERE id = ? AND is_local = ? AND password <> ''", id, false); err != nil {
		return err
	}
	return t.log("Password of account %s changed", a.Username)
}
