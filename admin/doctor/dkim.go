package doctor

import (
	"fmt"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

func checkKey() Check {
	return Check{
		Name: "dkim-key", Group: "dkim",
		Text: "Keys of domains whose mail is to be signed that were not made yet, are missing, cannot be read, or have less than 1024 bits, which no verifier takes: mail is not signed. " +
			"RSA keys of less than 2048 bits sign, but not every verifier trusts them (RFC 8301).",
		Do:   "Have the key made (vmapd dkim generate), rotate it (vmapd dkim rotate), or correct its file's place or mode.",
		look: look{finish: (*run).lookKeys},
	}
}

// lookKeys looks at the keys that sign, or are to.
func (r *run) lookKeys() {
	for d, k := range r.s.SigningDomains() {
		if r.stop() {
			return
		}
		if k.Selector == "" || dkim.CheckSelector(k.Selector, d.Name) != nil {
			continue // dkim-selector
		}
		if k.Path == "" {
			r.say(Warning, d.Name, "vmapd dkim generate "+d.Name+", or wait for Modoboa's job if that makes keys", "mail of the domain is to be signed, but its key has not been made yet")
			continue
		}
		r.lookKey(d.Name, k.Selector, k.Path)
	}
	for k := range r.s.AllSigningKeys() {
		if r.stop() {
			return
		}
		if k.Stage != "gone" && dkim.CheckSelector(k.Selector, k.Domain) == nil {
			r.lookKey(k.Domain, k.Selector, k.Path)
		}
	}
}

func (r *run) lookKey(domain, selector, path string) {
	if r.ReadKey == nil {
		return
	}
	k, err := r.ReadKey(domain, selector, path)
	if err != nil {
		r.say(Error, keyName(domain, selector), remedyOf(err, "vmapd dkim generate "+domain), "mail of the domain is not signed with this key: %v", err)
	} else if k.Algorithm == dkim.RSASHA256 && k.Bits < dkim.DefaultRSA {
		r.say(Warning, keyName(domain, selector), "vmapd dkim rotate "+domain, "the key has %d bits: use %d", k.Bits, dkim.DefaultRSA)
	}
}

func keyName(domain, selector string) string { return selector + "._domainkey." + domain }

func checkSelector() Check {
	return Check{
		Name: "dkim-selector", Group: "dkim",
		Text: "Selectors under which no record can stand in DNS. Mail of the domain is not signed.",
		Do:   "Give the domain a selector of letters, digits and hyphens, and have its key made again.",
		look: look{
			domain: func(r *run, d *store.Domain) {
				if k := r.s.DKIM(d.ID); k.Enabled {
					r.lookSelector(d.Name, k.Selector, row("admin_domain", d.ID))
				}
			},
			finish: func(r *run) {
				for k := range r.s.AllSigningKeys() {
					r.lookSelector(k.Domain, k.Selector, row("vmapd_dkim_key", k.ID))
				}
			},
		},
	}
}

func (r *run) lookSelector(domain, selector, where string) {
	if selector == "" {
		return // its row is not served, see row-value
	}
	if err := dkim.CheckSelector(selector, domain); err != nil {
		r.say(Error, domain, fmt.Sprintf("give the domain a selector of letters, digits and hyphens (%s), and have its key made again", where), "%v: no signature can name it", err)
	}
}
