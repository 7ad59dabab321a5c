package page

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

func aliases() *kind[manage.Alias, manage.AliasInput] {
	return &kind[manage.Alias, manage.AliasInput]{
		path: "/aliases", one: "alias", many: "Aliases", object: manage.AliasObject,
		list: func(t *manage.Tx, q manage.Query) (manage.Page[manage.Alias], error) {
			q.Internal = manage.Some(false)
			return t.Aliases(q)
		},
		columns: []column{{Label: "Address", Sort: "name"}, {Label: "Leads to"}, {Label: "State", Sort: "enabled"}, {Label: "Ends"}},
		row: func(a *manage.Alias) []cell {
			return []cell{{Lines: some(a.Recipients, 4)}, enabled(a.Enabled), plain(whenever(a.ExpireAt))}
		},
		get: (*manage.Tx).Alias, id: func(a *manage.Alias) int64 { return a.ID }, name: func(a *manage.Alias) string { return a.Address },
		fields: aliasFields,
		input: func(_ *manage.Caller, f *form) manage.AliasInput {
			return manage.AliasInput{Address: f.text("address"), Recipients: f.lines("recipients"), Enabled: f.flag("enabled"), Description: f.text("description"), ExpireAt: f.time("expire_at")}
		},
		create: plainCreate((*manage.Tx).CreateAlias),
		update: plainUpdate((*manage.Tx).UpdateAlias),
		remove: func(t *manage.Tx, id int64, _ bool) error { return t.DeleteAlias(id) },
		loss: func(a *manage.Alias) string {
			return "Mail for " + a.Address + " does not reach its recipients any more."
		},
		about: func(_ *visit, _ *manage.Tx, a *manage.Alias) (*about, error) {
			return &about{
				Facts: []fact{{"Made", when(a.Created)}, {"Changed", when(a.Modified)}},
				Links: []link{{Text: "Where does mail go?", Href: resolverPath(a.Address)}},
			}, nil
		},
	}
}

func aliasFields(_ *manage.Caller, o *manage.Alias) []*field {
	a := manage.Alias{Enabled: true}
	if o != nil {
		a = *o
	}
	return []*field{
		text("address", "Address", a.Address, "An address, or @example.org for all that nothing else takes.").required(),
		area("recipients", "Leads to", a.Recipients, "One address a line.").required(),
		check("enabled", "Enabled", a.Enabled, ""),
		moment("expire_at", "Ends", a.ExpireAt, "In UTC; empty = never."),
		text("description", "Description", a.Description, ""),
	}
}

// some are the first texts of a list, and how many more there are.
func some(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(append([]string{}, list[:n]...), fmt.Sprintf("and %d more", len(list)-n))
}

func resolverPath(address string) string {
	if !strings.Contains(address[1:], "@") { // a catch-all
		address = "anybody" + address
	}
	return "/resolver?" + url.Values{"address": {address}}.Encode()
}
