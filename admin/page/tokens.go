package page

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store"
)

// tokensPage lists API tokens and makes them.
type tokensPage struct {
	Table *table
	Pager pager
	Query string
	Form  *form
}

func (*tokensPage) template() string { return "tokens" }
func (*tokensPage) title() string    { return "API tokens" }

func (p *page) tokens(v *visit) error {
	b, err := p.tokensPage(v)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, b)
}

func (p *page) tokensPage(v *visit) (*tokensPage, error) {
	a := askedOf(v.r)
	var found manage.Page[manage.Token]
	err := v.read(func(t *manage.Tx) (err error) {
		found, err = t.Tokens(a.Query)
		return err
	})
	if err != nil {
		return nil, err
	}
	b := &tokensPage{Query: a.Search, Pager: a.pager(len(found.Items), found.Total)}
	b.Table = &table{Caption: "API tokens", Empty: "There is no token.", Columns: []column{{Label: "Account"}, {Label: "Made"}, {Label: "Action"}}}
	for _, t := range found.Items {
		b.Table.Rows = append(b.Table.Rows, []cell{plain(t.Username), plain(when(t.Created)), leads("revoke", "/tokens/"+strconv.FormatInt(t.UserID, 10)+"/revoke")})
	}
	b.Table.label()
	account := text("username", "Account", v.caller.Name, "Who does what is done with the token. One that it has ceases to work.").required()
	b.Form = &form{Action: "/tokens", Submit: "Make a token", Fields: []*field{account}}
	return b, nil
}

// makeToken makes a token, which is shown once.
func (p *page) makeToken(v *visit) error {
	b, err := p.tokensPage(v)
	if err != nil {
		return err
	}
	b.Form.fill(v.r.PostForm)
	name, key := store.Fold(strings.TrimSpace(v.r.PostForm.Get("username"))), ""
	err = v.write(func(t *manage.Tx) error {
		id := v.caller.ID
		if name != store.Fold(v.caller.Name) {
			a, err := t.AccountByName(name)
			if err != nil {
				return err
			}
			id = a.ID
		}
		var err error
		key, err = t.CreateToken(id)
		return err
	})
	if e, status := asBlame(err); e != nil {
		b.Form.field("username").Errors = []string{e.Error()}
		return v.show(status, b)
	} else if err != nil {
		return err
	}
	v.s.tell(note{Text: "The token of " + name + ". It is shown this once:", Secret: key})
	return v.to("/tokens", "")
}

// revokeToken asks, and then takes a token back.
func (p *page) revokeToken(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	name := ""
	err = v.read(func(t *manage.Tx) error {
		found, err := t.Tokens(manage.Query{})
		for _, k := range found.Items {
			if k.UserID == id {
				name = k.Username
			}
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case name == "":
		return &manage.Error{Kind: manage.NotFound, Text: "There is no such token."}
	case v.r.Method == http.MethodGet:
		return v.show(http.StatusOK, &deletePage{
			Title: "Revoke the token of " + name + "?", Name: name, One: "token", Action: v.r.URL.Path, Cancel: "/tokens",
			Loss: "Programs that use it are refused from then on.",
		})
	}
	if err := v.write(func(t *manage.Tx) error { return t.RevokeToken(id) }); err != nil {
		return err
	}
	return v.to("/tokens", "The token of %s is revoked.", name)
}
