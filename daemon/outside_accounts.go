package daemon

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/lookup/outside"
	"github.com/vmapd/vmapd/store"
)

// createOutside makes the account of somebody whose password was right elsewhere,
// and returns when it is served.
func (d *Daemon) createOutside(ctx context.Context, p *outside.Person) error {
	in := manage.OutsideInput{Username: p.Login, FirstName: p.First, LastName: p.Last, Admin: p.Admin, Local: p.Local}
	var a *manage.Account
	var created bool
	err := d.manager().Write(ctx, manage.Root(), func(t *manage.Tx) (err error) {
		a, created, err = t.CreateOutside(in)
		return err
	})
	var refused *manage.Error
	switch {
	case errors.As(err, &refused):
		return fmt.Errorf("%w: %w", login.ErrNotCreated, refused)
	case err != nil:
		return fmt.Errorf("make the account: %w", err)
	case created:
		d.log.Info("made an account at its first login", zap.String("account", a.Username), zap.String("role", string(a.Role)),
			zap.String("source", p.Source), zap.Bool("mailbox", a.Mailbox != nil))
	}
	if err := d.store.Sync(ctx); err != nil {
		return fmt.Errorf("the account is made, but not served yet: %w", err)
	}
	return nil
}

// Changes implements manage.Elsewhere.
func (o *outsiders) Changes(a *manage.Account) bool {
	now := o.asker()
	return now != nil && !a.Local && now.Changes(storedAs(a))
}

// Change implements manage.Elsewhere. What was heard of the old password is
// forgotten before anybody is told that there is a new one.
func (o *outsiders) Change(ctx context.Context, a *manage.Account, old, clear string) error {
	now := o.asker()
	if now == nil {
		return &elsewhereError{errors.New("nobody is asked any more who keeps it")}
	}
	err := now.Change(ctx, storedAs(a), old, clear)
	o.mu.Lock()
	if o.logins != nil {
		o.logins.ForgetOutside()
	}
	o.mu.Unlock()
	blame := func(field, text string) error {
		return &manage.Error{Kind: manage.Invalid, Fields: map[string][]string{field: {text}}}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, outside.ErrWrong):
		return blame("password", "Password not correct")
	case errors.Is(err, outside.ErrRefused):
		return blame("new_password", "The directory does not take this password.")
	case errors.Is(err, outside.ErrNoChange):
		return blame("password", "The password of this account cannot be changed from here.")
	}
	return &elsewhereError{err}
}

// storedAs is an account as the sources know it.
func storedAs(a *manage.Account) *store.Account {
	return &store.Account{ID: uint32(a.ID), Username: a.Username, Email: a.Email, Active: a.Active, Local: a.Local}
}

// elsewhereError says that a password could not be changed now.
type elsewhereError struct{ err error }

// Error gives one line.
func (e *elsewhereError) Error() string { return "the password is kept elsewhere: " + e.err.Error() }

// Unwrap is for package errors.
func (e *elsewhereError) Unwrap() error { return e.err }

// Remedy says what to do.
func (e *elsewhereError) Remedy() string {
	return "try again; if it stays so see \"vmapd status\" and \"vmapd doctor\""
}
