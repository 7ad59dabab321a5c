package keyring

import (
	"context"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

// Finding is what a ring thinks of a key that may sign.
type Finding struct {
	Choice
	Key  *dkim.Key // nil if it does not sign
	Text string    // one clause: why it does, or does not
}

// Explain says which keys sign for a domain, and of the others why not. It
// decides as Keys does.
func (r *Ring) Explain(ctx context.Context, s *store.Snapshot, domain string) ([]Finding, Reason) {
	choices, why := r.choice.Load().Choose(s, domain)
	signing, reason := r.Keys(ctx, s, domain)
	if len(choices) > 0 {
		why = reason
	}
	var all []Finding
	for _, c := range choices {
		f := Finding{Choice: c}
		for _, k := range signing {
			if k.Selector == c.Selector {
				f.Key = k
			}
		}
		f.Text = r.explain(&f, has(signing, c.Algorithm))
		all = append(all, f)
	}
	return all, why
}

func (r *Ring) explain(f *Finding, taken bool) string {
	st := r.State(f.Domain, f.Selector)
	switch {
	case f.Key != nil && st.Next != nil:
		return "signs, though another key is in its file (" + dkim.Fingerprint(st.Next) + "): DNS does not show that one yet"
	case f.Key != nil && st.Old && st.Err != nil:
		return "signs as the last good key: " + st.Err.Error()
	case f.Key != nil:
		return "signs"
	case st.Err != nil:
		return "cannot sign: " + st.Err.Error()
	case taken:
		return "does not sign: another key takes its place"
	case f.Path == "":
		return reasonError(Unmade).Error()
	}
	return reasonError(Loading).Error()
}
