package login

import (
	"context"
	"iter"
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
	s, err := l.snapshot(ctx)
	if err != nil {
		return User{}, false, err
	}
	m, ok := s.Mailbox(store.Fold(string(name)))
	if !ok || !m.Has(service) {
		return User{}, false, nil
	}
	u, ok = l.options.Load().user(&m)
	return u, ok, nil
}

// user is what there is to know of a mailbox; false if its address cannot be
// part of a path.
func (o *Options) user(m *store.Mailbox) (User, bool) {
	if !Path(m.Address) {
		return User{}, false
	}
	return User{Name: m.Address, Home: o.home(m.Address), UID: o.UID, GID: o.GID, Quota: m.Quota}, true
}

// Path reports whether an address can be part of a path. Dovecot itself takes
// no user with a "/" (auth_username_chars).
func Path(address string) bool {
	local, domain, _ := strings.Cut(address, "@")
	return !strings.Contains(address, "/") && local != "" && local != "." && local != ".." && domain != "." && domain != ".."
}

// home fills in the path of a mailbox.
func (o *Options) home(address string) string {
	at := strings.LastIndexByte(address, '@')
	var b strings.Builder
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
	s, err := l.snapshot(ctx)
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
	s, err := l.snapshot(ctx)
	if err != nil {
		return store.Account{}, false, err
	}
	for r := s.AccountsByEmail(store.Fold(string(name))); r.Next(); {
		a = r.Account()
		if master && a.Active && a.Master || !master && s.LoginRefusal(&a, service) == "" {
			return a, true, nil
		}
	}
	return store.Account{}, false, nil
}

func (l *Logins) snapshot(ctx context.Context) (*store.Snapshot, error) {
	if s := l.data.Servable(); s != nil {
		return s, nil
	}
	return l.data.Snapshot(ctx)
}
