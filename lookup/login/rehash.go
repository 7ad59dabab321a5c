package login

import (
	"context"
	"errors"

	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store"
)

// job is a password to be stored in another scheme.
type job struct {
	account  store.Account
	password string
	scheme   string
	params   password.Params
}

// rehash asks for the password to be stored in the configured scheme. What does
// not fit into the queue comes at the next login.
func (c *check) rehash(a *Attempt) {
	if c.asked || c.o.Rehash == "" || c.l.hooks.Rehashed == nil || !c.account.Local || !password.NeedsRehash(c.hash, c.o.Rehash, c.o.RehashParams) {
		return
	}
	select {
	case c.l.rehash <- job{c.account, string(a.Password), c.o.Rehash, c.o.RehashParams}:
	default:
	}
}

// Run makes new hashes, one at a time, until ctx ends.
func (l *Logins) Run(ctx context.Context) {
	for {
		select {
		case j := <-l.rehash:
			hash, err := password.New(j.scheme, j.account.Email, j.password, j.params)
			if err != nil {
				if l.hooks.Broken != nil {
					l.hooks.Broken(j.account.Email, err)
				}
				continue
			}
			l.hooks.Rehashed(&j.account, hash)
		case <-ctx.Done():
			return
		}
	}
}

func isBusy(err error) bool {
	return errors.Is(err, password.ErrBusy) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
