package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

// Sizes of a page.
const (
	defaultPage = 50
	maxPage     = 1000
)

// page is which part of a list was asked for.
type page struct {
	number, size int
	plain        bool // no page was asked for: an array, as in Modoboa's first API
}

// sortable are the fields that ?ordering= knows, and what manage calls them.
var sortable = map[string]string{
	"pk": "id", "id": "id", "name": "name", "address": "name", "username": "name", "user": "name", "creation": "created", "created": "created", "date_created": "created",
	"date_joined": "created", "last_modification": "modified", "quota": "quota", "enabled": "enabled", "is_active": "enabled", "role": "role", "last_login": "last_login",
}

// list reads what is common to all lists. order is the order if none is asked
// for.
func (c *call) list(order string) (q manage.Query, p page, err error) {
	q = manage.Query{Search: c.query.Get("search"), Sort: order, Domain: c.query.Get("domain")}
	if by := c.query.Get("ordering"); by != "" {
		name := strings.TrimPrefix(by, "-")
		if q.Sort, q.Desc = sortable[name], name != by; q.Sort == "" {
			return q, p, badField("ordering", "%q is no field to sort by.", name)
		}
	}
	p, err = c.page()
	q.Limit, q.Offset = p.size, (p.number-1)*p.size
	if err == nil && (!cleanText(q.Search) || !cleanText(q.Domain)) {
		err = badField("search", "Null characters and broken UTF-8 are not allowed.")
	}
	return q, p, err
}

func cleanText(s string) bool {
	return strings.ToValidUTF8(s, "\x00") == s && !strings.Contains(s, "\x00")
}

// maxPages keeps offsets within what every database takes.
const maxPages = 1 << 31 / maxPage

func (c *call) page() (page, error) {
	number, size := c.query.Get("page"), c.query.Get("page_size")
	if number == "" && size == "" {
		return page{1, manage.MaxList, true}, nil
	}
	p := page{1, defaultPage, false}
	var err error
	if number != "" {
		if p.number, err = strconv.Atoi(number); err != nil || p.number < 1 || p.number > maxPages {
			return p, errPage
		}
	}
	if n, err := strconv.Atoi(size); err == nil && n > 0 {
		p.size = min(n, maxPage)
	} else if size != "" {
		return p, badField("page_size", "A valid integer from 1 to %d is required.", maxPage)
	}
	return p, nil
}

var errPage = &refusal{status: http.StatusNotFound, text: "Invalid page."}

// envelope is a page of a list, as in Modoboa's second API.
type envelope struct {
	Count    int     `json:"count"`
	Next     *string `json:"next"`
	Previous *string `json:"previous"`
	Results  []any   `json:"results"`
}

// listed answers with a list, in the shape that was asked for.
func listed[T any](c *call, p page, items []T, total int, shape func(*T) any) (*answer, error) {
	out := make([]any, 0, len(items))
	for i := range items {
		out = append(out, shape(&items[i]))
	}
	if p.number > 1 && len(out) == 0 {
		return nil, errPage
	}
	var next, previous *string
	if p.number*p.size < total {
		next = c.pageLink(p.number+1, p)
	}
	if p.number > 1 {
		previous = c.pageLink(p.number-1, p)
	}
	a := ok(out)
	if !p.plain {
		a = ok(envelope{total, next, previous, out})
	}
	a.set("X-Total-Count", strconv.Itoa(total))
	var links []string
	for _, l := range []struct {
		rel string
		to  *string
	}{{"next", next}, {"prev", previous}} {
		if l.to != nil {
			links = append(links, fmt.Sprintf("<%s>; rel=%q", *l.to, l.rel))
		}
	}
	if links != nil {
		a.set("Link", strings.Join(links, ", "))
	}
	return a, nil
}

// pageLink gives the address of another page. The rest of an array that was cut
// off is to be had in pages of the greatest size.
func (c *call) pageLink(number int, p page) *string {
	q := url.Values{}
	for name, values := range c.query {
		q[name] = slices.Clone(values)
	}
	size := p.size
	if p.plain {
		size, number = maxPage, manage.MaxList/maxPage+1
	}
	q.Set("page", strconv.Itoa(number))
	q.Set("page_size", strconv.Itoa(size))
	link := c.origin + c.record.Path + "?" + q.Encode()
	return &link
}

// pk reads the id of an object in the path.
func (c *call) pk(name string) (int64, error) {
	id, err := strconv.ParseInt(c.path(name), 10, 64)
	if err != nil || id < 1 || id > maxInt {
		return 0, refuse(http.StatusNotFound, "Not found.")
	}
	return id, nil
}

// params reads parameters of the query as fields; empty ones are not there.
func (c *call) params(names ...string) *object {
	o := &object{fields: map[string]json.RawMessage{}, asked: map[string]bool{}, bad: map[string][]string{}}
	for _, name := range names {
		if text := c.query.Get(name); text != "" {
			o.fields[name], _ = json.Marshal(text) // a string is always JSON
		}
	}
	return o
}

// flagParam reads a boolean parameter of the query.
func (c *call) flagParam(name string) (manage.Opt[bool], error) {
	o := c.params(name)
	v := o.flag(name)
	return v, o.err()
}
