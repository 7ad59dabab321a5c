package manage

import (
	"context"
	"errors"
)

// The actions below are being made; each moves into the file of its object.

var errPending = errors.New("not made yet")

// --- accounts


// CreateAccount makes an account. password is the one that was made if in asks for a random one.
func (t *Tx) CreateAccount(in AccountInput) (a *Account, password string, err error) {
	return nil, "", errPending
}
func (t *Tx) UpdateAccount(id int64, in AccountInput) (a *Account, password string, err error) {
	return nil, "", errPending
}
func (t *Tx) PutAccount(username string, in AccountInput) (a *Account, password string, created bool, err error) {
	return nil, "", false, errPending
}

// DeleteAccount deletes an account with its mailbox. keepFiles leaves the mail where it is.
func (t *Tx) DeleteAccount(id int64, keepFiles bool) error { return errPending }

// ChangePassword sets a password; old is the one that it replaces, which only super administrators may leave out for others.
func (t *Tx) ChangePassword(id int64, old Opt[string], password string) error { return errPending }

// Limits are the limits of an account, in the order of rows.UserLimits.
func (t *Tx) Limits(account int64) ([]Limit, error)              { return nil, errPending }
func (t *Tx) SetLimits(account int64, to map[string]int64) error { return errPending }

// --- tokens: super administrators those of everyone, other administrators their own

func (t *Tx) Tokens(q Query) (Page[Token], error) { return Page[Token]{}, errPending }

// CreateToken replaces an account's API token and returns the new one: 40 hexadecimal digits.
func (t *Tx) CreateToken(account int64) (key string, err error) { return "", errPending }
func (t *Tx) RevokeToken(account int64) error                   { return errPending }

// HashPassword checks and hashes the password of an input, before a transaction begins.
func (m *Manager) HashPassword(ctx context.Context, in *AccountInput) error { return errPending }
