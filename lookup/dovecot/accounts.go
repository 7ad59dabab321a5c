package dovecot

import (
	"bytes"
	"context"
	"errors"
	"strconv"

	"github.com/vmapd/vmapd/lookup/auth"
	"github.com/vmapd/vmapd/lookup/dict"
	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/store"
)

// accounts is the dict "auth".
type accounts struct {
	*Dicts
	hashes bool // the client may read them
}

var errHashes = errors.New("this process may not read password hashes: let Dovecot's auth-worker run as root, or see dovecot.password_readers")

const (
	passdb = "shared/passdb/"
	master = "shared/master/"
	userdb = "shared/userdb/"
)

// Lookup implements dict.Dict.
func (d *accounts) Lookup(ctx context.Context, r *dict.Request, dst []byte) ([]byte, bool, error) {
	if rest, ok := bytes.CutPrefix(r.Key, []byte(userdb)); ok {
		service, name := split(rest)
		u, found, err := d.Logins.User(ctx, name, service)
		if err != nil || !found {
			return dst, false, err
		}
		return append(appendUser(append(dst, '{'), &u, ""), '}'), true, nil
	}
	rest, pass := bytes.CutPrefix(r.Key, []byte(passdb))
	if !pass {
		var ok bool
		if rest, ok = bytes.CutPrefix(r.Key, []byte(master)); !ok {
			return dst, false, errNoKey
		}
	}
	if !d.hashes {
		return dst, false, errHashes
	}
	service, name := split(rest)
	if pass {
		return d.passdb(ctx, dst, service, name)
	}
	a, found, err := d.Logins.Stored(ctx, name, service, true)
	if err != nil || !found || a.Password == "" {
		return dst, false, err
	}
	return append(appendAccount(dst, &a), '}'), true, nil
}

// passdb appends what passdb says, and userdb too for "userdb prefetch".
func (d *accounts) passdb(ctx context.Context, dst []byte, service string, name []byte) ([]byte, bool, error) {
	p, found, err := d.Logins.Prefetch(ctx, name, service)
	if err != nil || !found || p.Account.Password == "" {
		return dst, false, err
	}
	dst = appendAccount(dst, &p.Account)
	if p.User.Name != "" {
		dst = appendUser(append(dst, ','), &p.User, "userdb_")
	}
	return append(dst, '}'), true, nil
}

// appendAccount begins an object.
func appendAccount(dst []byte, a *store.Account) []byte {
	dst = appendString(append(dst, `{"password":`...), a.Password)
	return appendString(append(dst, `,"user":`...), a.Email)
}

// split takes [SERVICE/]USER apart.
func split(key []byte) (service string, name []byte) {
	if of, name, ok := bytes.Cut(key, []byte("/")); ok {
		return auth.ServiceName(of), name
	}
	return "", key
}

func appendUser(dst []byte, u *login.User, prefix string) []byte {
	name := func(n string) { dst = append(append(append(append(dst, '"'), prefix...), n...), `":`...) }
	name("uid")
	dst = append(strconv.AppendInt(dst, int64(u.UID), 10), ',')
	name("gid")
	dst = append(strconv.AppendInt(dst, int64(u.GID), 10), ',')
	name("home")
	dst = append(appendString(dst, u.Home), ',')
	name("quota_rule")
	dst = append(u.AppendQuotaRule(append(dst, '"')), `",`...)
	name("quota_storage_size")
	return append(u.AppendQuotaSize(append(dst, '"')), '"')
}

// appendString appends a JSON string (RFC 8259 section 7).
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0 // of what has not been appended yet, and stays as it is
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		if from = i + 1; c < ' ' {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, '\\', c)
		}
	}
	return append(append(dst, s[from:]...), '"')
}

// Iterate implements dict.Dict: the users, without values, since Dovecot's
// userdb wants none.
func (d *accounts) Iterate(ctx context.Context, r *dict.IterateRequest, yield func(key, value []byte) bool) error {
	for _, path := range r.Paths {
		if string(path) != userdb {
			return errNoRows
		}
	}
	names, err := d.Logins.Names(ctx, "doveadm")
	if err != nil {
		return err
	}
	key := []byte(userdb)
	for name := range names {
		key = append(key[:len(userdb)], name...)
		if !yield(key, nil) {
			break
		}
	}
	return nil
}

// Commit implements dict.Dict.
func (d *accounts) Commit(_ context.Context, _ *dict.Transaction, done func(error)) {
	done(errReadOnly)
}
