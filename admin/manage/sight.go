package manage

import "github.com/vmapd/vmapd/store"

// SeesDomain reports whether the caller sees the domain, or the domain alias, of
// that name, which is folded.
func (t *Tx) SeesDomain(name string) bool {
	if _, err := t.DomainByName(name); err == nil {
		return true
	}
	found, err := t.DomainAliases(Query{Search: name})
	if err != nil {
		return false
	}
	for _, a := range found.Items {
		if store.Fold(a.Name) == name {
			return true
		}
	}
	return false
}
