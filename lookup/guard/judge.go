package guard

// The reasons of a Verdict.
const (
	reasonAccount = "account"
	reasonPlace   = "place"
	reasonAddress = "address"
	reasonNetwork = "network"
)

// judge compares the buckets of an attempt with their limits. All these
// functions want g.mu held.
func (g *Guard) judge(k *keys, known bool, now int64) Verdict {
	var v Verdict
	if known {
		g.weigh(&v, g.levelAt(k.pair, now), &g.s.Place, reasonPlace, k.exempt)
		return v
	}
	level := 0
	if s := g.accounts.find(k.account, now); s != nil {
		level = g.s.Account.level(s.until, now)
	}
	g.weigh(&v, level, &g.s.Account, reasonAccount, k.exempt)
	for i, n := range k.nets[:k.n] {
		reason := reasonNetwork
		if i == 0 {
			reason = reasonAddress
		}
		if s := g.networks.find(n.key, now); s != nil {
			g.weigh(&v, n.limit.level(s.until, now), n.limit, reason, false)
		}
	}
	return v
}

func (g *Guard) levelAt(pair uint64, now int64) int {
	if s := g.pairs.find(pair, now); s != nil {
		return g.s.Place.level(s.value.bucket, now)
	}
	return 0
}

// weigh makes a verdict as harsh as one more bucket wants it.
func (g *Guard) weigh(v *Verdict, level int, l *Limit, reason string, exempt bool) {
	refuse := level >= l.Refuse && !exempt
	delay := g.s.delay(level, l)
	if refuse && !v.Refuse || delay > v.Delay && refuse == v.Refuse {
		v.Reason = reason
	}
	v.Delay = max(v.Delay, delay)
	if refuse {
		v.Refuse, v.Message = true, g.s.Message
	}
}

// pairOf gives the entry of an account at a place.
func (g *Guard) pairOf(k *keys, at int64) *slot[pair] {
	p, fresh := g.pairs.make(k.pair, at)
	if fresh {
		p.value = pair{account: k.account}
	}
	return p
}

// owe notes that a pair has added something to a bucket.
func (p *slot[pair]) owe(owed *int64, added, at int64) {
	*owed = max(*owed, at) + added
	p.until = max(p.until, *owed)
}

// charge counts a guess for the account and the place, at a time that may
// have passed already.
func (g *Guard) charge(account string, k *keys, known bool, at int64) guess {
	w := guess{pair: k.pair, account: k.account, at: at}
	p := g.pairOf(k, at)
	w.placeAdded = g.s.Place.add(&p.value.bucket, at)
	p.until = max(p.until, p.value.bucket)
	if known {
		return w
	}
	a, fresh := g.accounts.make(k.account, at)
	if fresh {
		a.value = newLabel(account)
	}
	w.accountAdded = g.s.Account.add(&a.until, at)
	p.owe(&p.value.owedAccount, w.accountAdded, at)
	return w
}

// fail counts a wrong password, and reports whether it was a new one.
func (g *Guard) fail(account string, k *keys, known bool, at int64) bool {
	g.quiet.mark(k.account)
	repeated := g.isWrong(k, at)
	if k.password != 0 {
		g.noteWrong(k, at)
	}
	if repeated {
		return false
	}
	if p := g.pending.find(k.password, at); p != nil {
		g.quiet.ended(p) // Before has counted it
	} else {
		g.charge(account, k, known, at)
	}
	g.chargeNetworks(k, at)
	return true
}

func (g *Guard) chargeNetworks(k *keys, at int64) {
	if k.n == 0 {
		return
	}
	p := g.pairOf(k, at)
	g.quiet.markNetworks(k)
	for i, n := range k.nets[:k.n] {
		s, fresh := g.networks.make(n.key, at)
		if fresh {
			s.value = n.prefix
		}
		p.owe(&p.value.owed[i], n.limit.add(&s.until, at), at)
	}
}

// settle takes back what Before has counted.
func (g *Guard) settle(k *keys, now int64) {
	p := g.pending.find(k.password, now)
	if p == nil {
		return
	}
	if s := g.pairs.find(p.value.pair, now); s != nil {
		s.value.bucket -= p.value.placeAdded
		back := min(p.value.accountAdded, max(0, s.value.owedAccount-now)) // a success may have taken it already
		s.value.owedAccount -= back
		if a := g.accounts.find(k.account, now); a != nil {
			a.until -= back
		}
	}
	g.quiet.ended(p)
}

// succeed forgives what was guessed for the account at this place, and makes
// that a known one since at. It reports whether other nodes gain by knowing.
func (g *Guard) succeed(k *keys, at, now int64) bool {
	g.settle(k, now)
	g.noteRight(k, now)
	forgiven := g.forgiveAt(k, now)
	return g.settleIn(k, at, now) || forgiven
}

// forgiveAt takes out of all buckets what the account has added at this place,
// and reports whether that was anything.
func (g *Guard) forgiveAt(k *keys, now int64) (forgiven bool) {
	p := g.pairs.find(k.pair, now)
	if p == nil {
		return false
	}
	forgiven = p.value.bucket > now
	back := func(bucket *int64, owed int64) {
		if owed > now {
			*bucket -= owed - now
			forgiven = true
		}
	}
	if s := g.accounts.find(k.account, now); s != nil {
		back(&s.until, p.value.owedAccount)
	}
	for i, n := range k.nets[:k.n] {
		if s := g.networks.find(n.key, now); s != nil {
			back(&s.until, p.value.owed[i])
		}
	}
	p.forget()
	return forgiven
}
