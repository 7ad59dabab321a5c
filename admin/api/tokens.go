package api

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// accountRef reads which account is meant, by pk or by name.
func (c *call) accountRef(field string) (func(t *manage.Tx) (int64, error), error) {
	o, err := c.object()
	if err != nil {
		return nil, err
	}
	o.require(field)
	text := o.text(field)
	if err := o.err(); err != nil {
		return nil, err
	}
	id := manage.Opt[int64]{}
	if text.Value != "" && !slices.ContainsFunc([]byte(text.Value), func(b byte) bool { return b < '0' || b > '9' }) {
		id = o.number(field, 1)
	}
	return func(t *manage.Tx) (int64, error) {
		if id.Set {
			return id.Value, nil
		}
		a, err := t.AccountByName(text.Value)
		var e *manage.Error
		switch {
		case errors.As(err, &e) && e.Kind == manage.NotFound:
			return 0, badField(field, "There is no such account.")
		case err != nil:
			return 0, err
		}
		return a.ID, nil
	}, o.err()
}

// token is an API token, without its key.
type token struct {
	User     int64     `json:"user"`
	Username string    `json:"username"`
	Created  time.Time `json:"created"`
}

func listTokens(c *call) (step, error) {
	q, p, err := c.list("name")
	return func(t *manage.Tx) (*answer, error) {
		all, err := t.Tokens(q)
		if err != nil {
			return nil, err
		}
		return listed(c, p, all.Items, all.Total, func(a *manage.Token) any { return token{a.UserID, a.Username, a.Created.UTC()} })
	}, err
}

// createToken replaces the token that there was. Its key is told now and never
// again.
func createToken(c *call) (step, error) {
	who, err := c.accountRef("user")
	return func(t *manage.Tx) (*answer, error) {
		account, err := who(t)
		if err != nil {
			return nil, err
		}
		key, err := t.CreateToken(account)
		if err != nil {
			return nil, err
		}
		return &answer{status: http.StatusCreated, body: struct {
			User  int64  `json:"user"`
			Token string `json:"token"`
		}{account, key}}, nil
	}, err
}

func revokeToken(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return gone(), t.RevokeToken(id) }, err
}
