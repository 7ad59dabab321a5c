package page

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

// table is a table; on a narrow screen each row is a card.
type table struct {
	Caption string // for those who do not see it
	Columns []column
	Rows    [][]cell
	Empty   string // what to say if there is no row
}

// column is the head of a column.
type column struct {
	Label string
	Sort  string // manage.Query.Sort, "" = not by this
	Href  string // sorts by it
	Order string // aria-sort: "ascending" or "descending" if it is sorted by this
}

// cell is one cell. Only one of its parts is set.
type cell struct {
	Label string // of its column
	Text  string
	Href  string // Text leads there
	Badge *badge
	Bar   *bar
	Lines []string
}

// badge is a word with a colour - "good", "bad", "warn" or "" -, which says nothing
// that the word does not.
type badge struct {
	Text string `json:"text"`
	Tone string `json:"tone"`
}

func plain(s string) cell          { return cell{Text: s} }
func leads(s, href string) cell    { return cell{Text: s, Href: href} }
func figure(n int64) cell          { return cell{Text: number(n)} }
func state(word, tone string) cell { return cell{Badge: &badge{word, tone}} }

func enabled(yes bool) cell {
	if yes {
		return state("enabled", "good")
	}
	return state("disabled", "bad")
}

// label gives each cell the name of its column.
func (t *table) label() *table {
	for _, row := range t.Rows {
		for i := range row {
			row[i].Label = t.Columns[i].Label
		}
	}
	return t
}

// bar shows how much of something is used.
type bar struct {
	Percent int    // of the bar, 0 to 100
	Tone    string // "good", "warn", "bad"
	Text    string // says the same
	Label   string
}

// barOf is a bar of bytes of a quota in MB, nil if there is no quota.
func barOf(label string, used, mb int64) *bar {
	if mb <= 0 {
		return nil
	}
	return share(label, used, mb<<20, size(used)+" of "+quota(mb))
}

func share(label string, used, all int64, words string) *bar {
	b := &bar{Label: label, Tone: "good"}
	percent := 100.0
	if all > 0 {
		percent = float64(used) / float64(all) * 100
	}
	b.Text = words + " (" + strconv.Itoa(int(percent)) + " %)"
	b.Percent = max(0, min(100, int(percent+0.5)))
	switch {
	case percent >= 95:
		b.Tone = "bad"
	case percent >= 80:
		b.Tone = "warn"
	}
	return b
}

// usage is a cell with a bar, or with what is used if there is no quota.
func usage(label string, used, mb int64) cell {
	if b := barOf(label, used, mb); b != nil {
		return cell{Bar: b}
	}
	return plain(size(used) + ", no quota")
}

// perPage is how many rows a page of a list has.
const perPage = 50

// asked is the part of a list that a request wants.
type asked struct {
	manage.Query
	page   int
	path   string
	values url.Values
}

func askedOf(r *http.Request) *asked {
	a := &asked{path: r.URL.Path, values: url.Values{}}
	q := r.URL.Query()
	for _, name := range []string{"q", "sort", "desc", "domain"} {
		if v := q.Get(name); v != "" {
			a.values.Set(name, v)
		}
	}
	a.page, _ = strconv.Atoi(q.Get("page")) // the first for what is none
	a.page = min(max(a.page, 1), 1_000_000)
	a.Query = manage.Query{Search: strings.TrimSpace(q.Get("q")), Sort: q.Get("sort"), Desc: q.Get("desc") != "", Limit: perPage, Offset: (a.page - 1) * perPage, Domain: q.Get("domain")}
	return a
}

func (a *asked) href(set ...string) string {
	v := maps.Clone(a.values)
	for i := 0; i < len(set); i += 2 {
		v.Set(set[i], set[i+1])
		if set[i+1] == "" {
			v.Del(set[i])
		}
	}
	if len(v) == 0 {
		return a.path
	}
	return a.path + "?" + v.Encode()
}

// heads are the heads of columns that lead to the list sorted by them.
func (a *asked) heads(columns []column) []column {
	out := append([]column{}, columns...)
	for i := range out {
		c := &out[i]
		if c.Sort == "" {
			continue
		}
		here := a.Sort == c.Sort || a.Sort == "" && c.Sort == "name"
		desc := ""
		switch {
		case here && a.Desc:
			c.Order = "descending"
		case here:
			c.Order, desc = "ascending", "1"
		}
		c.Href = a.href("sort", c.Sort, "desc", desc)
	}
	return out
}

// pager leads through the pages of a list.
type pager struct {
	Text     string // which rows these are
	Previous string // "" = there is none
	Next     string
}

func (a *asked) pager(rows, total int) pager {
	var p pager
	if total > 0 && rows == 0 {
		p.Text = "nothing on this page; there are " + number(int64(total))
	} else if total > 0 {
		p.Text = number(int64(a.Offset+1)) + " to " + number(int64(a.Offset+rows)) + " of " + number(int64(total))
	}
	if a.page > 1 {
		last := max(1, (total+perPage-1)/perPage)
		p.Previous = a.href("page", strconv.Itoa(min(a.page-1, last)))
	}
	if a.Offset+rows < total && rows > 0 {
		p.Next = a.href("page", strconv.Itoa(a.page+1))
	}
	return p
}
