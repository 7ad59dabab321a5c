package store

import "iter"

// keysMark stands for what a snapshot says about signing: two snapshots with
// the same one say the same. It is not empty, so that each has its own address.
type keysMark struct{ _ byte }

// SameKeys reports whether two snapshots say the same about signing, so that
// nobody need look. It may say no although they do.
func (s *Snapshot) SameKeys(o *Snapshot) bool { return o != nil && s.base.keys == o.base.keys }

// keepDKIM stores what a row says about signing, in the place that the domain
// had for it, and returns the place.
func (b *Builder) keepDKIM(at uint32, d *Domain) uint32 {
	k := d.DKIM
	switch {
	case !k.Enabled:
		k = DKIM{}
	case b.bad(Domains, d.ID, "dkim_key_selector", k.Selector), k.Path != "" && b.bad(Domains, d.ID, "dkim_private_key_path", k.Path):
		k = DKIM{Enabled: true}
	case k.PublicKey != "" && flaw(k.PublicKey) != "":
		// Modoboa 1.10 stores the words of an openssl that failed.
		b.report(BadValue, Domains, d.ID, "dkim_public_key", "is not the base64 of a public key: it is not shown; have the key made again")
		k.PublicKey = ""
	}
	if at == 0 && !k.Enabled {
		return 0
	}
	b.keys = new(keysMark)
	if at == 0 {
		at = b.dkim.add(dkimRow{})
	}
	old := b.dkim.at(at)
	row := dkimRow{bits: k.Bits, on: k.Enabled}
	row.selector, row.path, row.public = b.texts.putAgain(k.Selector, old.selector), b.texts.putAgain(k.Path, old.path), b.texts.putAgain(k.PublicKey, old.public)
	*b.dkim.edit(at) = row
	return at
}

func (b *base) dkimOf(d *domainRow) DKIM {
	if d.dkim == 0 {
		return DKIM{}
	}
	r := b.dkim.at(d.dkim)
	return DKIM{Enabled: r.on, Selector: b.texts.text(r.selector), Path: b.texts.text(r.path), PublicKey: b.texts.text(r.public), Bits: r.bits}
}

// DKIM returns what a domain's row says about signing; nothing of a domain that
// does not exist.
func (s *Snapshot) DKIM(domainID uint32) DKIM {
	at := s.base.domains.ids.row(domainID)
	if !s.base.domainHere(at) {
		return DKIM{}
	}
	return s.base.dkimOf(s.base.domains.at(at))
}

// SigningDomains yields the domains whose mail is to be signed, in no
// particular order.
func (s *Snapshot) SigningDomains() iter.Seq2[Domain, DKIM] {
	return func(yield func(Domain, DKIM) bool) {
		for at, r := range s.base.domains.all(func() {}) {
			if r.dkim == 0 || r.flags&here == 0 || !s.base.dkim.at(r.dkim).on {
				continue
			}
			if !yield(s.domain(at), s.base.dkimOf(r)) {
				return
			}
		}
	}
}

// AddSigningKey adds a row of vmapd_dkim_key, or replaces it.
func (b *Builder) AddSigningKey(k SigningKey) {
	if b.Remove(SigningKeys, k.ID); b.badName(SigningKeys, k.ID, "domain", k.Domain) {
		return
	}
	for _, text := range [][2]string{{"selector", k.Selector}, {"algorithm", k.Algorithm}, {"private_key_path", k.Path}, {"public_key", k.PublicKey}, {"state", k.Stage}} {
		if b.bad(SigningKeys, k.ID, text[0], text[1]) {
			return
		}
	}
	at := b.signingKeys.slot(k.ID, signingKeyRow{id: k.ID})
	old := b.signingKeys.at(at)
	name := Fold(k.Domain)
	put := b.texts.putAgain
	row := signingKeyRow{
		id: k.ID, name: b.symbols.intern(name), bits: k.Bits, created: k.Created, changed: k.Changed,
		selector: put(k.Selector, old.selector), algorithm: put(k.Algorithm, old.algorithm), path: put(k.Path, old.path),
		public: put(k.PublicKey, old.public), stage: put(k.Stage, old.stage),
	}
	row.flags = here | flag(name != k.Domain, inexact)
	*b.signingKeys.edit(at) = row
	b.signingKeys.here++
	b.bear(row.name, SigningKeys, at, k.ID, row.flags)
	b.keys = new(keysMark)
}

func (b *Builder) removeSigningKey(at uint32) {
	k := b.signingKeys.edit(at)
	k.flags &^= here
	b.signingKeys.here--
	b.unbear(k.name, SigningKeys, at)
	b.keys = new(keysMark)
}

func (b *base) signingKey(r *signingKeyRow) SigningKey {
	return SigningKey{
		ID: r.id, Domain: b.symbols.text(r.name), Selector: b.texts.text(r.selector), Algorithm: b.texts.text(r.algorithm), Bits: r.bits,
		Path: b.texts.text(r.path), PublicKey: b.texts.text(r.public), Stage: b.texts.text(r.stage), Created: r.created, Changed: r.changed,
	}
}

// SigningKeys yields the rows of vmapd_dkim_key of a domain or domain alias,
// in a stable order.
func (s *Snapshot) SigningKeys(domain string) iter.Seq[SigningKey] {
	return func(yield func(SigningKey) bool) {
		for n := s.base.firstName(s.base.symbols.find(domain), SigningKeys); n != nil && n.kind == SigningKeys; n = s.base.nameAfter(n) {
			if !yield(s.base.signingKey(s.base.signingKeys.at(n.row))) {
				return
			}
		}
	}
}

// AllSigningKeys yields all rows of vmapd_dkim_key, in no particular order.
func (s *Snapshot) AllSigningKeys() iter.Seq[SigningKey] {
	return func(yield func(SigningKey) bool) {
		for _, r := range s.base.signingKeys.all(func() {}) {
			if r.flags&here != 0 && !yield(s.base.signingKey(r)) {
				return
			}
		}
	}
}
