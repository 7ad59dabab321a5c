package daemon

import (
	"context"
	"crypto"
	"crypto/rsa"
	"sync"

	"github.com/vmapd/vmapd/admin/page"
	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
)

// reasonWords say why no key signs for a domain.
var reasonWords = map[keyring.Reason]string{
	keyring.NoKey: "The domain has no key.", keyring.Disabled: "Signing is off for this domain.", keyring.Unmade: "No key has been made yet.",
	keyring.Loading: "The key has not been read yet: look again in a moment.", keyring.Missing: "There is no such file as the row of the key names.",
	keyring.Unreadable: "The file of the key cannot be used.",
}

// stageWords say why a key that may not sign yet does not.
var stageWords = map[keyring.Stage]string{
	keyring.New:       "does not sign yet: publish its record",
	keyring.Published: "does not sign yet: its record was seen in DNS a short while ago",
}

// keysOf tells the page the keys of a domain, with the records that are to be in
// DNS. ask has DNS asked now instead of telling what was found last.
func (d *Daemon) keysOf(ctx context.Context, domain string, ask bool) (page.Keys, error) {
	snap := d.store.Current()
	if snap == nil {
		return page.Keys{}, page.ErrNoData
	}
	name := store.Fold(domain)
	found, why := d.ring.Explain(ctx, snap, name)
	for row := range snap.SigningKeys(name) {
		if text := stageWords[keyring.Stage(row.Stage)]; text != "" {
			c := keyring.Choice{Domain: name, Selector: row.Selector, Algorithm: row.Algorithm, Path: row.Path, Stage: keyring.Stage(row.Stage)}
			found = append(found, keyring.Finding{Choice: c, Text: text})
		}
	}
	keys := page.Keys{Note: reasonWords[why], List: make([]page.Key, len(found))}
	var asking sync.WaitGroup
	for i := range found {
		k, f := &keys.List[i], &found[i]
		*k = page.Key{Selector: f.Selector, Algorithm: f.Algorithm, Stage: string(f.Stage), Signs: f.Key != nil, State: f.Text}
		if public := d.publicKey(snap, f); public != nil {
			describe(k, f, public)
			asking.Go(func() { k.DNS = d.inDNS(ctx, f, public, ask) })
		}
	}
	asking.Wait()
	return keys, nil
}

// publicKey returns the public half of a key: of the one that signs, else of
// the one in the file, else the one that is recorded; nil if none is known.
func (d *Daemon) publicKey(snap *store.Snapshot, f *keyring.Finding) crypto.PublicKey {
	if f.Key != nil {
		return f.Key.Public()
	}
	if key, err := keyring.ReadKey(d.config().DKIM.KeyDir, f.Domain, f.Selector, f.Path); err == nil {
		return key.Public()
	}
	recorded := store.SigningKey{Algorithm: f.Algorithm}
	if row, ok := snap.Domain(f.Domain); ok && snap.DKIM(row.ID).Selector == f.Selector {
		recorded.PublicKey = snap.DKIM(row.ID).PublicKey
	}
	for row := range snap.SigningKeys(f.Domain) {
		if row.Selector == f.Selector {
			recorded.PublicKey = row.PublicKey
		}
	}
	if recorded.PublicKey == "" {
		return nil
	}
	public, err := keyring.PublicKey(&recorded)
	if err != nil {
		return nil
	}
	return public
}

// describe tells a key, and the record to publish for it.
func describe(k *page.Key, f *keyring.Finding, public crypto.PublicKey) {
	if r, ok := public.(*rsa.PublicKey); ok {
		k.Algorithm, k.Bits = dkim.RSASHA256.Tag(), r.N.BitLen()
	}
	domain, err := dkim.FoldDomain(f.Domain)
	if err != nil {
		return // DNS cannot have it
	}
	p := dnscheck.Publish(f.Selector+"._domainkey."+domain, dkim.Record(public))
	k.Name, k.Value, k.Zone = p.Name, p.Value, p.Zone
}

// inDNS tells what DNS holds of a key: as it was seen last, or as it is now.
func (d *Daemon) inDNS(ctx context.Context, f *keyring.Finding, public crypto.PublicKey, ask bool) *page.Published {
	domain, err := dkim.FoldDomain(f.Domain)
	if err != nil {
		return nil
	}
	if checker := d.records.watcher.Checker; ask && checker != nil {
		r := checker.Check(ctx, domain, f.Selector, public)
		return &page.Published{Works: r.Works, Unknown: r.Code == dnscheck.Temp, Code: string(r.Code), Detail: r.Detail, Remedy: r.Remedy, Checked: r.Checked}
	}
	last, ok := d.records.of(domain, f.Selector)
	if !ok {
		return nil
	}
	return &page.Published{Works: last.works, Code: string(last.code), Detail: last.detail, Remedy: last.remedy, Checked: last.asked}
}
