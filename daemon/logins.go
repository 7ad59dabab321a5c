package daemon

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/lookup/auth"
	"github.com/vmapd/vmapd/lookup/dict"
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
		MasterSeparator: v.MasterSeparator, FailureDelay: v.FailureDelay.D(), Remember: v.RememberPasswords.D(), Rehash: v.Rehash,
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
func (m *metrics) login(log *zap.Logger) func(service, user, remote string, out *login.Outcome) {
	return func(service, user, remote string, out *login.Outcome) {
		result := "ok"
		switch out.Verdict {
		case login.Unsure:
			result = "temp"
			log.Warn("cannot say whether a login is right", zap.String("service", service), zap.String("user", user), zap.String("reason", out.Reason))
		case login.No:
			result = string(out.Cause)
			log.Info("a login failed", zap.String("service", service), zap.String("user", user), zap.String("remote", remote),
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

// serviceLabel keeps clients from making labels.
func serviceLabel(service string) string {
	switch service {
	case "imap", "pop3", "smtp", "sieve", "submission", "lmtp", "doveadm":
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
	for _, name := range d.cfg.Dovecot.PasswordReaders {
		if u, err := user.Lookup(name); err == nil && u.Uid == strconv.Itoa(int(uid)) || name == strconv.Itoa(int(uid)) {
			return true
		}
	}
	return false
}

// serveFunc is a Server that is a function.
type serveFunc func(ctx context.Context, nc net.Conn) error

// ServeConn implements Server.
func (f serveFunc) ServeConn(ctx context.Context, nc net.Conn) error { return f(ctx, nc) }

func (d *Daemon) authClient(*Listen) (service, error) {
	return &lines{server: serveFunc(d.logins.auth.ServeClient)}, nil
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
	return &lines{server: serveFunc(func(ctx context.Context, nc net.Conn) error { return d.logins.auth.ServeMaster(ctx, nc, rights) })}, nil
}

func (d *Daemon) dict(l *Listen) (service, error) {
	return &lines{server: &dict.Server{
		Open:           d.metrics.dicts(d.hurry, d.logins.dicts.Open),
		Idle:           l.IdleTimeout.D(),
		RequestTimeout: l.RequestTimeout.D(),
		OnRefused:      d.onRefused(l),
	}}, nil
}

// dicts wraps what opens dicts with counting. As with lookups, the context of a
// connection that drains is replaced by ctx.
func (m *metrics) dicts(ctx context.Context, open func(*dict.Client) (dict.Dict, error)) func(*dict.Client) (dict.Dict, error) {
	const protocol = "dict"
	seconds := m.seconds.WithLabelValues(protocol)
	unknown := m.results(protocol, unknownTable)
	known := map[string]*results{}
	for _, name := range []string{"auth", "quota", "quota_clone", "lastlogin"} {
		known[name] = m.results(protocol, name)
	}
	return func(c *dict.Client) (dict.Dict, error) {
		next, err := open(c)
		if err != nil {
			unknown.failed.Inc()
			return nil, err
		}
		return &countedDict{next, ctx, known[c.Name], seconds}, nil
	}
}

// countedDict counts what is asked of a dict.
type countedDict struct {
	next    dict.Dict
	ctx     context.Context
	results *results
	seconds prometheus.Observer
}

func (d *countedDict) Lookup(_ context.Context, r *dict.Request, dst []byte) ([]byte, bool, error) {
	start := time.Now()
	value, found, err := d.next.Lookup(d.ctx, r, dst)
	d.count(found, err)
	d.seconds.Observe(time.Since(start).Seconds())
	return value, found, err
}

func (d *countedDict) Iterate(ctx context.Context, r *dict.IterateRequest, yield func(key, value []byte) bool) error {
	err := d.next.Iterate(ctx, r, yield)
	d.count(true, err)
	return err
}

func (d *countedDict) Commit(_ context.Context, t *dict.Transaction, done func(error)) {
	d.next.Commit(d.ctx, t, func(err error) {
		d.count(true, err)
		done(err)
	})
}

func (d *countedDict) count(found bool, err error) {
	switch {
	case err != nil:
		d.results.temp.Inc()
	case found:
		d.results.found.Inc()
	default:
		d.results.notFound.Inc()
	}
}

// checkLogins checks what package login cannot work with.
func (k *checker) checkLogins() {
	v := &k.c.Dovecot
	k.c.Guard.exempt = exemptOrDefault(k.prefixes("guard.exempt", k.c.Guard.Exempt))
	if v.PasswdFile != "" {
		k.absolute("dovecot.passwd_file", v.PasswdFile)
	}
	k.account("dovecot.passwd_file_group", v.PasswdFileGroup, lookupGroup)
	for i, m := range v.Mechanisms {
		if mechanism.MatchString(m) && len(mechanisms([]string{m})) == 0 {
			k.fail(fmt.Sprintf("dovecot.mechanisms[%d]", i), "%q is not in this version of vmapd: PLAIN and LOGIN are", m)
		}
	}
	if !password.Known(v.DefaultScheme) {
		k.fail("dovecot.default_pass_scheme", "%q is no scheme of stored passwords%s", v.DefaultScheme, suggestScheme(v.DefaultScheme, false))
	}
	if v.Rehash == "" {
		return
	}
	if err := password.CheckParams(v.Rehash, k.c.loginOptions().RehashParams); err != nil {
		k.fail("dovecot.rehash", "%q: %v%s", v.Rehash, err, suggestScheme(v.Rehash, true))
	}
}

// suggestScheme is suggestFrom for password schemes, those that can be made or
// all.
func suggestScheme(name string, made bool) string {
	var names []string
	for _, s := range password.Schemes() {
		if s.Makes || !made {
			names = append(names, strings.ToLower(s.Name)) // as good as in capitals
		}
	}
	return suggestFrom(name, names)
}
