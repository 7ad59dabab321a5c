package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

func (a *app) dkimCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "dkim", Short: "Keys that sign mail, and their records in DNS", Args: cobra.NoArgs,
		Long: "Shows, makes, checks and rotates DKIM keys. A domain's first key stands where Modoboa has it, in admin_domain; further ones stand in vmapd_dkim_key and go through " +
			"stages: new, published (DNS shows the record), active (signs), retiring (another one signs), gone (the record may be removed). docs/dkim.md explains it.",
		RunE: func(*cobra.Command, []string) error {
			return &exit{exitUsage, errors.New("dkim wants generate, list, dns, check, rotate, activate or import-opendkim")}
		}}
	cmd.AddCommand(a.dkimGenerateCommand(), a.dkimListCommand(), a.dkimDNSCommand(), a.dkimCheckCommand(), a.dkimRotateCommand(), a.dkimActivateCommand(), a.dkimImportCommand())
	return cmd
}

// checkDNS asks DNS about a key.
type checkDNS func(ctx context.Context, domain, selector string, key crypto.PublicKey) dnscheck.Result

// keys is what the commands below dkim work with: the database as it is now.
type keys struct {
	*app
	cfg    *daemon.Config
	db     *db.DB
	served *store.Snapshot
	keeper *keyring.Keeper
	check  checkDNS // on all authoritative servers
}

// withKeys runs f over the database as it is now; its errors exit with 1.
func (a *app) withKeys(ctx context.Context, readOnly bool, f func(k *keys) error) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	d, err := a.open(ctx, c, readOnly)
	if err != nil {
		return err
	}
	defer d.Close()
	k := &keys{app: a, cfg: c, db: d}
	k.keeper = &keyring.Keeper{
		Dir: c.DKIM.KeyDir, Recorder: modoboa.Keys{DB: d}, Times: c.KeyTimes(), Now: time.Now,
		Report: func(e keyring.Event) {
			fmt.Fprintf(a.err, "vmapd: %s, selector %s: %s\n", e.Domain, e.Selector, e.Text)
		},
	}
	if err := k.read(ctx); err != nil {
		return err
	}
	err = f(k)
	var e *exit
	if err != nil && !errors.As(err, &e) {
		return &exit{exitNo, err}
	}
	return err
}

// read reads the database, again after a change.
func (k *keys) read(ctx context.Context) error {
	b := store.NewBuilder()
	if err := (&modoboa.Source{DB: k.db}).Load(ctx, b); err != nil {
		return &exit{exitTryAgain, err}
	}
	k.served = b.Build(time.Now())
	return nil
}

// dns makes ready to ask DNS.
func (k *keys) dns() error {
	c, err := dnscheck.New(dnscheck.Options{Servers: k.cfg.DKIM.Resolvers})
	if err != nil {
		return &exit{exitUsage, err}
	}
	k.check, k.keeper.Published = c.Everywhere, daemon.Published(c)
	return nil
}

// tell makes a running daemon look at once at what was changed.
func (k *keys) tell(ctx context.Context) {
	if _, err := k.control(k.cfg).Reload(ctx); err != nil && !errors.Is(err, daemon.ErrNotRunning) {
		fmt.Fprintf(k.err, "vmapd: done, but the running daemon does not serve it yet: %v\n", err)
	}
}

// keyRow is a key as the commands show it.
type keyRow struct {
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

	public crypto.PublicKey // nil = unknown
}

// domain is the name as DNS has it, or as it is if it cannot be there.
func (r *keyRow) domain() string {
	if domain, err := dkim.FoldDomain(r.Domain); err == nil {
		return domain
	}
	return r.Domain
}

// name is where the record is in DNS.
func (r *keyRow) name() string { return r.Selector + "._domainkey." + r.domain() }

// rows lists all keys of the domains, of all if there are none; the keys of a
// domain in the order in which they were made.
func (k *keys) rows(domains ...string) ([]keyRow, error) {
	var all []keyRow
	for d, key := range k.served.SigningDomains() {
		if key.Selector != "" && wanted(domains, d.Name) {
			all = append(all, k.ownRow(d, key))
		}
	}
	for key := range k.served.AllSigningKeys() {
		if wanted(domains, key.Domain) {
			all = append(all, k.furtherRow(key))
		}
	}
	sortRows(all)
	for _, name := range domains {
		if !hasRows(all, name) {
			return nil, k.noKey(name)
		}
	}
	return all, nil
}

