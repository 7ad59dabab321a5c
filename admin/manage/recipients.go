package manage

import (
	"database/sql"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// recipient is a recipient of an alias, as it will be stored: a mailbox or an
// alias here, or neither.
type recipient struct {
	address string
	mailbox int64
	target  int64 // alias
}

// withoutExtension returns an address without its extension, ok is false if it
// has none.
func (t *Tx) withoutExtension(address string) (base string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	cut := strings.IndexByte(address, t.m.delimiter())
	if at < 0 || cut < 1 || cut > at {
		return "", false
	}
	return address[:cut] + address[at:], true
}

// recipientList checks what the recipients of an alias look like, folds their
// domains and leaves out repeated ones. What is before the "@" may be
// case-sensitive elsewhere and keeps its spelling until it is known to be here.
func (t *Tx) recipientList(f fields, list []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range list {
		s = strings.TrimSpace(s)
		local, domain, ok := mailAddress(s)
		if !ok {
			f.add("recipients", "%q: Enter a valid email address.", rows.Shown(s))
			continue
		}
		s = local + "@" + domain
		if err := t.tables["modoboa_admin_aliasrecipient"].Fits("modoboa_admin_aliasrecipient", "address", s); err != nil {
			f.add("recipients", "%v.", err)
			continue
		}
		if !seen[store.Fold(s)] {
			seen[store.Fold(s)] = true
			out = append(out, s)
		}
	}
	if len(list) == 0 {
		f.add("recipients", "This list may not be empty.")
	}
	for _, s := range out {
		// Postfix puts the local part in front of an answer as a whole.
		if s[0] == '@' && len(out) > 1 {
			f.add("recipients", "%q stands for the same name in another domain and must be the only recipient.", s)
		}
	}
	return out
}

// mailAddress splits a mail address whose local part may be empty and folds
// the domain.
func mailAddress(s string) (local, domain string, ok bool) {
	local, domain, err := rows.SplitAddress(s)
	if err != nil || strings.Contains(local, "@") || rows.CheckBytes(local) != nil {
		return "", "", false
	}
	return local, domain, true
}

// resolve finds out what the recipients of an alias are. Local ones must be a
// mailbox or an alias, with or without their extension, in Postfix's order; in
// a relay domain they may be neither, and an alias domain's names are left to
// its target. self is the alias's address, and own its id, 0 if it is new.
func (t *Tx) resolve(self string, own int64, addresses []string) ([]recipient, error) {
	known, err := t.local(addresses, own)
	if err != nil {
		return nil, err
	}
	var lost []string
	for _, s := range addresses {
		r, place := known.find(t, s)
		switch {
		case place == lostHere && (r.address == self || t.bare(r.address) == self):
			return nil, conflict("%s cannot be a recipient of itself.", self)
		case place == lostHere:
			lost = append(lost, t.bare(r.address))
		case place == elsewhere && !known.ours[domainOf(r.address)]:
			if err := t.mayTarget(domainOf(r.address)); err != nil {
				return nil, err
			}
		}
	}
	if len(lost) > 0 {
		slices.Sort(lost)
		return nil, notFound("Local recipient %s not found", strings.Join(slices.Compact(lost), ", "))
	}
	return known.assign(t, addresses), nil
}

// assign gives recipients their references. Plain addresses come before those
// with an extension, so that they get the reference to the mailbox that both
// want: the unique pairs allow each mailbox and alias once.
func (l *locals) assign(t *Tx, addresses []string) []recipient {
	addresses = slices.Clone(addresses)
	slices.SortStableFunc(addresses, func(a, b string) int { return t.extensions(a) - t.extensions(b) })
	out := make([]recipient, 0, len(addresses))
	taken := map[recipient]bool{} // references, without an address
	seen := map[string]bool{}
	for _, s := range addresses {
		r, _ := l.find(t, s)
		if seen[r.address] {
			continue
		}
		seen[r.address] = true
		ref := recipient{mailbox: r.mailbox, target: r.target}
		if taken[ref] {
			r.mailbox, r.target = 0, 0
		}
		taken[ref] = ref != recipient{}
		out = append(out, r)
	}
	return out
}

// bare is an address without the extension that it may have.
func (t *Tx) bare(address string) string {
	if base, ok := t.withoutExtension(address); ok {
		return base
	}
	return address
}

// extensions is 1 for an address with an extension, else 0.
func (t *Tx) extensions(address string) int {
	if _, ok := t.withoutExtension(address); ok {
		return 1
	}
	return 0
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// mayTarget is an error if an alias must not lead to a domain that is not ours
// (parameters of Modoboa 2.6.1). Super administrators may lead it anywhere.
func (t *Tx) mayTarget(domain string) error {
	if t.caller.Super() {
		return nil
	}
	p, err := t.Parameters()
	if err != nil {
		return err
	}
	any := p.Flag(parameters.AliasCanTargetAnyDomain)
	list := parameters.AliasTargetAllowList
	if any {
		list = parameters.AliasTargetBlockList
	}
	for s := range strings.SplitSeq(p.Text(list), ",") {
		if store.Fold(strings.TrimSpace(s)) == domain {
			any = !any
			break
		}
	}
	if !any {
		return &Error{Kind: Invalid, Text: "Target domain not allowed: " + domain}
	}
	return nil
}

// setRecipients makes the recipients of an existing alias what they shall be.
// Rows that say so already are left alone.
func (t *Tx) setRecipients(alias int64, want []recipient) error {
	missing := make(map[recipient]bool, len(want))
	for _, r := range want {
		missing[r] = true
	}
	var obsolete []int64
	err := t.each("SELECT id, address, r_mailbox_id, r_alias_id FROM modoboa_admin_aliasrecipient WHERE alias_id = ?", []any{alias}, func(r *sql.Rows) error {
		var id int64
		var have recipient
		var box, target sql.NullInt64
		err := r.Scan(&id, &have.address, &box, &target)
		have.mailbox, have.target = box.Int64, target.Int64
		if !missing[have] {
			obsolete = append(obsolete, id)
		}
		delete(missing, have)
		return err
	})
	if err != nil {
		return err
	}
	if err := inParts(obsolete, func(marks string, args []any) error {
		_, err := t.exec("DELETE FROM modoboa_admin_aliasrecipient WHERE id IN ("+marks+")", args...)
		return err
	}); err != nil {
		return err
	}
	a := &rows.Alias{ID: alias}
	set := &rows.Set{}
	for _, r := range want {
		if missing[r] {
			set.Recipients = append(set.Recipients, r.row(a))
		}
	}
	return t.make(set)
}

// row is what a [rows.Writer] writes.
func (r recipient) row(a *rows.Alias) *rows.Recipient {
	out := &rows.Recipient{Alias: a, Address: r.address}
	if r.mailbox != 0 {
		out.Mailbox = &rows.Mailbox{ID: r.mailbox}
	}
	if r.target != 0 {
		out.Target = &rows.Alias{ID: r.target}
	}
	return out
}
