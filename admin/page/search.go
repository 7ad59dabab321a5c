package page

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

// searchPage is what has a name like that, of all kinds.
type searchPage struct {
	Query  string
	Groups []searchGroup
	Empty  bool
}

func (*searchPage) template() string { return "search" }
func (*searchPage) title() string    { return "Search" }

// searchGroup is what one kind has.
type searchGroup struct {
	Title string
	Links []link
	More  link // to all of them, "" if these are all
}

// someFound is how many of each kind a search shows.
const someFound = 8

func (k *kind[T, I]) find(t *manage.Tx, text string) (*searchGroup, error) {
	found, err := k.list(t, manage.Query{Search: text, Limit: someFound})
	if err != nil || len(found.Items) == 0 {
		return nil, err
	}
	g := &searchGroup{Title: k.many}
	for i := range found.Items {
		o := &found.Items[i]
		g.Links = append(g.Links, link{Text: k.name(o), Href: k.at(o)})
	}
	if n := found.Total - len(found.Items); n > 0 {
		g.More = link{Text: number(int64(n)) + " more", Href: k.path + "?" + url.Values{"q": {text}}.Encode()}
	}
	return g, nil
}

func (p *page) search(v *visit) error {
	b := &searchPage{Query: strings.TrimSpace(v.r.URL.Query().Get("q"))}
	if b.Query == "" {
		return v.show(http.StatusOK, b)
	}
	err := v.read(func(t *manage.Tx) error {
		for _, k := range p.kinds() {
			g, err := k.find(t, b.Query)
			if err != nil {
				return err
			}
			if g != nil {
				b.Groups = append(b.Groups, *g)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.Empty = len(b.Groups) == 0
	return v.show(http.StatusOK, b)
}
