package auth

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// handOver answers REQUEST: it gives a login that succeeded to the process
// that takes the session over.
func (m *master) handOver(ctx context.Context, dst []byte, id uint32, args []byte) []byte {
	pidText, rest, _ := cutField(args)
	loginText, rest, _ := cutField(rest)
	cookie, rest, _ := cutField(rest)
	cpid, ok := parseID(pidText)
	login, ok2 := parseID(loginText)
	if !ok || !ok2 || len(cookie) == 0 {
		m.fail("client sent REQUEST without a process id, an id and a cookie")
		return dst
	}
	session, named, token := requestFields(rest)
	if m.rights&MayRequest == 0 {
		m.forbid("REQUEST", nil)
		return appendFailed(dst, id, "")
	}
	k, why := m.s.logins.take(cpid, login, cookie)
	if k == nil && m.awaitHeritage(ctx) {
		k, why = m.s.logins.take(cpid, login, cookie)
	}
	if k != nil && named && m.peer.Known && m.peer.PID > 0 && session != uint32(m.peer.PID) {
		k, why = nil, fmt.Sprintf("it is for process %d, asked by process %d", session, m.peer.PID)
	}
	if k == nil {
		m.refused("REQUEST", nil, fmt.Sprintf("login %d of process %d: %s", login, cpid, why))
		return appendFailed(dst, id, "")
	}
	return m.give(ctx, dst, id, k, named && token)
}

// awaitHeritage waits for logins that another Server leaves, and reports whether
// there may be some now.
func (m *master) awaitHeritage(ctx context.Context) bool {
	if m.s.Heritage == nil {
		return false
	}
	timer := time.NewTimer(m.s.limits().Check)
	defer timer.Stop()
	select {
	case <-m.s.Heritage:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

// requestFields reads the parameters of REQUEST. named is whether there was a
// session_pid, token whether a token is wanted.
func requestFields(b []byte) (session uint32, named, token bool) {
	for more := true; more; {
		var field []byte
		field, b, more = cutField(b)
		name, val, _ := bytes.Cut(field, []byte{'='})
		switch string(name) {
		case "session_pid":
			session, named = parseID(val)
			if !named {
				session, named = 0, true // is nobody's
			}
		case "request_auth_token":
			token = true
		}
	}
	return session, named, token
}

// give answers with what is known about the user of a login.
func (m *master) give(ctx context.Context, dst []byte, id uint32, k *kept, token bool) []byte {
	r := m.newRequest()
	r.Info = Info{
		Service: k.service, Remote: k.remote, Local: k.local,
		Session: []byte(k.session), LocalName: []byte(k.localName), Peer: m.peer,
	}
	r.User, r.Mechanism = []byte(k.user), k.mechanism
	var reply UserReply
	if m.s.User != nil {
		reply = m.s.User(ctx, r)
	}
	var more []byte
	if k.master != "" {
		more = appendField(more, "master_user", k.master)
	}
	more = appendField(more, "auth_mech", k.mechanism)
	if token {
		more = appendField(more, "auth_token", newToken(20)) // proves nothing: URLAUTH alone has a use for it
	}
	switch {
	case k.master != "":
		more = appendField(more, "auth_user", k.master)
	case k.original != "" && k.original != k.user:
		more = appendField(more, "auth_user", k.original)
	}
	if k.localName != "" {
		more = appendField(more, "local_name", k.localName)
	}
	return m.answer(dst, "USER", id, r, &reply, more)
}
