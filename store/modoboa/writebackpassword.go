package modoboa

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vmapd/vmapd/store/modoboa/parameters"
	"github.com/vmapd/vmapd/store/spool"
)

// newPassword is a stored hash that takes the place of another one of the same
// password.
type newPassword struct {
	username string
	Old      string `json:"old"`
	New      string `json:"new"`
}

// PasswordWrite returns the write that stores a password in another scheme. It
// does nothing if the password was changed meanwhile, if the account is not a
// local one, or if Modoboa is told to leave schemes alone (its parameter
// core.update_scheme).
func PasswordWrite(username, old, hash string, at time.Time) spool.Write {
	value, _ := json.Marshal(newPassword{Old: old, New: hash}) // two strings always can
	return spool.Write{Kind: KindPassword, Key: username, Value: value, At: at}
}

func readPassword(w *spool.Write) (p newPassword, err error) {
	if err = json.Unmarshal(w.Value, &p); err != nil {
		return p, fmt.Errorf("password: %w", err)
	}
	if p.Old == "" || p.New == "" {
		return p, errors.New("password: the old or the new hash is missing")
	}
	p.username = w.Key
	return p, errors.Join(checkName(w.Key), checkName(p.Old), checkName(p.New))
}

// passwordRows changes hashes that are still the old ones.
func (w *WriteBack) passwordRows(ctx context.Context, c *sql.Conn, passwords []newPassword) (unknown int, err error) {
	if len(passwords) == 0 {
		return 0, nil
	}
	if allowed, err := w.mayRehash(ctx, c); err != nil || !allowed {
		return len(passwords), err
	}
	q := w.DB.Rebind("UPDATE core_user SET password = ? WHERE username = ? AND password = ? AND is_local = ?")
	for _, p := range passwords {
		r, err := c.ExecContext(ctx, q, p.New, p.username, p.Old, true)
		if err != nil {
			return 0, err
		}
		if n, err := r.RowsAffected(); err == nil && n == 0 {
			unknown++
		}
	}
	return unknown, nil
}

// mayRehash reports whether Modoboa's parameters let schemes be changed. Its own
// default is that they do, in all releases.
func (w *WriteBack) mayRehash(ctx context.Context, c *sql.Conn) (bool, error) {
	set, err := parameters.Read(ctx, w.DB, c, parameters.Modoboa271, w.Parameters)
	return err == nil && set.Flag(parameters.UpdateScheme), err
}
