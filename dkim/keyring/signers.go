package keyring

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

// Signer is a key whose record verifiers look for: it signs, or mail that it
// signed is under way.
type Signer struct {
	Domain   string // as DNS has it: A-labels
	Selector string
	key      *material
}

// ID tells keys apart: 16 hexadecimal digits.
func (s *Signer) ID() string {
	sum := sha256.Sum256(s.key.der)
	return hex.EncodeToString(sum[:8])
}

// Public reads the key and returns its public half.
func (s *Signer) Public() (crypto.PublicKey, error) {
	private, err := dkim.ParsePrivate(s.key.der)
	if err != nil {
		return nil, err
	}
	return private.Public(), nil
}

// Changes counts the changes of what Signers returns.
func (r *Ring) Changes() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

// Signers returns the keys whose records must be in DNS, as far as they have
// been read: those that sign, and those of vmapd_dkim_key that are retiring. A
// domain's own key in whose place another signs is left out: no row says since
// when, so nobody knows how long its record must stay.
func (r *Ring) Signers() []Signer {
	r.mu.Lock()
	s := r.synced
	r.mu.Unlock()
	if s == nil {
		return nil
	}
	var all []Signer
	for d, own := range s.SigningDomains() {
		if !replaced(s, d.Name) {
			all = r.appendSigner(all, d.Name, own.Selector)
		}
	}
	for k := range s.AllSigningKeys() {
		d, ok := s.Domain(k.Domain)
		off := ok && !s.DKIM(d.ID).Enabled
		if !off && (Stage(k.Stage) == Active || Stage(k.Stage) == Retiring) {
			all = r.appendSigner(all, k.Domain, k.Selector)
		}
	}
	return all
}

// replaced reports whether a further RSA key signs in place of a domain's own.
func replaced(s *store.Snapshot, domain string) bool {
	for k := range s.SigningKeys(domain) {
		if Stage(k.Stage) == Active && k.Algorithm == dkim.RSASHA256.Tag() {
			return true
		}
	}
	return false
}

func (r *Ring) appendSigner(all []Signer, domain, selector string) []Signer {
	folded, err := dkim.FoldDomain(domain)
	if err != nil {
		return all
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[name{domain, selector}]
	if e == nil || e.key == nil {
		return all
	}
	return append(all, Signer{strings.Clone(folded), strings.Clone(selector), e.key})
}
