package postfixadmin

import (
	"maps"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// silent is for what was warned of the first time.
func silent(string, string, string, ...any) {}

// recipients gives the aliases their recipients, now that all of them are
// there.
func (i *importer) recipients() error {
	return i.src.pages(i.ctx, "alias", func(page []row) error {
		entries, f, err := i.entries(page, silent)
		if err != nil {
			return err
		}
		aliases := map[int64]*rows.Alias{}
		for _, e := range entries {
			if a := f.ordinary[e.address]; a != nil {
				aliases[a.ID] = a
			}
		}
		known, err := i.index.recipients(slices.Sorted(maps.Keys(aliases)))
		if err != nil {
			return err
		}
		set := &rows.Set{}
		for _, e := range entries {
			if a := f.ordinary[e.address]; a != nil {
				i.addRecipients(set, e, a, known[a.ID], f)
			}
		}
		i.step(int64(len(page)))
		return i.write(set)
	})
}

func (i *importer) addRecipients(set *rows.Set, e *entry, a *rows.Alias, known *rows.Known, f *found) {
	added := 0
	// Plain addresses come first, so that they get the reference to the
	// mailbox that one with an extension wants as well.
	for _, plain := range []bool{true, false} {
		for _, s := range e.recipients {
			if _, extended := rows.WithoutExtension(s); extended == plain {
				continue
			}
			if r := i.recipient(e, a, s, f); r != nil && known.Take(r) {
				set.Recipients = append(set.Recipients, r)
				added++
			}
		}
	}
	i.report.Created["recipient"] += added
	switch {
	case a.ID > i.before.alias:
	case added > 0:
		i.report.Extended["alias"]++
		i.change("extend", "alias", e.address, plural(added)+" added")
	default:
		i.report.Skipped["alias"]++
	}
}

// recipient makes a recipient, or says why there is none.
func (i *importer) recipient(e *entry, a *rows.Alias, s string, f *found) *rows.Recipient {
	r := &rows.Recipient{Alias: a, Address: s}
	at := strings.LastIndexByte(s, '@')
	d := i.domains.ByName[s[at+1:]]
	if d == nil || at == 0 {
		return r
	}
	r.Mailbox, r.Target = f.leads(store.Fold(s))
	switch {
	case r.Target != nil && r.Target.Address == e.address && s != e.address:
		i.warn("alias", e.row["address"], "recipient %q is left out: it leads back to the alias itself", rows.Shown(s))
		return nil
	case r.Target != nil && r.Target.Address == e.address:
		r.Target = nil // in a relay domain: on to the next hop
	case r.Mailbox == nil && r.Target == nil && !d.Relay && f.ordinary["@"+d.Name] == nil:
		i.warn("alias", e.row["address"], "recipient %q is neither a mailbox nor an alias: kept, but mail to it bounces", rows.Shown(s))
	}
	return r
}
