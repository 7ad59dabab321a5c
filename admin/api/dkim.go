package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/vmapd/vmapd/store"
)

// DKIM are the keys that sign mail, for super administrators. The functions
// return a *KeyError for what the caller is to blame for.
type DKIM struct {
	// List returns the keys of a domain, of all if it is "".
	List func(ctx context.Context, domain string) ([]Key, error)
	// Generate makes a key.
	Generate func(ctx context.Context, domain string, w KeyWish) (*Key, error)
	// Rotate makes a key that shall take the place of the one that signs, or takes
	// the one that is on its way a step further.
	Rotate func(ctx context.Context, domain string) (*Rotation, error)
	// Check asks DNS whether the keys of a domain are published.
	Check func(ctx context.Context, domain string) ([]CheckedKey, error)
}

// KeyError says why a key cannot be made or shown.
type KeyError struct {
	Missing bool // there is no such domain or key
	Field   string
	Err     error
}

// Error returns one clause.
func (e *KeyError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *KeyError) Unwrap() error { return e.Err }

// Key is a key, without its file.
type Key struct {
	Domain      string    `json:"domain"`
	Selector    string    `json:"selector"`
	Algorithm   string    `json:"algorithm"` // rsa or ed25519
	Bits        int       `json:"bits"`      // 0 = unknown
	Stage       string    `json:"stage"`     // new, published, active, retiring, gone
	Since       string    `json:"since"`     // when it came to that stage, "" = unknown
	Fingerprint string    `json:"fingerprint"`
	Problem     string    `json:"problem"` // why it cannot sign, "" if it can
	Record      KeyRecord `json:"record"`
}

// KeyRecord is what is to be published.
type KeyRecord struct {
	Name string `json:"name"`
	Text string `json:"text"` // "" = the key is not known
	Zone string `json:"zone"` // a line of a zone file
}

// KeyWish is which key is wanted; empty fields have defaults.
type KeyWish struct {
	Selector, Algorithm string
	Bits                int
}

// Rotation is what became of a rotation.
type Rotation struct {
	Made bool `json:"made"` // just now: the record is to be published
	Key  Key  `json:"key"`
	DNS  any  `json:"dns"` // what DNS says, null if it was not asked
}

// CheckedKey is a key and what DNS says of it.
type CheckedKey struct {
	Key
	Works bool `json:"works"` // a verifier finds it
	DNS   any  `json:"dns"`   // null: the key itself is not known
}

// keys returns the functions, or an error if there are none.
func (c *call) keys() (*DKIM, string, error) {
	domain := store.Fold(c.path("domain"))
	switch {
	case c.o.DKIM == nil:
		return nil, "", errAbsent
	case !cleanText(domain):
		return nil, "", refuse(http.StatusNotFound, "Not found.")
	}
	return c.o.DKIM, domain, nil
}

// keyFailure makes a refusal of a KeyError.
func keyFailure(err error) error {
	var e *KeyError
	switch {
	case !errors.As(err, &e):
		return err
	case e.Missing:
		return refuse(http.StatusNotFound, "%s", e.Error())
	case e.Field != "":
		return badField(e.Field, "%s", e.Error())
	}
	return refuse(http.StatusConflict, "%s", e.Error())
}

func listKeys(c *call) (*answer, error) {
	k, domain, err := c.keys()
	if err != nil {
		return nil, err
	}
	all, err := k.List(c.ctx, domain)
	return ok(append([]Key{}, all...)), keyFailure(err)
}

func generateKey(c *call) (*answer, error) {
	k, domain, err := c.keys()
	if err != nil {
		return nil, err
	}
	o, err := c.object()
	if err != nil {
		return nil, err
	}
	w := KeyWish{Selector: o.text("selector").Value, Algorithm: o.choice("algorithm", "rsa", "ed25519").Or("rsa"), Bits: int(o.number("bits", 0).Value)}
	o.strict()
	if err := o.err(); err != nil {
		return nil, err
	}
	key, err := k.Generate(c.ctx, domain, w)
	return created(key), keyFailure(err)
}

func rotateKey(c *call) (*answer, error) {
	k, domain, err := c.keys()
	if err != nil {
		return nil, err
	}
	r, err := k.Rotate(c.ctx, domain)
	return ok(r), keyFailure(err)
}

func keyRecords(c *call) (*answer, error) {
	k, domain, err := c.keys()
	if err != nil {
		return nil, err
	}
	all, err := k.List(c.ctx, domain)
	records := []KeyRecord{}
	for _, key := range all {
		if key.Record.Text != "" && key.Stage != "gone" {
			records = append(records, key.Record)
		}
	}
	return ok(records), keyFailure(err)
}

func checkKeys(c *call) (*answer, error) {
	k, domain, err := c.keys()
	if err != nil {
		return nil, err
	}
	all, err := k.Check(c.ctx, domain)
	return ok(append([]CheckedKey{}, all...)), keyFailure(err)
}
