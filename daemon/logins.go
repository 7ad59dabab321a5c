package daemon

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/lookup/auth"
	"github.com/vmapd/vmapd/lookup/dovecot"
	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/lookup/usage"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa"
)

// logins is what Dovecot and SASL ask: one for all their sockets, which share
// the logins that are handed over, the guard and what is remembered.
type logins struct {
	*login.Logins
	usage *usage.Usage
	guard *watchman
	auth  *auth.Server
	dicts *dovecot.Dicts
}

// openLogins makes the logins, once the spool is open.
func (d *Daemon) openLogins() *logins {
	l := &logins{}
	l.usage = usage.New(d.writes, func() time.Time { return d.store.Status().Checked })
	l.guard = d.openGuard()
	l.Logins = login.New(d.resolver, &password.Pool{}, l.guard.Guard, d.loginHooks(), d.cfg.loginOptions())
	a := &dovecot.Auth{Logins: l.Logins, Told: d.metrics.login(d.log.Logger)}
	l.auth = a.Server()
	l.auth.SPID = uint32(os.Getpid())
	l.auth.Mechanisms = mechanisms(d.cfg.Dovecot.Mechanisms)
	l.auth.OnRefused = d.authRefused()
	l.auth.Prompt = d.prompt
	l.auth.PassOn = func(nc net.Conn, p *auth.Passed) { d.bequeathConn(nc, p) }
	l.dicts = &dovecot.Dicts{Logins: l.Logins, Usage: l.usage, Data: d.resolver, LastLogin: d.writes.lastLogin, MayReadHashes: d.mayReadHashes}
	return l
}

// run does what logins leave to be done later, until ctx ends.
func (l *logins) run(ctx context.Context, d *Daemon) {
	rehashing := newTask(ctx, l.Logins.Run)
	defer rehashing.end()
	guarding := newTask(ctx, l.guard.run)
	defer guarding.end()
	keeping := newTask(ctx, d.keepPasswdFile)
	defer keeping.end()
	for tick := time.NewTicker(time.Minute); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
			if s := d.store.Current(); s != nil {
				l.usage.Forget(s.Mailbox)
			}
		}
	}
}

// loginOptions gives the section [dovecot] as package login wants it.
func (c *Config) loginOptions() login.Options {
	v := c.Dovecot
	return login.Options{
		Home: v.Home, UID: v.UID, GID: v.GID, DefaultScheme: v.DefaultScheme, WeakSchemes: v.WeakSchemes,
		MasterSeparator: v.MasterSeparator, FailureDelay: v.FailureDelay.D(), Remember: v.RememberPasswords.D(),
		Rehash: v.rehash, RehashParams: v.rehashParams,
	}
}

// mechanisms are those of the configuration, which was checked.
func mechanisms(names []string) (list []auth.Mechanism) {
	for _, name := range names {
		for _, m := range []auth.Mechanism{auth.Plain(), auth.Login()} {
			if m.Name == name {
				list = append(list, m)
			}
		}
	}
	return list
}

func (d *Daemon) loginHooks() login.Hooks {
	var weak, broken limiter
	log := d.log.Logger
	return login.Hooks{
		Weak: func(account, scheme string, refused bool) {
			message := "a password is stored in a weak scheme"
			if refused {
				message = "refused a login: the password is stored in a weak scheme"
			}
			weak.warn(log, message, zap.String("account", account), zap.String("scheme", scheme), zap.String("remedy", "set dovecot.rehash, or a new password"))
		},
		Broken: func(account string, err error) {
			broken.warn(log, "a stored password cannot be checked", zap.String("account", account), zap.Error(err), zap.String("remedy", "set a new password"))
		},
		Rehashed: func(a *store.Account, hash string) {
			d.renewed.note(a.Password, hash)
			wait, err := d.writes.begin(modoboa.PasswordWrite(a.Username, a.Password, hash, time.Now()))
			if err == nil {
				err = wait(d.hurry)
			}
			if err != nil {
				d.writes.report(err)
			}
		},
	}
}

// login counts an attempt, and logs one that failed.
func (m *metrics) login(log *zap.Logger) func(service, user string, remote netip.Addr, out login.Outcome) {
	ok := map[string]prometheus.Counter{} // nearly all
	for _, service := range services {
		ok[service] = m.logins.WithLabelValues(service, "ok")
	}
	return func(service, user string, remote netip.Addr, out login.Outcome) {
		var result string
		switch out.Verdict {
		case login.Yes:
			ok[serviceLabel(service)].Inc()
			return
		case login.Unsure:
			result = "temp"
			log.Warn("cannot say whether a login is right", zap.String("service", service), zap.String("user", user), zap.String("reason", out.Reason))
		case login.No:
			result = string(out.Cause)
			from := "" // nobody knows
			if remote.IsValid() {
				from = remote.String()
			}
			log.Info("a login failed", zap.String("service", service), zap.String("user", user), zap.String("remote", from),
				zap.String("cause", result), zap.String("reason", out.Reason))
		}
		m.logins.WithLabelValues(serviceLabel(service), result).Inc()
	}
}

// authRefused logs what did not go through although the protocol was kept.
func (d *Daemon) authRefused() func(error) {
	var lines limiter
	return func(err error) {
		lines.warn(d.log.Logger, "an authentication request did not go through", zap.Error(err))
	}
}

// services are the labels of clients of auth sockets, and of the page.
var services = []string{"imap", "pop3", "smtp", "sieve", "submission", "lmtp", "doveadm", login.Page, "other"}

// serviceLabel keeps clients from making labels.
func serviceLabel(service string) string {
	if slices.Contains(services, service) {
		return service
	}
	return "other"
}

// mayReadHashes says who gets password hashes from the dict auth.
func (d *Daemon) mayReadHashes(uid uint32) bool {
	if uid == 0 || int(uid) == os.Getuid() {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.cfg.Dovecot.readers, int(uid))
}

// serveFunc is a Server that is a function.
type serveFunc func(ctx context.Context, nc net.Conn) error

// ServeConn implements Server.
func (f serveFunc) ServeConn(ctx context.Context, nc net.Conn) error { return f(ctx, nc) }

func (d *Daemon) authClient(*Listen) (service, error) {
	return &lines{server: serveFunc(d.logins.auth.ServeClient), resume: d.logins.auth.ResumeClient}, nil
}

// authMaster lets root ask everything; everybody else who may use the socket
// gets what mail processes need.
func (d *Daemon) authMaster(*Listen) (service, error) {
	rights := func(p auth.Peer) auth.Rights {
		if p.Known && (p.UID == 0 || int(p.UID) == os.Getuid()) {
			return auth.AllRights
		}
		return auth.MayUser | auth.MayList | auth.MayRequest
	}
	return &lines{
		server: serveFunc(func(ctx context.Context, nc net.Conn) error { return d.logins.auth.ServeMaster(ctx, nc, rights) }),
		resume: func(ctx context.Context, nc net.Conn, p *auth.Passed) error {
			return d.logins.auth.ResumeMaster(ctx, nc, rights, p)
		},
	}, nil
}
