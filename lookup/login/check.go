package login

import (
	"context"
	"fmt"
	"hash/maphash"
	"time"
	"unsafe"

	"github.com/vmapd/vmapd/lookup/guard"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store"
)

// check is one attempt on its way.
type check struct {
	l       *Logins
	o       *Options
	began   time.Time
	service string
	names   names
	apart   bool // the authzid is not one that the login could have

	snap    *store.Snapshot
	account store.Account // whose password it is; some account's if there is none
	exists  bool          // the account is there and has a password
	why     Cause         // if not
	refused string        // why its owner may not log in
	out     *Outside      // who knows passwords that are not here; nil: nobody
	asks    bool          // he is asked
	asked   bool          // and he has said that the password is right
	era     uint64        // of what he said, see Logins.ForgetOutside
	hash    password.Hash
	attempt guard.Attempt
	guarded bool // the guard waits to hear how the attempt ended
}

// Check says whether an attempt succeeds. If that takes long it returns the rest
// of the work, and the Outcome means nothing.
func (l *Logins) Check(a *Attempt) (Outcome, func(context.Context) Outcome) {
	c := check{l: l, o: l.options.Load(), began: time.Now(), service: a.Service, era: l.era.Load()}
	c.out = l.outside.Load() // after its era: what the one before has said is not taken for his
	var ok bool
	c.names, ok = c.o.namesOf(a)
	c.apart = !ok
	c.attempt = guard.Attempt{Account: c.names.checked, Remote: a.Remote}
	if c.snap = l.data.Servable(); c.snap == nil {
		rest, later := c, *a // they themselves are to stay off the heap
		return Outcome{}, func(ctx context.Context) Outcome { return rest.wait(ctx, &later) }
	}
	if out, done := c.begin(a); done {
		return out, nil
	}
	rest, later := c, *a
	return Outcome{}, func(ctx context.Context) Outcome { return rest.slow(ctx, &later) }
}

// slow does what begin has left.
func (c *check) slow(ctx context.Context, a *Attempt) Outcome {
	if c.asks {
		return c.askOutside(ctx, a)
	}
	return c.hashing(ctx, a)
}

// wait is the rest of a check that found no snapshot.
func (c *check) wait(ctx context.Context, a *Attempt) Outcome {
	var err error
	if c.snap, err = c.l.data.Snapshot(ctx); err != nil {
		return Outcome{Reason: err.Error()}
	}
	if out, done := c.begin(a); done {
		return out
	}
	return c.slow(ctx, a)
}

// begin does all that is quick, and reports whether that was all.
func (c *check) begin(a *Attempt) (Outcome, bool) {
	if g := c.l.guard; g != nil {
		if !g.Quiet(&c.attempt) {
			c.fingerprint(a)
			if v := g.Glance(c.attempt); v.Refuse {
				return c.no(Guarded, v.Reason, v.Delay), true
			}
		}
		c.guarded = true
	}
	c.find()
	if c.asks {
		return c.beginOutside(a)
	}
	if c.account.Password == "" { // nobody here has one
		return c.failed(a), true
	}
	if c.remembered(a) {
		return c.right(a, false), true
	}
	var err error
	if c.hash, err = password.Parse(c.account.Password, c.o.DefaultScheme); err != nil {
		return c.broken(a, err), true
	}
	if c.hash.Weak() && c.exists {
		if hook := c.l.hooks.Weak; hook != nil {
			hook(c.names.checked, c.hash.Scheme(), !c.o.WeakSchemes)
		}
		if !c.o.WeakSchemes {
			c.exists, c.why = false, WeakScheme
		}
	}
	if !c.hash.Cost().Cheap {
		return c.beginHashing(a)
	}
	right, err := c.hash.Verify(c.names.checked, view(a.Password))
	return c.verified(a, right, err), true
}

// view is a text that is not kept.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// beginHashing lets the guard count an attempt that takes long, so that many at the
// same time are no way around it.
func (c *check) beginHashing(a *Attempt) (Outcome, bool) {
	if c.guarded {
		c.fingerprint(a)
		if v := c.l.guard.Begin(c.attempt); v.Refuse {
			c.guarded = false
			return c.no(Guarded, v.Reason, v.Delay), true
		}
	}
	return Outcome{}, false
}

// hashing checks a dear hash.
func (c *check) hashing(ctx context.Context, a *Attempt) Outcome {
	right, err := c.l.pool.Verify(ctx, c.hash, c.names.checked, string(a.Password))
	return c.verified(a, right, err)
}

func (c *check) verified(a *Attempt, right bool, err error) Outcome {
	switch {
	case err != nil && !c.exists:
		return c.failed(a)
	case err != nil:
		return c.broken(a, err)
	case !right || !c.exists:
		return c.failed(a)
	}
	return c.right(a, true)
}

