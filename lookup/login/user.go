package login

import (
	"context"
	"iter"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/store"
)

// User is where somebody's mail lives.
type User struct {
	Name     string // the mailbox's address, folded
	Home     string
	UID, GID int
	Quota    uint32 // MB, 0 = unlimited
}

// User finds the mailbox that a service asks for. The state of the account does
// not matter, as in Modoboa's user_query: mail for a disabled account is kept.
// An error says that it cannot be said now.
func (l *Logins) User(ctx context.Context, name []byte, service string) (u User, found bool, err error) {
	s, err := l.data.Snapshot(ctx)
	if err != nil {
		return User{}, false, err
	}
	m, ok := s.At(store.Fold(string(name))).Box()
	if !ok || !m.Has(service) {
		return User{}, false, nil
	}
	u, ok = l.options.Load().user(m.Address, m.Quota)
	return u, ok, nil
}

// user is what there is to know of a mailbox; false if its address cannot be
// part of a path.
func (o *Options) user(address string, quota uint32) (User, bool) {
	if !Path(address) {
		return User{}, false
	}
	return User{Name: address, Home: o.HomeOf(address), UID: o.UID, GID: o.GID, Quota: quota}, true
}

// AppendQuotaRule appends the limit as Dovecot 2.3 reads it (quota_rule); 0 is
// unlimited.
func (u *User) AppendQuotaRule(dst []byte) []byte {
	return u.AppendQuotaSize(append(dst, "*:bytes="...))
}

// AppendQuotaSize appends the limit as Dovecot 2.4 reads it (quota_storage_size);
// 0 is unlimited.
func (u *User) AppendQuotaSize(dst []byte) []byte {
	return append(strconv.AppendUint(dst, uint64(u.Quota), 10), 'M')
}

// Path reports whether an address can be part of a path. Dovecot itself takes
// no user with a "/" (auth_username_chars).
func Path(address string) bool {
	local, domain, _ := strings.Cut(address, "@")
	return !strings.Contains(address, "/") && local != "" && local != "." && local != ".." && domain != "." && domain != ".."
}

// HomeOf fills in the path of a mailbox; its address must be fit for a [Path].
func (o *Options) HomeOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	var b strings.Builder
	b.Grow(len(o.Home) + 2*len(address))
	for rest := o.Home; rest != ""; {
		before, after, ok := strings.Cut(rest, "%")
		b.WriteString(before)
		if !ok {
			break
		}
		var c byte = '%'
		if after != "" {
			c, after = after[0], after[1:]
		}
		switch c {
		case 'u':
			b.WriteString(address)
		case 'n':
			b.WriteString(address[:max(at, 0)])
		case 'd':
			b.WriteString(address[at+1:])
		default:
			b.WriteByte(c)
		}
		rest = after
	}
	return b.String()
}

// Names yields the users that a service finds, in no particular order.
func (l *Logins) Names(ctx context.Context, service string) (iter.Seq[string], error) {
	s, err := l.data.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return func(yield func(string) bool) {
		for m := range s.Mailboxes() {
			if m.Has(service) && Path(m.Address) && !yield(m.Address) {
				return
			}
		}
	}, nil
}

// Stored returns the account that may log in to a service as name, for those
// who check the password themselves. master asks for a master user instead.
func (l *Logins) Stored(ctx context.Context, name []byte, service string, master bool) (a store.Account, found bool, err error) {
	s, err := l.data.Snapshot(ctx)
	if err != nil {
		return store.Account{}, false, err
	}
	refusal := refusalBy(service)
	if master {
		refusal = (*store.AccountRows).MasterRefusal
	}
	a, why := firstAllowed(s.AccountsByEmail(store.Fold(string(name))), refusal)
	return a, why == "", nil
}

// Prefetched is what there is to know of somebody who may log in.
type Prefetched struct {
	Account store.Account
	User    User // of no name if the service finds no mailbox
}

// Prefetch is Stored and User in one.
func (l *Logins) Prefetch(ctx context.Context, name []byte, service string) (p Prefetched, found bool, err error) {
	s, err := l.data.Snapshot(ctx)
	if err != nil {
		return Prefetched{}, false, err
	}
	at := s.At(store.Fold(string(name)))
	a, why := firstAllowed(at.Accounts(), refusalBy(service))
	if why != "" {
		return Prefetched{}, false, nil
	}
	p.Account = a
	if m, ok := at.Box(); ok && m.Has(service) {
		p.User, _ = l.options.Load().user(m.Address, m.Quota)
	}
	return p, true, nil
}

// refusalBy says why an account may not log in to a service, or "" if it may.
func refusalBy(service string) func(*store.AccountRows) string {
	return func(r *store.AccountRows) string { return r.LoginRefusal(service) }
}

// firstAllowed finds the first account that is not refused, or why there is none.
func firstAllowed(accounts store.AccountRows, refusal func(*store.AccountRows) string) (a store.Account, why string) {
	why = "there is no such user"
	for accounts.Next() {
		if why = refusal(&accounts); why == "" {
			return accounts.Account(), ""
		}
	}
	return store.Account{}, why
}
