package guard

import "time"

// maxWords is how many wrong passwords of an account are remembered, those
// that were tried last. A few devices with old passwords fit in. Were there no
// bound, months of guessing would fill the 4,096 fingerprints there are, and
// every further guess would pass for a repetition.
const maxWords = 8

// words are the wrong passwords of an account, the latest first.
type words [maxWords]word

type word struct {
	key   uint64 // of the account and the fingerprint
	until int64  // when it is forgotten
}

// guess is an attempt under way: what Before has counted for it.
type guess struct {
	pair         uint64
	account      uint64
	at           int64
	placeAdded   int64 // to the bucket of the account at the place
	accountAdded int64 // to that of the account
}

// How long an attempt is taken to be under way: so long it may be asked about
// again without a new judgement (Dovecot asks twice, before and after it has
// looked at the password), and so long what Before counted can be taken back.
const (
	underWay = int64(time.Minute)
	settling = int64(5 * time.Minute)
)

// isWrong reports whether a password is known to be wrong.
func (g *Guard) isWrong(k *keys, now int64) bool {
	s := g.words.find(k.account, now)
	if s == nil || k.password == 0 {
		return false
	}
	for i := range s.value {
		if s.value[i].key == k.password {
			return s.value[i].until > now
		}
	}
	return false
}

// noteWrong remembers a wrong password, or for longer if it is remembered.
func (g *Guard) noteWrong(k *keys, at int64) {
	w := word{k.password, at + int64(g.s.Remember)}
	s, fresh := g.words.make(k.account, at)
	if fresh {
		s.value = words{}
	}
	i := 0
	for i < maxWords-1 && s.value[i].key != k.password {
		i++
	}
	if s.value[i].key == k.password {
		w.until = max(w.until, s.value[i].until)
	}
	copy(s.value[1:i+1], s.value[:i])
	s.value[0] = w
	s.until = max(s.until, w.until)
}

// noteRight forgets that a password was wrong.
func (g *Guard) noteRight(k *keys, now int64) {
	if s := g.words.find(k.account, now); s != nil && k.password != 0 {
		for i := range s.value {
			if s.value[i].key == k.password {
				s.value[i].until = 0
			}
		}
	}
}
