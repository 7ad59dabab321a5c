package keyring

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

// Recorder records in the database what becomes of keys; modoboa.Keys is one.
type Recorder interface {
	// Record notes the first key of a domain in its row of admin_domain, only
	// while that still says what was read, and reports whether it did.
	Record(ctx context.Context, domainID uint32, was, is store.DKIM) (bool, error)
	// Prepare makes the table of further keys if need be.
	Prepare(ctx context.Context) error
	// Add adds a further key; the database gives its ID.
	Add(ctx context.Context, k store.SigningKey) error
	// SetStage brings a key from one stage to another. It reports false if the
	// key is not at the first one any more.
	SetStage(ctx context.Context, id uint32, from, to string, at time.Time) (bool, error)
}

// Keeper makes keys and brings them from stage to stage. Its methods are for
// one goroutine at a time.
type Keeper struct {
	Dir      string // where keys are made
	Recorder Recorder
	Times    Times
	// Make says that keys are made for domains whose rows ask for one. Two who do
	// that would make two keys: not where Modoboa's own job does it.
	Make bool
	// Rotate is the age of a domain's RSA key at which another one is made; 0 = it
	// stays until somebody asks for another.
	Rotate    time.Duration
	Published Showing
	Report    func(Event)
	Now       func() time.Time

	refused map[uint32]store.DKIM // rows for which no key could be made
}

// Tend does what is due. It returns an error if the database does not take it.
func (k *Keeper) Tend(ctx context.Context, s *store.Snapshot) error {
	if k.Make {
		if err := k.makeFirst(ctx, s); err != nil {
			return err
		}
	}
	byDomain := map[string][]store.SigningKey{}
	for key := range s.AllSigningKeys() {
		byDomain[key.Domain] = append(byDomain[key.Domain], key)
	}
	for domain, keys := range byDomain {
		if err := k.advance(ctx, domain, keys); err != nil {
			return err
		}
	}
	if k.Rotate > 0 {
		return k.rotateOld(ctx, s)
	}
	return nil
}

// makeFirst makes keys for domains whose rows ask for one: on, and without a
// file (modoboa/admin/jobs.py).
func (k *Keeper) makeFirst(ctx context.Context, s *store.Snapshot) error {
	for d, was := range s.SigningDomains() {
		if was.Path != "" || was.Selector == "" || k.refused[d.ID] == was {
			continue
		}
		is, err := k.First(ctx, d, was, was.Selector, int(was.Bits))
		var refused *RefusedError
		switch {
		case errors.As(err, &refused):
			if k.refused == nil {
				k.refused = map[uint32]store.DKIM{}
			}
			k.refused[d.ID] = was
			k.Report(Event{Domain: d.Name, Selector: was.Selector, Text: "no key is made", Err: err})
		case err != nil:
			return err
		default:
			k.Report(Event{Domain: d.Name, Selector: is.Selector, Text: "a key was made: publish its record (vmapd dkim dns)"})
		}
	}
	return nil
}

// RefusedError says that a key cannot be made as it was asked for.
type RefusedError struct{ err error }

// Error returns one clause.
func (e *RefusedError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.err }

// ErrChanged says that the row changed while a key was made for it: perhaps
// Modoboa made one. The new key was deleted.
var ErrChanged = errors.New("the domain's row has changed meanwhile, perhaps Modoboa made a key: the new one was not recorded, and is deleted")

// First makes the first key of a domain and records it as Modoboa would: it
// signs from then on. bits is 0 for the default length. The error is a
// *RefusedError if the key cannot be made that way, and ErrChanged if somebody
// was quicker.
func (k *Keeper) First(ctx context.Context, d store.Domain, was store.DKIM, selector string, bits int) (store.DKIM, error) {
	private, path, err := k.make(d.Name, selector, dkim.RSASHA256, bits)
	if err != nil {
		return was, err
	}
	is := was
	is.Enabled, is.Selector, is.Path, is.PublicKey = true, selector, path, dkim.PublicBase64(private.Public())
	ok, err := k.Recorder.Record(ctx, d.ID, was, is)
	if err == nil && !ok {
		err = ErrChanged
	}
	if err != nil {
		return was, errors.Join(err, os.Remove(path))
	}
	return is, nil
}

// Further makes a further key for a domain or domain alias, at the stage New.
// An empty selector is given by the date.
func (k *Keeper) Further(ctx context.Context, s *store.Snapshot, domain, selector string, a dkim.Algorithm, bits int) (store.SigningKey, error) {
	taken := selectors(s, domain)
	switch {
	case selector == "":
		selector = dated(k.Now(), a, taken)
	case slices.Contains(taken, selector):
		return store.SigningKey{}, &RefusedError{fmt.Errorf("the selector %s of %s is or was that of another key: choose another one", selector, domain)}
	}
	if err := k.Recorder.Prepare(ctx); err != nil {
		return store.SigningKey{}, err
	}
	private, path, err := k.make(domain, selector, a, bits)
	if err != nil {
		return store.SigningKey{}, err
	}
	made, err := dkim.NewKey(domain, selector, private)
	if err != nil {
		return store.SigningKey{}, err
	}
	at := k.Now().UnixMicro()
	key := store.SigningKey{
		Domain: domain, Selector: selector, Algorithm: a.Tag(), Bits: uint32(made.Bits), Path: path,
		PublicKey: dkim.PublicBase64(private.Public()), Stage: string(New), Created: at, Changed: at,
	}
	if err := k.Recorder.Add(ctx, key); err != nil {
		return store.SigningKey{}, errors.Join(err, os.Remove(path))
	}
	return key, nil
}

