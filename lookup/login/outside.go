package login

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/vmapd/vmapd/lookup/outside"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store"
)

// Knower knows passwords that are kept elsewhere: *outside.Outside.
type Knower interface {
	// Asks reports whether he is asked about an account, or about a login that
	// has none (nil).
	Asks(a *store.Account) bool
	// Check says whose password it is; outside.ErrWrong says that it is nobody's.
	Check(ctx context.Context, q outside.Question) (outside.Person, error)
}

// Outside is who knows passwords that are kept elsewhere, and what becomes of
// whoever has an account there alone.
type Outside struct {
	Knower
	// Create makes an account and returns when it is served. Many may ask for the
	// same one at once. ErrNotCreated says that there will be none.
	Create func(ctx context.Context, p *outside.Person) error
	// Remember is how long a right password is not asked about again; 0 = always
	// ask.
	Remember time.Duration
}

// ErrNotCreated says that somebody gets no account, however often he asks.
var ErrNotCreated = errors.New("no account can be made")

// createLimit is how long a first login waits for its account.
const createLimit = 7 * time.Second

// SetOutside says who is asked, by logins that begin from now on; nil: nobody
// is. What was heard before is forgotten.
func (l *Logins) SetOutside(o *Outside) {
	l.outside.Store(o)
	l.ForgetOutside()
}

// ForgetOutside forgets what was heard from outside, and what is on its way.
func (l *Logins) ForgetOutside() { l.era.Add(1) }

// mayAsk reports whether somebody else is asked about an account, or about a
// login that has none (nil).
func (c *check) mayAsk(a *store.Account) bool {
	switch {
	case c.out == nil:
		return false
	case a == nil:
		return c.out.Asks(nil)
	}
	own := *a // what a points to is to stay off the heap where nobody is asked
	return c.out.Asks(&own)
}

// beginOutside answers at once what was heard a short while ago.
func (c *check) beginOutside(a *Attempt) (Outcome, bool) {
	if c.exists && c.out.Remember > 0 && c.l.cache.has(c.outsideKey(a), c.began) {
		return c.right(a, false), true
	}
	return c.beginHashing(a)
}

// askOutside asks, unless there is a hash here that fits.
func (c *check) askOutside(ctx context.Context, a *Attempt) Outcome {
	if right, err := c.rightHere(ctx, a); err != nil {
		return c.unsure(err)
	} else if right {
		return c.right(a, true)
	}
	q := outside.Question{Login: c.names.checked, Password: string(a.Password)}
	if c.exists {
		q.Account, q.Login = &c.account, store.Fold(c.account.Username)
	}
	p, err := c.out.Check(ctx, q)
	switch {
	case errors.Is(err, outside.ErrWrong):
		return c.failed(a)
	case err != nil:
		return c.unsure(err)
	case !c.exists:
		return c.firstLogin(ctx, a, &p)
	}
	c.asked = true
	return c.right(a, true)
}

// rightHere checks a hash that an account has although its password is kept
// elsewhere. One that cannot be read does not count.
func (c *check) rightHere(ctx context.Context, a *Attempt) (bool, error) {
	if !c.exists || c.account.Password == "" {
		return false, nil
	}
	var err error
	if c.hash, err = password.Parse(c.account.Password, c.o.DefaultScheme); err != nil || c.hash.Weak() && !c.o.WeakSchemes {
		return false, nil
	}
	right, err := c.l.pool.Verify(ctx, c.hash, c.names.checked, string(a.Password))
	if isBusy(err) {
		return false, err
	}
	return right && err == nil, nil
}

// firstLogin lets somebody in who has no account by the name that he typed: one
// is made, unless he has one by the name that he is known by elsewhere.
func (c *check) firstLogin(ctx context.Context, a *Attempt, p *outside.Person) Outcome {
	c.names = names{checked: p.Login, user: p.Login}
	if _, boxless := c.snap.Account(p.Login); !c.findNew() && boxless {
		c.cancel()
		return c.no(Refused, "the account has no mailbox", 0)
	} else if !c.exists {
		ctx, cancel := context.WithTimeout(ctx, createLimit)
		defer cancel()
		switch err := c.out.Create(ctx, p); {
		case errors.Is(err, ErrNotCreated):
			c.cancel() // it was no guess
			return c.no(Refused, err.Error(), 0)
		case err != nil:
			return c.unsure(err)
		}
		snap, err := c.l.data.Snapshot(ctx)
		if err != nil {
			return c.unsure(err)
		}
		if c.snap = snap; !c.findNew() {
			c.cancel()
			return c.no(Refused, "the account has no mailbox", 0)
		}
	}
	if !c.mayAsk(&c.account) {
		c.cancel()
		return c.no(Refused, fmt.Sprintf("the password of %s is kept here, not elsewhere", p.Login), 0)
	}
	c.asked = true
	return c.right(a, true)
}

// findNew finds the account of somebody who is known elsewhere.
func (c *check) findNew() bool {
	if c.service == Page {
		c.findPage()
	} else {
		c.findMail()
	}
	return c.exists
}

// unsure is the outcome when nobody can say.
func (c *check) unsure(err error) Outcome {
	c.cancel()
	return Outcome{Reason: fmt.Sprintf("the password cannot be checked: %v", err)}
}

// outsideKey names in the cache that somebody else has said that the password
// fits, in this era.
func (c *check) outsideKey(a *Attempt) cacheKey {
	who := strconv.FormatUint(uint64(c.account.ID), 10) + " " + c.account.Username
	return c.l.cache.key([4]string{c.service, c.names.checked, who, "outside " + strconv.FormatUint(c.era, 10)}, a.Password)
}

func (c *check) rememberOutside(a *Attempt) {
	if c.out.Remember > 0 {
		c.l.cache.add(c.outsideKey(a), c.began.Add(c.out.Remember))
	}
}
