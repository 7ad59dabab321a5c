package guard

import "time"

// maxPlaces is how many places of an account are known. A phone may see many
// addresses in a day, and the desk at home must outlast them.
const maxPlaces = 32

// home is a place from which an account has logged in.
type home struct {
	place uint64
	until int64 // when it is forgotten
}

// isHome reports whether the account has logged in from this place lately.
func (g *Guard) isHome(k *keys, now int64) bool {
	s := g.homes.find(k.account, now)
	if s == nil || k.place == 0 {
		return false
	}
	for _, h := range s.value {
		if h.place == k.place {
			return h.until > now
		}
	}
	return false
}

// retell is how much longer a place must be known than other nodes believe
// before they are told: logins are many.
const retell = int64(time.Hour)

// settleIn makes a place known, and reports whether that is news.
func (g *Guard) settleIn(k *keys, at, now int64) bool {
	until := at + int64(g.s.Remember)
	if k.place == 0 || until <= now {
		return false
	}
	s, fresh := g.homes.make(k.account, now)
	if fresh {
		s.value = s.value[:0] // keeps its memory
	}
	s.until = max(s.until, until)
	oldest := 0
	for i := range s.value {
		h := &s.value[i]
		if h.place == k.place {
			// What was told may be up to an hour behind, see below.
			news := until/retell > h.until/retell || h.until <= now
			h.until = max(h.until, until)
			return news
		}
		if h.until < s.value[oldest].until {
			oldest = i
		}
	}
	if h := (home{k.place, until}); len(s.value) < maxPlaces {
		s.value = append(s.value, h)
	} else {
		s.value[oldest] = h
	}
	return true
}
