package auth

import (
	"net/netip"
	"time"
)

// maxKept is how many logins of a connection wait for their REQUEST; the
// oldest makes room. A login process waits for each of them with a client.
const maxKept = 10000

// kept is a login that succeeded and that a process will ask for.
type kept struct {
	id            uint32
	gone          bool // it was taken out of the queue
	at            time.Time
	user          string
	mechanism     string
	service       string
	original      string
	master        string
	session       string
	localName     string // only if the client is one of version 2.4
	remote, local netip.AddrPort
}

// keptLogins are the logins of one connection, in order of time: a queue in an
// array that is used round and round. A login costs no memory of its own, which
// would come from far away when the login is forgotten.
type keptLogins struct {
	places   []kept // a power of two of them, or none
	from, to uint32 // the queue: places[n & mask]; both go round as well
	byID     map[uint32]uint32
}

const (
	fewKept   = 16
	spareKept = 1024 // places that an empty queue keeps
)

func (l *keptLogins) at(n uint32) *kept { return &l.places[n&uint32(len(l.places)-1)] }

// len is how many are kept.
func (l *keptLogins) len() int { return len(l.byID) }

// oldest is the first of the queue, nil if nothing is kept.
func (l *keptLogins) oldest() *kept {
	if len(l.byID) == 0 {
		return nil
	}
	return l.at(l.from)
}

// add keeps a login and forgets those that are too old.
func (l *keptLogins) add(k *kept) {
	for first := l.oldest(); first != nil && (k.at.Sub(first.at) >= keepFor || l.len() >= maxKept); first = l.oldest() {
		l.drop(l.from)
	}
	if n, there := l.byID[k.id]; there {
		l.drop(n) // whose client forgot about it
	}
	if int(l.to-l.from) == len(l.places) {
		l.grow()
	}
	*l.at(l.to) = *k
	l.byID[k.id] = l.to
	l.to++
}

// take removes a login and returns it, if there is one of that id.
func (l *keptLogins) take(id uint32) (k kept, ok bool) {
	n, ok := l.byID[id]
	if ok {
		k = *l.at(n)
		l.drop(n)
	}
	return k, ok
}

// drop removes the login at a place. The queue begins with one that is there.
func (l *keptLogins) drop(n uint32) {
	k := l.at(n)
	delete(l.byID, k.id)
	*k = kept{gone: true}
	for l.from != l.to && l.at(l.from).gone {
		l.from++
	}
	if l.from == l.to && len(l.places) > spareKept {
		*l = keptLogins{}
	}
}

// grow makes room for one more: where half of the places are those of logins that
// are gone, by closing the gaps.
func (l *keptLogins) grow() {
	size := max(fewKept, len(l.places))
	if 2*len(l.byID) > size {
		size *= 2
	}
	next := keptLogins{places: make([]kept, size), byID: make(map[uint32]uint32, size/2)}
	for n := l.from; n != l.to; n++ {
		if k := l.at(n); !k.gone {
			*next.at(next.to) = *k
			next.byID[k.id] = next.to
			next.to++
		}
	}
	*l = next
}
