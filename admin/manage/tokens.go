package manage

import (
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"time"
)

// Tokens lists who has an API token: of all accounts for super administrators,
// of himself for other administrators.
func (t *Tx) Tokens(q Query) (Page[Token], error) {
	var p Page[Token]
	if !t.caller.Administrates() {
		return p, denied("You do not have permission to perform this action.")
	}
	if len(t.tables["authtoken_token"]) == 0 {
		return p, nil
	}
	from, where, args := "authtoken_token k JOIN core_user u ON u.id = k.user_id", "1 = 1", []any{}
	if !t.caller.Super() {
		where, args = where+" AND u.id = ?", append(args, t.caller.ID)
	}
	if q.Search != "" {
		where, args = where+" AND lower(u.username) LIKE ? ESCAPE '!'", append(args, like(q.Search))
	}
	n, err := t.count("SELECT count(*) FROM "+from+" WHERE "+where, args...)
	if err != nil {
		return p, err
	}
	p.Total = int(n)
	order := q.page(map[string]string{"name": "u.username", "created": "k.created", "id": "u.id"}, "u.username", "u.id")
	err = t.each("SELECT u.id, u.username, "+t.timeText("authtoken_token", "k", "created")+" FROM "+from+" WHERE "+where+order, args, func(r *sql.Rows) error {
		var k Token
		var at sql.NullString
		err := r.Scan(&k.UserID, &k.Username, &at)
		k.Created = timeOf(at)
		p.Items = append(p.Items, k)
		return err
	})
	return p, err
}

// CreateToken replaces an account's API token and returns the new one: 40
// hexadecimal digits.
func (t *Tx) CreateToken(account int64) (key string, err error) {
	a, err := t.tokenOwner(account)
	if err != nil {
		return "", err
	}
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	key = hex.EncodeToString(b)
	if _, err := t.exec("DELETE FROM authtoken_token WHERE user_id = ?", a.ID); err != nil {
		return "", err
	}
	_, err = t.exec("INSERT INTO authtoken_token ("+t.db.Quote("key")+", created, user_id) VALUES (?, ?, ?)", key, t.db.Time(time.Now()), a.ID)
	if err != nil {
		return "", err
	}
	return key, t.log("API token of account %s made", a.Username)
}

// RevokeToken takes an account's API token away.
func (t *Tx) RevokeToken(account int64) error {
	a, err := t.tokenOwner(account)
	if err != nil {
		return err
	}
	n, err := t.exec("DELETE FROM authtoken_token WHERE user_id = ?", a.ID)
	if err != nil {
		return err
	}
	if n == 0 {
		return notFound("%s has no API token.", a.Username)
	}
	return t.log("API token of account %s revoked", a.Username)
}

// tokenOwner returns an account whose token the caller may replace.
func (t *Tx) tokenOwner(account int64) (*Account, error) {
	a, err := t.Account(account)
	if err != nil {
		return nil, err
	}
	if !t.caller.Super() && (!t.self(a) || !t.caller.Administrates()) {
		return nil, denied("You do not have permission to perform this action.")
	}
	if len(t.tables["authtoken_token"]) == 0 {
		return nil, conflict("This database has no table authtoken_token: there are no API tokens in it.")
	}
	return a, nil
}
