package daemon

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/page"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/store"
)

// pageIfOn serves the web page unless admin.page is off, as it may be after a
// reload.
func (d *Daemon) pageIfOn() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.config().Admin.Page {
			http.NotFound(w, r)
			return
		}
		d.page.ServeHTTP(w, r)
	})
}

// pageOptions join the page to what the daemon knows.
func (d *Daemon) pageOptions() page.Options {
	var lines limiter
	told := d.metrics.login(d.log.Logger)
	return page.Options{
		Version: Version(), Manager: d.manager, Served: d.store.Sync, Renewed: d.renewed.did,
		Login: func(ctx context.Context, name, password string, remote netip.Addr) page.SignIn {
			return d.signIn(ctx, name, password, remote, told)
		},
		Live: d.live, Explain: d.explainFor, ExplainLogin: d.explainLoginFor, Keys: d.keysOf, Sending: d.sendingForPage, DNS: d.dnsReport, Doctor: d.findingsForPage,
		Alarms: d.alarms.local(),
		Report: func(what string, err error) {
			lines.warn(d.log.Logger, "the page could not do what it was asked", zap.String("request", what), zap.Error(err), zap.String("remedy", remedyOf(err)))
		},
	}
}

// signIn checks a password for the page, with the guard and the metrics of every
// other login.
func (d *Daemon) signIn(ctx context.Context, name, password string, remote netip.Addr, told func(service, user string, remote netip.Addr, out login.Outcome)) page.SignIn {
	d.mu.Lock()
	logins := d.logins
	d.mu.Unlock()
	if logins == nil {
		return page.SignIn{Unsure: true}
	}
	a := &login.Attempt{Service: login.Page, Login: []byte(name), Password: []byte(password), Remote: remote}
	out, rest := logins.Check(a)
	if rest != nil {
		out = rest(ctx)
	}
	told(login.Page, store.Fold(name), remote, out)
	switch out.Verdict {
	case login.Yes:
		from := ""
		if remote.IsValid() {
			from = remote.String()
		}
		d.log.Info("the page has checked a password, and it is right", zap.String("user", out.User), zap.String("remote", from))
		return page.SignIn{Name: out.User}
	case login.No:
		return page.SignIn{Delay: out.Delay}
	}
	return page.SignIn{Unsure: true}
}

// live tells the page how the daemon does.
func (d *Daemon) live() page.Live {
	s := d.Status()
	l := page.Live{
		Ready: s.Ready, Reason: s.Reason, Uptime: time.Duration(s.Uptime) * time.Second,
		Database: s.Database.Name, Up: s.Database.Up, Following: s.Database.Following, Error: s.Database.LastError,
		SpoolPending: s.Spool.Pending, SpoolDead: s.Spool.Dead, SpoolError: s.Spool.LastError,
		Alarms: s.Alarms, Keys: s.DKIM.Keys, KeysRight: s.DKIM.Right, KeysWrong: s.DKIM.Wrong, Rates: d.rates.list(d.openConnections()),
	}
	if s.Database.Up {
		l.Error = ""
	}
	if n := s.Snapshot; n != nil {
		l.Served, l.Generation, l.Stored, l.Problems = true, n.Generation, n.Stored, n.Problems
		l.Age = time.Duration(n.Age * float64(time.Second))
		for name, n := range n.Counts.All() {
			l.Rows = append(l.Rows, page.Count{Name: rowWords[name], N: n})
		}
	}
	return l
}

// rowWords are what the page calls the kinds of rows.
var rowWords = map[string]string{
	"domains": "domains", "domain_aliases": "domain aliases", "accounts": "accounts", "mailboxes": "mailboxes",
	"aliases": "aliases", "recipients": "recipients", "sender_addresses": "sender addresses", "transports": "transports",
	"recipient_access": "relay recipient rules", "mailbox_operations": "folder operations", "autoreply_transports": "autoreply transports", "signing_keys": "further DKIM keys",
}

// served is what explanations are made from.
func (d *Daemon) served() (*store.Snapshot, lookup.Options, error) {
	snap := d.resolver.Servable()
	if snap == nil {
		return nil, lookup.Options{}, page.ErrNoData
	}
	return snap, d.config().LookupOptions(), nil
}

func (d *Daemon) explainFor(address string, may func(domain string) bool) (*lookup.Explanation, error) {
	snap, o, err := d.served()
	if err != nil {
		return nil, err
	}
	return lookup.ExplainWithin(snap, o, address, time.Now(), may), nil
}

func (d *Daemon) explainLoginFor(name string) (*lookup.Explanation, error) {
	snap, _, err := d.served()
	if err != nil {
		return nil, err
	}
	return d.explainLoginIn(snap, name, ""), nil
}
