package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"sync"
	"time"
)

// keepFor is for how long a login waits for its REQUEST
// (MASTER_AUTH_SERVER_TIMEOUT_SECS of Dovecot).
const keepFor = 150 * time.Second

// handover knows the connections that have kept logins, by the process id
// that their clients claim. There is nearly always one of each.
type handover struct {
	mu      sync.RWMutex
	clients map[uint32][]*client
	orphans []orphan // oldest first
}

// join makes the logins of a connection available.
func (h *handover) join(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.clients == nil {
		h.clients = make(map[uint32][]*client)
	}
	h.bury()
	h.clients[c.cpid] = append(h.clients[c.cpid], c)
}

// leave undoes join.
func (h *handover) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(c)
}

// remove is leave for who holds mu.
func (h *handover) remove(c *client) {
	rest := slices.DeleteFunc(h.clients[c.cpid], func(d *client) bool { return d == c })
	if len(rest) == 0 {
		delete(h.clients, c.cpid)
		return
	}
	h.clients[c.cpid] = rest
}

// take gives a login away for good. If there is none it says why.
func (h *handover) take(cpid, id uint32, cookie []byte) (k *kept, why string) {
	var owners []*client // one, or two if the connection was passed on
	h.mu.RLock()
	for _, c := range h.clients[cpid] {
		if subtle.ConstantTimeCompare([]byte(c.cookie), cookie) == 1 {
			owners = append(owners, c)
		}
	}
	known := len(h.clients[cpid]) > 0
	h.mu.RUnlock()
	switch {
	case !known:
		return nil, "no login process with this pid has a login that waits"
	case owners == nil:
		return nil, "the cookie is not that of the login process"
	}
	for _, owner := range owners {
		owner.mu.Lock()
		found, ok := owner.kept.take(id)
		owner.mu.Unlock()
		if ok {
			k = &found // the latest, should a client use an id twice
		}
	}
	switch {
	case k == nil:
		return nil, "there is no such login: not made, not successful, or asked for before"
	case time.Since(k.at) >= keepFor:
		return nil, "the login is too old"
	}
	return k, ""
}

// newToken gives n random bytes in hexadecimal.
func newToken(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails, see its documentation
	return hex.EncodeToString(b)
}
