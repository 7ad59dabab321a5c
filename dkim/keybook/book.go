package keybook

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
)

// Book is the keys of a database, as it is at one moment.
type Book struct {
	Served *store.Snapshot
	Keeper *keyring.Keeper // makes keys
	Kept   string          // the folder of old keys, see keyring.Options
	// Check asks DNS about a key, on all authoritative servers.
	Check func(ctx context.Context, domain, selector string, key crypto.PublicKey) dnscheck.Result
	// Made is told of each key file that was made; it may be nil.
	Made func(path string)
}

// Row is a key as it is shown.
type Row struct {
	Domain      string `json:"domain"`
	Selector    string `json:"selector"`
	Algorithm   string `json:"algorithm"`
	Bits        int    `json:"bits,omitempty"` // 0 = unknown
	Stage       string `json:"stage"`
	Since       string `json:"since,omitempty"` // when it came to that stage
	Fingerprint string `json:"fingerprint,omitempty"`
	File        string `json:"file"` // "" = not made yet
	Table       string `json:"table"`
	Row         uint32 `json:"row"`
	Problem     string `json:"problem,omitempty"` // with the file
	Remedy      string `json:"remedy,omitempty"`
	// Old is the fingerprint of the key that still signs in place of the one in
	// the file, until DNS shows that one.
	Old string `json:"old_fingerprint,omitempty"`

	Public crypto.PublicKey `json:"-"` // nil = unknown
	Err    error            `json:"-"` // of the file
}

// domain is the name as DNS has it, or as it is if it cannot be there.
func (r *Row) domain() string {
	if domain, err := dkim.FoldDomain(r.Domain); err == nil {
		return domain
	}
	return r.Domain
}

// Name is where the record is in DNS.
func (r *Row) Name() string { return r.Selector + "._domainkey." + r.domain() }

// Record is what is to be published. The key must be known.
func (r *Row) Record() dnscheck.Publication {
	return dnscheck.Publish(r.Name(), dkim.Record(r.Public))
}

// MissingError says that there is no such domain, or no key of it.
type MissingError struct{ Domain, Text string }

// Error returns one line.
func (e *MissingError) Error() string { return e.Domain + ": " + e.Text }

// Rows lists all keys of the domains, of all if there are none; the keys of a
// domain in the order in which they were made. A domain that has none is a
// *MissingError.
func (b *Book) Rows(domains ...string) ([]Row, error) {
	var all []Row
	wanted := func(name string) bool { return len(domains) == 0 || slices.Contains(domains, name) }
	for d, key := range b.Served.SigningDomains() {
		if key.Selector != "" && wanted(d.Name) {
			all = append(all, b.own(d, key))
		}
	}
	for key := range b.Served.AllSigningKeys() {
		if wanted(key.Domain) {
			all = append(all, b.further(key))
		}
	}
	slices.SortFunc(all, func(x, y Row) int {
		return cmp.Or(cmp.Compare(x.Domain, y.Domain), cmp.Compare(x.Table, y.Table), cmp.Compare(x.Row, y.Row))
	})
	for _, name := range domains {
		if !slices.ContainsFunc(all, func(r Row) bool { return r.Domain == name }) {
			return nil, b.noKey(name)
		}
	}
	return all, nil
}

// noKey says why a name has no key.
func (b *Book) noKey(name string) error {
	e := &MissingError{Domain: name, Text: "there is no such domain or domain alias"}
	if d, ok := b.Served.Domain(name); ok && !b.Served.DKIM(d.ID).Enabled {
		e.Text = fmt.Sprintf("mail is not signed for this domain: switch it on in Modoboa, or make a key with \"vmapd dkim generate %s\"", name)
	} else if ok {
		e.Text = "the row of admin_domain cannot be used, see \"vmapd status\""
	} else if _, ok := b.Served.DomainAlias(name); ok {
		e.Text = fmt.Sprintf("this domain alias has no key of its own: make one with \"vmapd dkim generate %s\"", name)
	}
	return e
}

// own is the key in a domain's row.
func (b *Book) own(d store.Domain, key store.DKIM) Row {
	r := Row{Domain: d.Name, Selector: key.Selector, Algorithm: dkim.RSASHA256.Tag(), Stage: string(keyring.Active), File: key.Path, Table: "admin_domain", Row: d.ID}
	if at := b.replaced(d.Name); at != 0 {
		r.Stage, r.Since = string(keyring.Retiring), since(at)
		if time.Since(time.UnixMicro(at)) >= b.Keeper.Times.Retire {
			r.Stage = string(keyring.Gone)
		}
	}
	if key.Path == "" {
		r.Problem, r.Remedy = "no key has been made yet", "wait for Modoboa's job to make it, or run \"vmapd dkim generate "+d.Name+"\""
		return r
	}
	b.readFile(&r, &store.SigningKey{PublicKey: key.PublicKey})
	return r
}

// replaced returns when a further RSA key took the place of a domain's own, 0
// if none has.
func (b *Book) replaced(domain string) int64 {
	first := int64(0)
	for key := range b.Served.SigningKeys(domain) {
		signed := key.Stage == string(keyring.Active) || key.Stage == string(keyring.Retiring) || key.Stage == string(keyring.Gone)
		if key.Algorithm == dkim.RSASHA256.Tag() && signed && (first == 0 || key.Changed < first) {
			first = key.Changed
		}
	}
	return first
}

// further is a key in vmapd_dkim_key.
func (b *Book) further(key store.SigningKey) Row {
	r := Row{Domain: key.Domain, Selector: key.Selector, Algorithm: key.Algorithm, Bits: int(key.Bits), Stage: key.Stage, Since: since(key.Changed), File: key.Path, Table: "vmapd_dkim_key", Row: key.ID}
	b.readFile(&r, &key)
	return r
}

func since(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339) }

// readFile looks at the key itself. If it cannot be read, the recorded public
// half must do.
func (b *Book) readFile(r *Row, recorded *store.SigningKey) {
	key, err := keyring.ReadKey(b.Keeper.Dir, r.Domain, r.Selector, r.File)
	if err == nil {
		r.Public, r.Algorithm, r.Bits = key.Public(), key.Algorithm.Tag(), key.Bits
		if old, err := keyring.ReadKept(b.Kept, r.Domain, r.Selector); err == nil && dkim.Fingerprint(old) != dkim.Fingerprint(r.Public) {
			r.Old = dkim.Fingerprint(old)
		}
	} else {
		r.Problem, r.Err = err.Error(), err
		var remedy interface{ Remedy() string }
		if errors.As(err, &remedy) {
			r.Remedy = remedy.Remedy()
		}
		if public, err := keyring.PublicKey(recorded); err == nil {
			r.Public = public
		}
	}
	if r.Public != nil {
		r.Fingerprint = dkim.Fingerprint(r.Public)
	}
}