// make makes a key and its file.
func (k *Keeper) make(domain, selector string, a dkim.Algorithm, bits int) (crypto.Signer, string, error) {
	private, err := dkim.Generate(a, bits)
	if err == nil {
		_, err = dkim.NewKey(domain, selector, private) // the names
	}
	if err != nil {
		return nil, "", &RefusedError{err}
	}
	path, err := writeKey(k.Dir, domain, selector, private)
	if err != nil {
		return nil, "", &RefusedError{err}
	}
	return private, path, nil
}

func selectors(s *store.Snapshot, domain string) []string {
	var all []string
	for key := range s.SigningKeys(domain) {
		all = append(all, key.Selector)
	}
	if d, ok := s.Domain(domain); ok {
		all = append(all, s.DKIM(d.ID).Selector)
	}
	return all
}

// dated gives a selector that says when a key was made, and of which kind.
func dated(now time.Time, a dkim.Algorithm, taken []string) string {
	base := "v" + now.UTC().Format("200601") + a.Tag()[:1]
	name := base
	for i := 2; slices.Contains(taken, name); i++ {
		name = base + strconv.Itoa(i)
	}
	return name
}

// advance makes the changes that are due to the keys of one domain.
func (k *Keeper) advance(ctx context.Context, domain string, keys []store.SigningKey) error {
	answers := map[uint32]Answer{}
	for _, key := range keys {
		if Stage(key.Stage) == New || Stage(key.Stage) == Published {
			answers[key.ID] = k.Ask(ctx, &key)
		}
	}
	return k.Apply(ctx, Next(keys, answers, k.Now(), k.Times))
}

// Ask says whether DNS shows a key.
func (k *Keeper) Ask(ctx context.Context, key *store.SigningKey) Answer {
	public, err := PublicKey(key)
	if err != nil || k.Published == nil {
		return Unknown
	}
	domain, err := dkim.FoldDomain(key.Domain)
	if err != nil {
		return Unknown
	}
	return k.Published(ctx, domain, key.Selector, public)
}

// PublicKey reads the public half that is recorded with a key.
func PublicKey(key *store.SigningKey) (crypto.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(key.PublicKey)
	if err != nil {
		return nil, errors.New("the recorded public key is not base64")
	}
	if key.Algorithm == dkim.Ed25519SHA256.Tag() && len(der) == ed25519.PublicKeySize {
		return ed25519.PublicKey(der), nil
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("the recorded public key cannot be read")
	}
	return public, nil
}

// Apply records changes, in their order. It stops at the first that the
// database does not take, or that somebody else made otherwise.
func (k *Keeper) Apply(ctx context.Context, changes []Change) error {
	for _, c := range changes {
		ok, err := k.Recorder.SetStage(ctx, c.Key.ID, c.Key.Stage, string(c.To), k.Now())
		if err != nil {
			return err
		}
		if !ok {
			return nil // the next look begins with what is there then
		}
		k.Report(Event{Domain: c.Key.Domain, Selector: c.Key.Selector, Text: fmt.Sprintf("the key is %s now: %s", c.To, c.Why)})
	}
	return nil
}

// rotateOld makes further RSA keys where those that sign have become old and no
// other one is on its way.
func (k *Keeper) rotateOld(ctx context.Context, s *store.Snapshot) error {
	for d, own := range s.SigningDomains() {
		made, coming := k.rsaKey(s, d.Name, own)
		if coming || made.IsZero() || k.Now().Sub(made) < k.Rotate {
			continue
		}
		key, err := k.Further(ctx, s, d.Name, "", dkim.RSASHA256, int(own.Bits))
		if err != nil {
			return err
		}
		k.Report(Event{Domain: d.Name, Selector: key.Selector, Text: "a key was made to take the place of an old one: publish its record (vmapd dkim dns)"})
	}
	return nil
}

// rsaKey returns when the key that signs was made, zero if nobody knows, and
// whether another one is coming.
func (k *Keeper) rsaKey(s *store.Snapshot, domain string, own store.DKIM) (made time.Time, coming bool) {
	for key := range s.SigningKeys(domain) {
		if key.Algorithm != dkim.RSASHA256.Tag() {
			continue
		}
		switch at := time.UnixMicro(key.Created); Stage(key.Stage) {
		case New, Published:
			coming = true
		case Active:
			if at.After(made) {
				made = at
			}
		}
	}
	if !made.IsZero() {
		return made, coming
	}
	if d, err := openFolder(k.Dir); err == nil {
		defer d.close()
		if name, err := d.inside(own.Path); err == nil {
			if info, err := d.root.Stat(name); err == nil {
				made = info.ModTime()
			}
		}
	}
	return made, coming
}
