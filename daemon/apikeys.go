package daemon

import (
	"context"
	"crypto"
	"errors"
	"io/fs"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/api"
	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keybook"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa"
)

// apiKeys are the DKIM keys as the API wants them.
func (d *Daemon) apiKeys() *api.DKIM {
	return &api.DKIM{List: d.listKeys, Generate: d.generateKey, Rotate: d.rotateKey, Check: d.checkKeys}
}

// book opens the book of keys on the database as it is now.
func (d *Daemon) book(ctx context.Context) (*keybook.Book, error) {
	d.mu.Lock()
	cfg, databases := d.cfg, d.database
	d.mu.Unlock()
	build := store.NewBuilder()
	if err := (&modoboa.Source{DB: databases.read}).Load(ctx, build); err != nil {
		return nil, err
	}
	keeper := &keyring.Keeper{Dir: cfg.DKIM.KeyDir, Recorder: modoboa.Keys{DB: databases.write}, Times: cfg.KeyTimes(), Published: d.published, Report: d.keyReport(), Now: time.Now}
	return &keybook.Book{Served: build.Build(time.Now()), Keeper: keeper, Kept: cfg.KeyOptions().Kept, Check: d.everywhere}, nil
}

// everywhere asks DNS about a key.
func (d *Daemon) everywhere(ctx context.Context, domain, selector string, key crypto.PublicKey) dnscheck.Result {
	return d.records.watcher.Checker.Everywhere(ctx, domain, selector, key)
}

func (d *Daemon) listKeys(ctx context.Context, domain string) ([]api.Key, error) {
	rows, err := d.keyRows(ctx, domain)
	if err != nil {
		return nil, err
	}
	all := []api.Key{}
	for i := range rows {
		all = append(all, apiKey(&rows[i]))
	}
	return all, nil
}

func (d *Daemon) keyRows(ctx context.Context, domain string) ([]keybook.Row, error) {
	b, err := d.book(ctx)
	if err != nil {
		return nil, err
	}
	return d.rowsOf(b, domain)
}

// rowsOf lists the keys of a domain, of all if it is "".
func (d *Daemon) rowsOf(b *keybook.Book, domain string) ([]keybook.Row, error) {
	var domains []string
	if domain != "" {
		domains = []string{domain}
	}
	rows, err := b.Rows(domains...)
	return rows, d.keyError(err)
}

func (d *Daemon) generateKey(ctx context.Context, domain string, w api.KeyWish) (*api.Key, error) {
	a, err := dkim.ParseAlgorithm(w.Algorithm)
	switch {
	case err != nil:
		return nil, &api.KeyError{Field: "algorithm", Err: err}
	case a == dkim.Ed25519SHA256 && w.Bits != 0:
		return nil, &api.KeyError{Field: "bits", Err: errors.New("bits are for RSA keys: Ed25519 has one size")}
	}
	b, err := d.book(ctx)
	if err != nil {
		return nil, err
	}
	used, err := b.Generate(ctx, domain, w.Selector, a, w.Bits)
	if err != nil {
		return nil, d.keyError(err)
	}
	rows, err := d.keyRows(ctx, domain)
	for i := range rows {
		if rows[i].Selector == used {
			key := apiKey(&rows[i])
			return &key, nil
		}
	}
	if err == nil {
		err = errors.New("the key that was made is not in the database")
	}
	return nil, err
}

func (d *Daemon) rotateKey(ctx context.Context, domain string) (*api.Rotation, error) {
	if d.records.watcher.Checker == nil {
		return nil, errNoDNS
	}
	b, err := d.book(ctx)
	if err != nil {
		return nil, err
	}
	r, err := b.Rotate(ctx, domain)
	if err != nil {
		return nil, d.keyError(err)
	}
	key := apiKey(&r.Row)
	key.Stage = r.Stage
	out := &api.Rotation{Made: r.Made, Key: key}
	if r.DNS != nil {
		out.DNS = r.DNS
	}
	return out, nil
}

func (d *Daemon) checkKeys(ctx context.Context, domain string) ([]api.CheckedKey, error) {
	if d.records.watcher.Checker == nil {
		return nil, errNoDNS
	}
	b, err := d.book(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := d.rowsOf(b, domain)
	if err != nil {
		return nil, err
	}
	all := []api.CheckedKey{}
	for _, c := range b.CheckAll(ctx, rows) {
		k := api.CheckedKey{Key: apiKey(&c.Row)}
		if c.DNS != nil {
			k.Works, k.DNS = c.DNS.Works, c.DNS
		}
		all = append(all, k)
	}
	return all, nil
}

var errNoDNS = &api.KeyError{Err: errors.New("there is no resolver that could be asked: set dkim.resolvers, or write /etc/resolv.conf")}

// apiKey shows a key without its file.
func apiKey(r *keybook.Row) api.Key {
	k := api.Key{Domain: r.Domain, Selector: r.Selector, Algorithm: r.Algorithm, Bits: r.Bits, Stage: r.Stage, Since: r.Since, Fingerprint: r.Fingerprint}
	k.Record.Name = r.Name()
	if r.Public != nil {
		p := r.Record()
		k.Record = api.KeyRecord{Name: p.Name, Text: p.Value, Zone: p.Zone}
	}
	var file *keyring.FileError
	switch {
	case errors.As(r.Err, &file) && file.Reason == keyring.Missing:
		k.Problem = "the file of the key does not exist: \"vmapd dkim list\" names it"
	case r.Err != nil:
		k.Problem = "the file of the key cannot be used: \"vmapd dkim list\" says why"
	default:
		k.Problem = r.Problem
	}
	return k
}

// keyError says who is to blame. What names a file is for the log, not for the
// answer.
func (d *Daemon) keyError(err error) error {
	var missing *keybook.MissingError
	var long *keybook.LongSelectorError
	var refused *keyring.RefusedError
	var path *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &path), errors.As(err, &refused) && strings.Contains(err.Error(), d.config().DKIM.KeyDir):
		d.log.Warn("API: a key cannot be written", zap.Error(err), zap.String("remedy", "let vmapd's user write to dkim.key_dir"))
		return &api.KeyError{Err: errors.New("the file of the key cannot be written: the log of the daemon says why")}
	case errors.As(err, &missing):
		return &api.KeyError{Missing: true, Err: err}
	case errors.As(err, &long), errors.As(err, &refused):
		return &api.KeyError{Field: "selector", Err: err}
	case errors.Is(err, keybook.ErrNothing), errors.Is(err, keyring.ErrChanged):
		return &api.KeyError{Err: err}
	}
	return err
}
