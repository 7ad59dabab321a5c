package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// The choices of CleanInactive.
const (
	Delete  = "delete"  // delete accounts instead of disabling them
	KeepDir = "keepdir" // leave the mail of deleted ones where it is
)

// CleanInactive disables, or deletes, the accounts of users who have not logged
// in for longer than Modoboa's parameter core.inactive_account_threshold says
// (modoboa/core/management/commands/clean_inactive_accounts.py), never super
// administrators, nor those of whom no login is known. What goes along with an
// account is done as everywhere: a disabled one takes the aliases along that lead
// to it alone.
func CleanInactive() Job {
	return Job{
		Name: "clean-inactive-accounts", Text: "Disables, or deletes, accounts whose users have not logged in for long.", Run: cleanInactive,
		Choices: []Choice{{Delete, "delete them with their mailboxes instead of disabling them"}, {KeepDir, "leave the mail of deleted ones where it is"}},
	}
}

func cleanInactive(ctx context.Context, r *Run) error {
	set, err := r.Parameters(ctx)
	if err != nil {
		return err
	}
	days := set.Number(parameters.InactiveThreshold)
	switch {
	case !set.Flag(parameters.EnableInactiveAccounts):
		r.Result("inactive accounts stay: %s is false", parameters.EnableInactiveAccounts)
		return nil
	case days <= 0:
		r.Result("inactive accounts stay: %s is %d", parameters.InactiveThreshold, days)
		return nil
	}
	c := &cleaner{Run: r, before: before(r.Now, days)}
	if err := c.each(ctx); err != nil {
		return err
	}
	what := r.verb("disabled", "would disable")
	if r.Chosen(Delete) {
		what = r.verb("deleted", "would delete")
	}
	r.Result("%s %s without a login since %s", what, counted(c.done, "account", "accounts"), day(c.before))
	return nil
}

// cleaner cleans inactive accounts.
type cleaner struct {
	*Run
	before time.Time
	done   int64
}

// each goes through the accounts. Each is a transaction of its own, which does
// not hold others up, and none is begun for what is done already.
func (c *cleaner) each(ctx context.Context) error {
	const page = 200
	var seen, total, after int64
	for {
		var list []manage.Inactive
		err := c.Read(ctx, func(t *manage.Tx) (err error) {
			if total == 0 {
				if total, err = t.CountInactive(c.before); err != nil {
					return err
				}
			}
			list, err = t.Inactive(c.before, after, page)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		for i := range list {
			if err := c.one(ctx, &list[i]); err != nil {
				return fmt.Errorf("account %s: %w", list[i].Username, err)
			}
			seen++
			c.Progress(seen, max(total, seen))
		}
		after = list[len(list)-1].ID
	}
}

// one cleans an account, unless its user has logged in meanwhile.
func (c *cleaner) one(ctx context.Context, a *manage.Inactive) error {
	if c.Site.LastLogin != nil {
		if at, ok := c.Site.LastLogin(a.Username); ok && !at.Before(c.before) {
			return nil
		}
	}
	still := c.DryRun
	err := c.Write(ctx, func(t *manage.Tx) (err error) {
		if still, err = t.StillInactive(a.ID, c.before); err != nil || !still {
			return err
		}
		if c.Chosen(Delete) {
			return t.DeleteAccount(a.ID, c.Chosen(KeepDir))
		}
		_, _, err = t.UpdateAccount(a.ID, manage.AccountInput{Active: manage.Some(false)})
		return err
	})
	if refused := manage.Refused(err); refused != nil {
		c.Did("%s: left alone: %v", a.Username, refused)
		return nil
	}
	if err != nil || !still {
		return err
	}
	what := c.verb("disabled", "would be disabled")
	if c.Chosen(Delete) {
		what = c.verb("deleted", "would be deleted")
	}
	c.done++
	c.Did("%s: %s, last login %s", a.Username, what, day(a.LastLogin))
	return nil
}
