package page

import (
	"context"
	"net/http"
	"strconv"

	"github.com/vmapd/vmapd/admin/manage"
)

// pages are those of one kind.
type pages interface {
	routes(p *page) []route
	// find searches the names; nil if there is none like that.
	find(t *manage.Tx, text string) (*searchGroup, error)
}

// kind is a kind of objects: T is one, I what changes it. Its pages are a list,
// a form for a new one, a page with the form that changes one, and a question
// before one is deleted.
type kind[T, I any] struct {
	path   string // "/domains"
	one    string // "domain"
	many   string // "Domains", the title of the list
	object manage.Object
	rights manage.Object // whose makers may make these, if that is another one

	list    func(*manage.Tx, manage.Query) (manage.Page[T], error)
	columns []column // the first is the name
	row     func(*T) []cell

	get    func(*manage.Tx, int64) (*T, error)
	id     func(*T) int64
	name   func(*T) string
	fields func(c *manage.Caller, o *T) []*field // nil of a new one
	input  func(c *manage.Caller, f *form) I
	// prepare does what takes long before others have to wait; nil = nothing does.
	prepare func(ctx context.Context, m *manage.Manager, in *I) error
	// create and update may return a secret to show once.
	create func(*manage.Tx, I) (o *T, secret string, err error)
	update func(*manage.Tx, int64, I) (o *T, secret string, err error)
	remove func(t *manage.Tx, id int64, keepFiles bool) error
	files  bool // there is mail, which may be kept
	loss   func(*T) string

	// about tells more of an object; nil = there is no more.
	about func(v *visit, t *manage.Tx, o *T) (*about, error)
	parts []part[T]
	// changed is called after an object was changed; may be nil.
	changed func(v *visit, o *T, in *I)
}

// about tells of an object what is not in its form.
type about struct {
	Facts  []fact
	Bars   []bar
	Links  []link
	Tables []*table
}

// fact is a word about an object.
type fact struct{ Name, Text string }

// listPage is a list of objects.
type listPage struct {
	Title  string
	Query  string
	Domain string
	Table  *table
	Pager  pager
	New    string // where one is made, "" = he may not
	One    string
	Path   string
}

func (*listPage) template() string { return "list" }
func (l *listPage) title() string  { return l.Title }

// objectPage is an object with the form that changes it, or the form of a new
// one.
type objectPage struct {
	Title  string
	Up     link
	About  *about
	Form   *form // nil: he may look only
	Parts  []partForm
	Delete string
}

func (*objectPage) template() string { return "object" }
func (o *objectPage) title() string  { return o.Title }

// deletePage asks whether an object is to go.
type deletePage struct {
	Title, Name, One, Loss, Action, Cancel string
	Files                                  bool
	Errors                                 []string
}

func (*deletePage) template() string { return "delete" }
func (d *deletePage) title() string  { return d.Title }

func (k *kind[T, I]) routes(p *page) []route {
	may := makers(k.object)
	if k.rights != "" {
		may = makers(k.rights)
	}
	all := []route{
		{"GET " + k.path, administrators, k.showList, false},
		{"GET " + k.path + "/new", may, k.showNew, false},
		{"POST " + k.path + "/new", may, k.make, false},
		{"GET " + k.path + "/{id}", administrators, k.showOne, false},
		{"POST " + k.path + "/{id}", may, k.change, false},
		{"GET " + k.path + "/{id}/delete", may, k.askDelete, false},
		{"POST " + k.path + "/{id}/delete", may, k.delete, false},
	}
	for i := range k.parts {
		all = append(all, route{"POST " + k.path + "/{id}/" + k.parts[i].path, may, k.changePart(&k.parts[i]), false})
	}
	return all
}

func (k *kind[T, I]) may(c *manage.Caller) bool {
	if k.rights != "" {
		return c.May(k.rights)
	}
	return c.May(k.object)
}

// at is the page of an object.
func (k *kind[T, I]) at(o *T) string { return k.path + "/" + strconv.FormatInt(k.id(o), 10) }

func (k *kind[T, I]) showList(v *visit) error {
	a := askedOf(v.r)
	var found manage.Page[T]
	err := v.read(func(t *manage.Tx) (err error) {
		found, err = k.list(t, a.Query)
		return err
	})
	if err != nil {
		return err
	}
	l := &listPage{Title: k.many, One: k.one, Path: k.path, Query: a.Search, Domain: a.Domain, Pager: a.pager(len(found.Items), found.Total)}
	if k.may(v.caller) {
		l.New = k.path + "/new"
	}
	l.Table = &table{Caption: k.many, Columns: a.heads(k.columns), Empty: "There is nothing here."}
	if a.Search != "" {
		l.Table.Empty = "Nothing has a name like that."
	}
	l.Table.Rows = k.rows(found.Items)
	l.Table.label()
	return v.show(http.StatusOK, l)
}

// rows are the rows of a table; the first cell of each leads to the object.
func (k *kind[T, I]) rows(items []T) [][]cell {
	var rows [][]cell
	for i := range items {
		o := &items[i]
		rows = append(rows, append([]cell{leads(k.name(o), k.at(o))}, k.row(o)...))
	}
	return rows
}

func (k *kind[T, I]) newPage(v *visit) *objectPage {
	return &objectPage{
		Title: "New " + k.one, Up: link{Text: k.many, Href: k.path},
		Form: &form{Action: k.path + "/new", Submit: "Create " + k.one, Cancel: k.path, Fields: k.fields(v.caller, nil)},
	}
}

func (k *kind[T, I]) showNew(v *visit) error {
	b := k.newPage(v)
	for _, f := range b.Form.Fields { // links give some of it
		if q := v.r.URL.Query(); q.Has(f.Name) && f.Kind != "password" && f.Kind != "checkbox" {
			f.Value = q.Get(f.Name)
		}
	}
	return v.show(http.StatusOK, b)
}

// page reads an object and makes its page.
func (k *kind[T, I]) page(v *visit) (b *objectPage, id int64, err error) {
	if id, err = v.id(); err != nil {
		return nil, 0, err
	}
	err = v.read(func(t *manage.Tx) error {
		o, err := k.get(t, id)
		if err != nil {
			return err
		}
		b = &objectPage{Title: k.name(o), Up: link{Text: k.many, Href: k.path}}
		if k.may(v.caller) {
			b.Form = &form{Action: k.at(o), Submit: "Save", Cancel: k.path, Fields: k.fields(v.caller, o)}
			b.Delete = k.at(o) + "/delete"
		}
		if k.about != nil {
			if b.About, err = k.about(v, t, o); err != nil {
				return err
			}
		}
		return k.addParts(t, o, b)
	})
	return b, id, err
}

func (k *kind[T, I]) showOne(v *visit) error {
	b, _, err := k.page(v)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, b)
}
