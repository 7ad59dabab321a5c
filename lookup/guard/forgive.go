package guard

import "net/netip"

// Forgive forgets all guesses for an account, here and on the nodes that
// share. It reports whether there were any. Networks keep what they have.
func (g *Guard) Forgive(account string) bool {
	had := g.forgive(account)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tell(Event{Kind: Forgiven, Account: account})
	return had
}

func (g *Guard) forgive(account string) (had bool) {
	key := nonzero(sum(g.seed, account))
	g.mu.Lock()
	if s := g.accounts.find(key, g.time()); s != nil {
		s.forget()
		had = true
	}
	g.mu.Unlock()
	eachPiece(g, &g.pairs, func(part []slot[pair], now int64) {
		for i := range part {
			if s := &part[i]; s.value.account == key && s.until > now {
				s.forget()
				had = true
			}
		}
	})
	return had
}

// ForgivePrefix forgets all guesses from the networks inside p and around it,
// here and on the nodes that share, and returns how many networks that were.
// Accounts keep what they have.
func (g *Guard) ForgivePrefix(p netip.Prefix) int {
	n := g.forgivePrefix(p)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tell(Event{Kind: Forgiven, Network: p})
	return n
}

func (g *Guard) forgivePrefix(p netip.Prefix) (n int) {
	eachPiece(g, &g.networks, func(part []slot[netip.Prefix], now int64) {
		for i := range part {
			if s := &part[i]; s.until > now && s.value.Overlaps(p) {
				s.forget()
				n++
			}
		}
	})
	return n
}

// eachPiece walks over a table without holding the lock for long.
func eachPiece[T any](g *Guard, t *table[T], do func(part []slot[T], now int64)) {
	for from := 0; from < t.size; from += piece {
		g.mu.Lock()
		do(t.part(from), g.time())
		g.mu.Unlock()
	}
}
