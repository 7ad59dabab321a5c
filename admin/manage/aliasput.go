package manage

import (
	"cmp"
	"slices"
	"time"
)

// PutAlias makes the alias of an address what in says, creating it if there is
// none. What in does not set gets its default.
func (t *Tx) PutAlias(address string, in AliasInput) (a *Alias, created bool, err error) {
	name := foldAddress(address)
	if in.Address.Set && foldAddress(in.Address.Value) != name {
		return nil, false, invalid("address", "This is not the address that the request is about.")
	}
	in.Address = Some(name)
	in.Enabled = Some(in.Enabled.Or(true))
	in.Description = Some(in.Description.Or(""))
	in.ExpireAt = Some(in.ExpireAt.Or(nil))
	old, err := t.AliasByAddress(name)
	if e, ok := asError(err); ok && e.Kind == NotFound {
		a, err = t.CreateAlias(in)
		return a, err == nil, err
	}
	if err != nil {
		return nil, false, err
	}
	if !in.Recipients.Set {
		return nil, false, invalid("recipients", "This field is required.")
	}
	same, err := t.is(old, &in)
	if err != nil || same {
		return old, false, cmp.Or(err, t.allow(AliasObject))
	}
	a, err = t.UpdateAlias(old.ID, in)
	return a, false, err
}

// is reports whether an alias is what an input says, so that putting it again
// and again leaves no trace.
func (t *Tx) is(a *Alias, in *AliasInput) (bool, error) {
	list := t.recipientList(fields{}, in.Recipients.Value)
	known, err := t.local(list, a.ID)
	if err != nil {
		return false, err
	}
	want := make([]string, 0, len(list))
	for _, r := range known.assign(t, list) {
		want = append(want, r.address)
	}
	slices.Sort(want)
	have := slices.Sorted(slices.Values(a.Recipients)) // engines sort in other orders
	at := in.ExpireAt.Value
	same := at == nil && a.ExpireAt == nil || at != nil && a.ExpireAt != nil && at.Truncate(time.Microsecond).Equal(*a.ExpireAt)
	return same && a.Enabled == in.Enabled.Value && a.Description == in.Description.Value && slices.Equal(want, have), nil
}
