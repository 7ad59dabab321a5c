package dovecot

import (
	"context"
	"net/netip"

	"github.com/vmapd/vmapd/lookup/auth"
	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/store"
)

// Auth answers the functions of an auth.Server.
type Auth struct {
	Logins *login.Logins
	// Told, if set, is told of every attempt whose outcome is known.
	Told func(service, user string, remote netip.Addr, out login.Outcome)
}

// Server returns a Server that asks a.
func (a *Auth) Server() *auth.Server {
	return &auth.Server{Check: a.check, User: a.user, Pass: a.pass, List: a.list, Flush: a.flush}
}

func (a *Auth) check(at *auth.Attempt) (auth.Outcome, auth.Rest) {
	attempt := login.Attempt{Service: at.Service, Login: at.Login, Authzid: at.Authzid, Password: at.Password, Remote: at.Remote.Addr()}
	out, rest := a.Logins.Check(&attempt)
	if rest == nil {
		return a.outcome(&attempt, out), nil
	}
	later := attempt // attempt itself is to stay off the heap
	return auth.Outcome{}, func(ctx context.Context) auth.Outcome {
		return a.outcome(&later, rest(ctx))
	}
}

// outcome puts an Outcome into the words of the protocol. What the client may
// not know, such as that its password is right but the account closed, shows
// in nothing but a code that login processes log.
func (a *Auth) outcome(at *login.Attempt, out login.Outcome) auth.Outcome {
	user := out.User
	if user == "" {
		user = store.Fold(string(at.Login))
	}
	if a.Told != nil {
		a.Told(at.Service, user, at.Remote, out)
	}
	switch out.Verdict {
	case login.Yes:
		return auth.Outcome{Verdict: auth.Yes, User: user, Master: out.Master}
	case login.No:
		return auth.Outcome{Verdict: auth.No, User: user, Code: codes[out.Cause], Delay: out.Delay}
	}
	return auth.Outcome{User: user, Reason: out.Reason}
}

// codes tell login processes why a right password does not help.
var codes = map[login.Cause]auth.Code{login.Refused: auth.UserDisabled, login.OtherAuthzid: auth.AuthzFailed}

func (a *Auth) user(ctx context.Context, r *auth.UserRequest) auth.UserReply {
	u, found, err := a.Logins.User(ctx, r.User, r.Service)
	switch {
	case err != nil:
		return auth.UserReply{Reason: err.Error()}
	case !found:
		return auth.UserReply{Verdict: auth.No}
	}
	f := r.NewFields()
	f.AddInt("uid", int64(u.UID))
	f.AddInt("gid", int64(u.GID))
	f.Add("home", u.Home)
	var buf [32]byte
	f.AddBytes("quota_rule", u.AppendQuotaRule(buf[:0]))
	f.AddBytes("quota_storage_size", u.AppendQuotaSize(buf[:0]))
	return auth.UserReply{Verdict: auth.Yes, User: u.Name, Fields: f}
}

func (a *Auth) pass(ctx context.Context, r *auth.UserRequest) auth.UserReply {
	account, found, err := a.Logins.Stored(ctx, r.User, r.Service, false)
	switch {
	case err != nil:
		return auth.UserReply{Reason: err.Error()}
	case !found:
		return auth.UserReply{Verdict: auth.No}
	}
	return auth.UserReply{Verdict: auth.Yes, User: account.Email}
}

func (a *Auth) list(ctx context.Context, r *auth.ListRequest, yield func([]byte) bool) error {
	names, err := a.Logins.Names(ctx, r.Service)
	if err != nil {
		return err
	}
	for name := range names {
		if !yield([]byte(name)) {
			break
		}
	}
	return nil
}

// flush empties the cache, whoever is meant: one user's entries cannot be told
// from another's there.
func (a *Auth) flush(context.Context, []string) (int, error) {
	return a.Logins.ForgetPasswords(), nil
}
