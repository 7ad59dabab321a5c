package keybook

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
)

// defaultSelector is Modoboa's.
const defaultSelector = "modoboa"

// Generate makes a key for a domain or domain alias and returns its selector.
// The first RSA key of a domain is recorded in admin_domain, as Modoboa would do
// it, signing is switched on, and it signs at once; others go through stages. An
// empty selector and no bits have defaults. The error is a *MissingError for a
// name that is not ours, and a *keyring.RefusedError for a key that cannot be
// made so.
func (b *Book) Generate(ctx context.Context, name, selector string, a dkim.Algorithm, bits int) (used string, err error) {
	d, isDomain := b.Served.Domain(name)
	if !isDomain {
		if _, ok := b.Served.DomainAlias(name); !ok {
			return "", &MissingError{Domain: name, Text: "there is no such domain or domain alias"}
		}
		return b.makeFurther(ctx, name, selector, a, bits)
	}
	own := b.Served.DKIM(d.ID)
	if bits == 0 && a == dkim.RSASHA256 {
		bits = int(own.Bits)
	}
	if a != dkim.RSASHA256 || own.Path != "" {
		return b.makeFurther(ctx, name, selector, a, bits)
	}
	if selector == "" {
		selector = own.Selector
	}
	if selector == "" {
		selector = defaultSelector
	}
	if len(selector) > 30 {
		return "", &LongSelectorError{selector}
	}
	is, err := b.Keeper.First(ctx, d, own, selector, bits)
	if err != nil {
		return "", err
	}
	b.made(is.Path)
	return selector, nil
}

// LongSelectorError says that Modoboa's column has no room for a selector.
type LongSelectorError struct{ Selector string }

// Error returns one clause.
func (e *LongSelectorError) Error() string {
	return fmt.Sprintf("the selector of a domain's first key has at most 30 letters, %s has %d", e.Selector, len(e.Selector))
}

func (b *Book) makeFurther(ctx context.Context, name, selector string, a dkim.Algorithm, bits int) (string, error) {
	key, err := b.Keeper.Further(ctx, b.Served, name, selector, a, bits)
	if err != nil {
		return "", err
	}
	b.made(key.Path)
	return key.Selector, nil
}

func (b *Book) made(path string) {
	if b.Made != nil {
		b.Made(path)
	}
}

// Rotated is what became of a domain's rotation.
type Rotated struct {
	Domain   string                `json:"domain"`
	Selector string                `json:"selector"` // of the key that is coming
	Stage    string                `json:"stage"`
	Made     bool                  `json:"made"`             // just now
	Record   *dnscheck.Publication `json:"record,omitempty"` // to publish
	DNS      *dnscheck.Result      `json:"dns,omitempty"`

	Row Row `json:"-"` // as it was before it came to that stage
}

// Rotatable lists the names that have an RSA key that signs.
func (b *Book) Rotatable() []string {
	var names []string
	for d, own := range b.Served.SigningDomains() {
		if own.Path != "" {
			names = append(names, d.Name)
		}
	}
	for key := range b.Served.AllSigningKeys() {
		if key.Algorithm == dkim.RSASHA256.Tag() && key.Stage == string(keyring.Active) {
			names = append(names, key.Domain)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ErrNothing says that a domain has no key that another one could take the place
// of.
var ErrNothing = errors.New("there is no key yet that could be rotated")

// Rotate makes a key that shall take the place of the one that signs, or takes
// the one that is coming to its next stage, if DNS and time allow it.
func (b *Book) Rotate(ctx context.Context, name string) (*Rotated, error) {
	key, ok := b.coming(name)
	if !ok {
		return b.beginRotation(ctx, name)
	}
	r := &Rotated{Domain: name, Selector: key.Selector, Stage: key.Stage, Row: b.further(key)}
	if r.Row.Public == nil {
		return nil, cmpError(r.Row.Err, r.Row.Problem)
	}
	r.DNS = b.Ask(ctx, &r.Row)
	record := r.Row.Record()
	r.Record = &record
	all := slices.Collect(b.Served.SigningKeys(name))
	changes := keyring.Next(all, map[uint32]keyring.Answer{key.ID: AnswerOf(*r.DNS)}, b.Keeper.Now(), b.Keeper.Times)
	for _, c := range changes {
		if c.Key.ID == key.ID {
			r.Stage = string(c.To)
		}
	}
	return r, b.Keeper.Apply(ctx, changes)
}

func cmpError(err error, text string) error {
	if err != nil {
		return err
	}
	return errors.New(text)
}

// coming returns the RSA key that is to take the place of the one that signs.
func (b *Book) coming(name string) (store.SigningKey, bool) {
	for key := range b.Served.SigningKeys(name) {
		if key.Algorithm == dkim.RSASHA256.Tag() && (key.Stage == string(keyring.New) || key.Stage == string(keyring.Published)) {
			return key, true
		}
	}
	return store.SigningKey{}, false
}

func (b *Book) beginRotation(ctx context.Context, name string) (*Rotated, error) {
	if _, err := b.Rows(name); err != nil {
		return nil, err
	}
	bits := 0
	if d, ok := b.Served.Domain(name); ok {
		own := b.Served.DKIM(d.ID)
		if own.Path == "" {
			return nil, ErrNothing
		}
		bits = int(own.Bits)
	}
	key, err := b.Keeper.Further(ctx, b.Served, name, "", dkim.RSASHA256, bits)
	if err != nil {
		return nil, err
	}
	b.made(key.Path)
	row := b.further(key)
	record := row.Record()
	return &Rotated{Domain: name, Selector: key.Selector, Stage: key.Stage, Made: true, Record: &record, Row: row}, nil
}
