package dovecot

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vmapd/vmapd/lookup/dict"
	"github.com/vmapd/vmapd/store"
)

// lastLogin is the dict "lastlogin". It is written to alone: times are not kept
// in memory.
type lastLogin struct{ *Dicts }

const lastLoginKey = "shared/last-login/"

var errWriteOnly = errors.New("last logins are in core_user.last_login: this dict is for writing alone")

// Lookup implements dict.Dict.
func (d *lastLogin) Lookup(_ context.Context, _ *dict.Request, dst []byte) ([]byte, bool, error) {
	return dst, false, errWriteOnly
}

// Iterate implements dict.Dict.
func (d *lastLogin) Iterate(context.Context, *dict.IterateRequest, func(key, value []byte) bool) error {
	return errNoRows
}

// Commit implements dict.Dict.
func (d *lastLogin) Commit(ctx context.Context, t *dict.Transaction, done func(error)) {
	wait, err := d.begin(t)
	finish(ctx, wait, err, done)
}

func (d *lastLogin) begin(t *dict.Transaction) (func(context.Context) error, error) {
	s := d.Data.Servable()
	if s == nil {
		return nil, errors.New("the accounts have not been read yet")
	}
	var waits []func(context.Context) error
	for i := range t.Ops {
		wait, err := d.one(s, &t.Ops[i])
		if err != nil {
			return nil, err
		}
		waits = append(waits, wait)
	}
	return func(ctx context.Context) (err error) {
		for _, wait := range waits {
			err = errors.Join(err, wait(ctx))
		}
		return err
	}, nil
}

func (d *lastLogin) one(s *store.Snapshot, o *dict.Op) (func(context.Context) error, error) {
	name, ok := strings.CutPrefix(o.Key, lastLoginKey)
	if !ok || o.Kind != dict.Set {
		return nil, errNoKey
	}
	name, _, _ = strings.Cut(name, "/") // last_login_key may go on with the service
	at, err := loginTime(string(o.Value))
	if err != nil {
		return nil, err
	}
	for r := s.AccountsByEmail(store.Fold(name)); r.Next(); {
		return d.LastLogin(r.Account().Username, at)
	}
	return nil, errors.New("there is no such account")
}

// loginTime reads a time in the precision that its length tells
// (last_login_precision): seconds have ten digits from 2001 to 2286.
func loginTime(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}, fmt.Errorf("%.40q is not a time", text)
	}
	switch {
	case len(text) > 17:
		return time.Unix(0, n), nil
	case len(text) > 14:
		return time.UnixMicro(n), nil
	case len(text) > 11:
		return time.UnixMilli(n), nil
	}
	return time.Unix(n, 0), nil
}