// noKey says why a name has no key.
func (k *keys) noKey(name string) error {
	if d, ok := k.served.Domain(name); ok && !k.served.DKIM(d.ID).Enabled {
		return fmt.Errorf("%s: mail is not signed for this domain: switch it on in Modoboa, or make a key with \"vmapd dkim generate %s\"", name, name)
	} else if ok {
		return fmt.Errorf("%s: the row of admin_domain cannot be used, see \"vmapd status\"", name)
	}
	if _, ok := k.served.DomainAlias(name); ok {
		return fmt.Errorf("%s: this domain alias has no key of its own: make one with \"vmapd dkim generate %s\"", name, name)
	}
	return fmt.Errorf("%s: there is no such domain or domain alias", name)
}

func (k *keys) ownRow(d store.Domain, key store.DKIM) keyRow {
	r := keyRow{Domain: d.Name, Selector: key.Selector, Algorithm: dkim.RSASHA256.Tag(), Stage: string(keyring.Active), File: key.Path, Table: "admin_domain", Row: d.ID}
	if at := k.replaced(d.Name); at != 0 {
		r.Stage, r.Since = string(keyring.Retiring), since(at)
		if time.Since(time.UnixMicro(at)) >= k.cfg.DKIM.Retire.D() {
			r.Stage = string(keyring.Gone)
		}
	}
	if key.Path == "" {
		r.Problem, r.Remedy = "no key has been made yet", "wait for Modoboa's job to make it, or run \"vmapd dkim generate "+d.Name+"\""
		return r
	}
	k.readFile(&r, &store.SigningKey{PublicKey: key.PublicKey})
	return r
}

// replaced returns when a further RSA key took the place of a domain's own, 0
// if none has.
func (k *keys) replaced(domain string) int64 {
	first := int64(0)
	for key := range k.served.SigningKeys(domain) {
		signed := key.Stage == string(keyring.Active) || key.Stage == string(keyring.Retiring) || key.Stage == string(keyring.Gone)
		if key.Algorithm == dkim.RSASHA256.Tag() && signed && (first == 0 || key.Changed < first) {
			first = key.Changed
		}
	}
	return first
}

func (k *keys) furtherRow(key store.SigningKey) keyRow {
	r := keyRow{Domain: key.Domain, Selector: key.Selector, Algorithm: key.Algorithm, Bits: int(key.Bits), Stage: key.Stage, Since: since(key.Changed), File: key.Path, Table: "vmapd_dkim_key", Row: key.ID}
	k.readFile(&r, &key)
	return r
}

func since(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339) }

// readFile looks at the key itself. If it cannot be read, the recorded public
// half must do.
func (k *keys) readFile(r *keyRow, recorded *store.SigningKey) {
	key, err := keyring.ReadKey(k.cfg.DKIM.KeyDir, r.Domain, r.Selector, r.File)
	if err == nil {
		r.public, r.Algorithm, r.Bits = key.Public(), key.Algorithm.Tag(), key.Bits
		if old, err := keyring.ReadKept(k.cfg.KeyOptions().Kept, r.Domain, r.Selector); err == nil && dkim.Fingerprint(old) != dkim.Fingerprint(r.public) {
			r.Old = dkim.Fingerprint(old)
		}
	} else {
		r.Problem = err.Error()
		var remedy interface{ Remedy() string }
		if errors.As(err, &remedy) {
			r.Remedy = remedy.Remedy()
		}
		if public, err := keyring.PublicKey(recorded); err == nil {
			r.public = public
		}
	}
	if r.public != nil {
		r.Fingerprint = dkim.Fingerprint(r.public)
	}
}

// giveAway gives a key that root made to who runs vmapd: the owner of the state
// folder.
func (k *keys) giveAway(path string) {
	if os.Geteuid() != 0 {
		return
	}
	if err := sameOwner(path, k.cfg.StateDir); err != nil {
		fmt.Fprintf(k.err, "vmapd: warning: %s belongs to root: %v: give it to the user that runs vmapd\n", path, err)
	}
}
