package auth

import (
	"net/netip"
	"time"
)

// KeptLogin is a login that succeeded and that no process has asked for yet: what
// one Server leaves to another, which takes its place.
type KeptLogin struct {
	CPID   uint32 // process id that the login process claims
	Cookie string // of its connection
	ID     uint32 // of the request
	At     time.Time

	User, Mechanism, Service, Original, Master, Session, LocalName string

	Remote, Local netip.AddrPort
}

// Leave gives away all logins that nobody has asked for, those of connections
// that have been drained included. It is called when no connection of
// auth-client is left: what succeeds afterwards stays here.
func (s *Server) Leave() []KeptLogin {
	h := &s.logins
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []KeptLogin
	for cpid, clients := range h.clients {
		for _, c := range clients {
			c.mu.Lock()
			for c.kept.len() > 0 {
				k, _ := c.kept.take(c.kept.oldest().id)
				all = append(all, KeptLogin{
					CPID: cpid, Cookie: c.cookie, ID: k.id, At: k.at,
					User: k.user, Mechanism: k.mechanism, Service: k.service, Original: k.original, Master: k.master,
					Session: k.session, LocalName: k.localName, Remote: k.remote, Local: k.local,
				})
			}
			c.mu.Unlock()
		}
	}
	return all
}

// Adopt takes what another Server left.
func (s *Server) Adopt(logins []KeptLogin) {
	type connection struct {
		cpid   uint32
		cookie string
	}
	clients := map[connection]*client{}
	for _, l := range logins {
		at := connection{l.CPID, l.Cookie}
		c := clients[at]
		if c == nil {
			c = &client{cpid: l.CPID, cookie: l.Cookie}
			clients[at] = c
		}
		c.kept.add(&kept{
			id: l.ID, at: l.At, user: l.User, mechanism: l.Mechanism, service: l.Service, original: l.Original, master: l.Master,
			session: l.Session, localName: l.LocalName, remote: l.Remote, local: l.Local,
		})
	}
	for _, c := range clients {
		s.logins.join(c)
		s.logins.orphan(c)
	}
}

// orphan is a connection that is gone, but whose logins may be asked for.
type orphan struct {
	*client
	since time.Time
}

// orphan keeps the logins of a connection that is gone.
func (h *handover) orphan(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.orphans = append(h.orphans, orphan{c, time.Now()})
}

// bury forgets orphans whose logins are all too old. The caller holds mu.
func (h *handover) bury() {
	for len(h.orphans) > 0 && time.Since(h.orphans[0].since) >= keepFor {
		h.remove(h.orphans[0].client)
		h.orphans = h.orphans[1:]
	}
}
