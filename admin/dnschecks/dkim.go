package dnschecks

import (
	"context"
	"crypto"
	"fmt"
	"sync"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
)

// dkim checks whether the keys that sign are published.
func (r *run) dkim(ctx context.Context, res *Result) {
	if len(r.keys) == 0 {
		res.State, res.Name = Off, "_domainkey."+r.domain
		res.add(Off, "unsigned", "", "mail of the domain is not signed here")
		return
	}
	res.Name = r.keys[0].Selector + "._domainkey." + r.domain
	found := make([]dnscheck.Result, len(r.keys))
	publics := make([]crypto.PublicKey, len(r.keys))
	var wg sync.WaitGroup
	for i, k := range r.keys {
		public, err := keyring.PublicKey(&store.SigningKey{Algorithm: k.Algorithm, PublicKey: k.Public})
		if err != nil {
			res.add(Warning, "key", "make another key (vmapd dkim generate)", fmt.Sprintf("the public key of the selector %s cannot be read from the database: %v", k.Selector, err))
			continue
		}
		publics[i] = public
		ask := r.asker.keys.Check
		if r.fresh {
			ask = r.asker.keys.Again
		}
		wg.Go(func() { found[i] = ask(ctx, r.domain, k.Selector, public) })
	}
	wg.Wait()
	for i := range found {
		if publics[i] != nil {
			res.judgeKey(&found[i], publics[i])
		}
	}
}

// judgeKey turns what was found of a key into findings.
func (res *Result) judgeKey(k *dnscheck.Result, public crypto.PublicKey) {
	res.Keys = append(res.Keys, *k)
	if res.Value == "" {
		res.Value, res.TTL = k.Record, k.TTL
	}
	switch {
	case k.Code == dnscheck.OK:
	case k.Code == dnscheck.Temp:
		res.add(Unknown, "no_answer", k.Remedy, k.Name+": "+k.Detail)
	case k.Works:
		res.add(Warning, string(k.Code), k.Remedy, k.Name+": "+k.Detail)
	default:
		res.add(Critical, string(k.Code), k.Remedy, k.Name+": "+k.Detail)
		if res.Record == nil {
			res.Record = text(k.Name, dkim.Record(public))
		}
	}
}