// find finds the account whose password it is, or one that is as dear to check.
func (c *check) find() {
	if c.service == Page {
		c.findPage()
	} else {
		c.findMail()
	}
	switch {
	case c.exists:
		c.asks = c.mayAsk(&c.account)
	case c.why == UnknownLogin && !c.names.master():
		c.asks = c.mayAsk(nil)
	}
	if !c.exists && !c.asks {
		c.account, _ = c.snap.SomeAccount(maphash.String(c.l.cache.seed, c.names.checked))
	}
}

// findMail is find for the services of mail.
func (c *check) findMail() {
	c.why = UnknownLogin
	for r := c.snap.AccountsByEmail(c.names.checked); r.Next(); {
		a := r.Account()
		switch {
		case a.Password == "" && !c.mayAsk(&a):
			c.why = NoPassword
			continue
		case c.names.master() && !a.Master:
			c.why = NotMaster // whether it is his password, nobody learns like this
			continue
		}
		refused := c.refusal(&r)
		if refused != "" && c.exists {
			continue
		}
		c.account, c.refused, c.exists, c.why = a, refused, true, WrongPassword // the first, should none be open
		if refused == "" {
			return
		}
	}
}

// refusal says why the owner of the right password may not log in.
func (c *check) refusal(r *store.AccountRows) string {
	if !c.names.master() {
		return r.LoginRefusal(c.service)
	}
	if why := r.MasterRefusal(); why != "" {
		return "of the master user: " + why
	}
	_, why := firstAllowed(c.snap.AccountsByEmail(c.names.user), refusalBy(c.service))
	return why // nobody, not even a master user, may log in as him
}

// right is the outcome of a right password; anew says that it was hashed.
func (c *check) right(a *Attempt, anew bool) Outcome {
	if c.apart {
		c.cancel()
		return c.no(OtherAuthzid, "the authorization identity is not the login", 0)
	}
	if c.refused != "" {
		c.cancel() // it was no guess
		return c.no(Refused, c.refused, 0)
	}
	if c.guarded {
		c.l.guard.After(c.attempt, true)
	}
	if anew {
		c.remember(a)
		c.rehash(a)
	}
	out := Outcome{Verdict: Yes, User: c.names.user}
	if c.names.master() {
		out.Master = c.names.checked
	}
	return out
}

// remembered reports whether the password was right not long ago, as of the same
// hash: then that need not even be taken apart.
func (c *check) remembered(a *Attempt) bool {
	return c.exists && c.o.Remember > 0 && password.Dear(c.account.Password, c.o.DefaultScheme) && c.l.cache.has(c.key(a), c.began)
}

// remember notes that a password was right.
func (c *check) remember(a *Attempt) {
	switch {
	case c.asked:
		c.rememberOutside(a)
	case !c.hash.Cost().Cheap && !c.hash.Weak() && c.o.Remember > 0: // weak ones are looked at each time
		c.l.cache.add(c.key(a), c.began.Add(c.o.Remember))
	}
}

// failed is the outcome of a wrong password.
func (c *check) failed(a *Attempt) Outcome {
	var wait time.Duration
	if c.guarded {
		c.fingerprint(a)
		wait = c.l.guard.After(c.attempt, false).Delay
	}
	return c.no(c.why, "", wait)
}

// fingerprint makes the guard see which password it is: that costs as much as
// all else that it does, and most attempts are none of its concern.
func (c *check) fingerprint(a *Attempt) {
	if c.attempt.Fingerprint == 0 {
		c.attempt.Fingerprint = c.l.guard.Fingerprint(c.names.checked, a.Password)
	}
}

// cancel tells the guard that nothing is known of the password, or nothing that
// concerns it.
func (c *check) cancel() {
	if c.guarded {
		c.l.guard.Cancel(c.attempt)
	}
}

// no is a refusal, not before everybody else's would come.
func (c *check) no(cause Cause, reason string, wait time.Duration) Outcome {
	return Outcome{Verdict: No, Cause: cause, Reason: reason, Delay: max(c.o.FailureDelay, wait) - time.Since(c.began)}
}

// broken is the outcome when a stored hash cannot be used.
func (c *check) broken(a *Attempt, err error) Outcome {
	if !c.exists {
		return c.failed(a) // some account's hash: no concern of this login
	}
	c.cancel()
	if hook := c.l.hooks.Broken; hook != nil && !isBusy(err) {
		hook(c.names.checked, err)
	}
	return Outcome{Reason: fmt.Sprintf("the password cannot be checked: %v", err)}
}

// key names in the cache that the password fits.
func (c *check) key(a *Attempt) cacheKey {
	return c.l.cache.key([4]string{c.service, c.names.checked, c.account.Password, c.o.DefaultScheme}, a.Password)
}
