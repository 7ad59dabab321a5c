package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/admin/page"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/dkim/milter"
	"github.com/vmapd/vmapd/internal/evloop"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/spool"
)

// Daemon is a configuration at work. New makes one.
type Daemon struct {
	log       *Logger
	path      string // of the configuration, "" for the default
	overrides []string
	began     time.Time

	metrics      *metrics
	rates        *rates
	page         http.Handler // the web page, made once: it knows who has signed in
	renewed      renewals
	shadow       *shadow
	store        *store.Store
	resolver     *lookup.Resolver
	signing      atomic.Pointer[milter.Settings] // the section [dkim] in effect
	ring         *keyring.Ring
	unauthorized limiter         // of lines in the log
	published    keyring.Showing // what DNS shows; nil = nobody can say
	records      *records
	alarms       *alarms
	dns          *DNSChecks
	diagnosis    diagnosis
	mailboxes    mailboxes
	settings     *settings // Modoboa's parameters
	outside      *outsiders
	jobs         *jobs.Scheduler
	inherited    Inherited
	estate       *estate // of the process before, until its connections are served

	handover    handover
	predecessor *predecessor // nil unless this process takes the place of one
	quiet       atomic.Bool  // another process speaks to systemd

	hurry   context.Context // ends when answers must not be waited for any more
	urge    context.CancelFunc
	working context.Context // ends when jobs must not go on
	rest    context.CancelFunc
	retired sync.WaitGroup // ports of earlier configurations that drain
	loops   *evloop.Loops  // that serve connections; nil: goroutines do

	reload   sync.Mutex // one Reload at a time
	mu       sync.Mutex // guards what follows
	cfg      *Config
	database *databases
	writes   *writes
	logins   *logins
	sending  *sending
	ports    []*port
	control  *port
}

// New prepares a daemon; it opens nothing yet. The path and the overrides are
// those the configuration was loaded with: SIGHUP loads it again.
func New(cfg *Config, path string, overrides []string, log *Logger) (*Daemon, error) {
	database, err := openDatabases(cfg)
	if err != nil {
		return nil, err
	}
	d := &Daemon{
		log: log, path: path, overrides: overrides, began: time.Now(),
		metrics: newMetrics(), cfg: cfg, database: database,
		handover: handover{program: findProgram(), limit: handoverLimit},
	}
	d.outside = newOutsiders(log.Logger, d.metrics)
	database.elsewhere = d.outside
	database.configure(cfg)
	d.hurry, d.urge = context.WithCancel(context.Background())
	d.working, d.rest = context.WithCancel(context.Background())
	d.signing.Store(cfg.signingSettings())
	d.openKeys()
	d.dns = NewDNSChecks()
	l := &loads{log: log.Logger, metrics: d.metrics, status: func(s string) { d.notify("STATUS=" + s) }}
	d.store = &store.Store{Settings: database.settings(cfg), File: SnapshotPath(cfg.StateDir), Hooks: l.hooks()}
	d.resolver = lookup.NewResolver(d.store, cfg.LookupOptions())
	d.settings = d.openSettings()
	d.jobs = d.openJobs()
	d.rates = newRates()
	d.alarms = newAlarms(d)
	d.dns.SetAlarms(d.Alarms())
	d.shadow = newShadow(d.metrics.shadow)
	d.page = page.New(d.pageOptions())
	d.metrics.registry.MustRegister(newCollector(d.store, d.openConnections), spoolCollector(func() spool.Stats { return d.writes.stats() }), d.records, newAlarmCollector(d.alarms.Counts), limitsCollector(d.limitStats))
	return d, nil
}

// SnapshotPath gives the file in which a daemon with that state folder keeps
// its snapshot.
func SnapshotPath(stateDir string) string { return filepath.Join(stateDir, "snapshot") }

// LookupOptions gives the section [lookup] as package lookup wants it.
func (c *Config) LookupOptions() lookup.Options {
	l := c.Lookup
	return lookup.Options{
		RecipientDelimiter: l.RecipientDelimiter, SenderLogin: l.SenderLogin,
		ParentDomains: l.ParentDomains, LocalTransport: l.LocalTransport, Hold: l.Hold.D(),
	}
}

// handled are the signals that Run takes.
func handled() []os.Signal {
	return []os.Signal{syscall.SIGHUP, syscall.SIGUSR2, syscall.SIGTERM, syscall.SIGINT}
}

// KeepSignals is for a process that runs one daemon and then ends: a signal
// that comes in between does not make it look as if it had been killed.
func KeepSignals() { signal.Notify(make(chan os.Signal, 1), handled()...) }

// Run opens the sockets, serves until ctx ends or SIGTERM or SIGINT comes,
// drains, and returns nil; a second signal cuts the drain short. It handles
// SIGHUP (see Reload), and SIGUSR2: then it returns nil when a new process has
// taken its place. Config.Warnings are the caller's to show. An error means that it could not begin: the sockets
// that could not be opened, each with the reason.
func (d *Daemon) Run(ctx context.Context) error {
	defer func() { d.urge(); d.rest(); d.database.Close() }()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, handled()...)
	defer signal.Stop(signals)
	tuneMemory(0)
	d.openLoops()
	defer d.loops.Close()
	d.writes = d.openWrites()
	defer d.writes.close()
	d.logins = d.openLogins()
	d.outside.open(d.logins.Logins)
	defer d.outside.close()
	d.configureOutside()
	d.mu.Lock() // the page may ask already
	d.sending = d.openSending()
	d.mu.Unlock()
	defer d.sending.close()
	if err := d.open(); err != nil {
		d.closeAll()
		return err
	}
	d.checkLimit()

	// The store goes on during the drain: requests may be held for its data.
	loading := newTask(context.WithoutCancel(ctx), func(ctx context.Context) { _ = d.store.Run(ctx) })
	writing := newTask(context.WithoutCancel(ctx), d.writes.run)
	tending := newTask(context.WithoutCancel(ctx), func(ctx context.Context) { d.logins.run(ctx, d) })
	signing := newTask(context.WithoutCancel(ctx), d.runKeys)
	keeping := newTask(context.WithoutCancel(ctx), d.keepKeys)
	telling := newTask(context.WithoutCancel(ctx), d.alarms.Run)
	watching := newTask(context.WithoutCancel(ctx), d.watchAlarms)
	moving := newTask(context.WithoutCancel(ctx), d.watchMailboxes)
	asking := newTask(context.WithoutCancel(ctx), d.keepSettings)
	toiling := newTask(d.working, d.jobs.Run)
	counting := newTask(context.WithoutCancel(ctx), func(ctx context.Context) { d.rates.run(ctx, d.metrics.totals) })
	defer counting.end()
	comparing := newTask(ctx, d.runShadow)
	defer comparing.end()
	serving, leave := context.WithCancel(ctx)
	defer leave()
	reloads, handovers := make(chan struct{}, 1), make(chan struct{}, 1)
	arriving := d.arrival(serving)
	reloading := newTask(serving, func(ctx context.Context) { d.reloader(ctx, reloads) })
	handing := newTask(serving, func(ctx context.Context) { d.handovers(ctx, handovers, leave) })
	asked := d.loop(serving, signals, reloads, handovers) || ctx.Err() != nil
	leave()
	arriving.end()
	handing.end()
	reloading.end()
	if asked {
		d.passOn(syscall.SIGTERM)
		d.keepConns()
	}
	d.notify(sd.SdNotifyStopping)
	d.rest()
	toiling.end()
	d.log.Info("ending: finishing the requests at hand")
	watching.end()
	d.drain(signals)
	tending.end()
	keeping.end()
	moving.end()
	asking.end()
	signing.end()
	writing.end()
	telling.end()
	loading.end()
	d.passOnRest(signals)
	d.log.Info("ended")
	return nil
}

// loop handles signals and the watchdog until it is time to end. It reports
// whether a signal asked for that.
func (d *Daemon) loop(ctx context.Context, signals <-chan os.Signal, reloads, handovers chan<- struct{}) (asked bool) {
	ticks, stop := d.watchdog()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-ticks:
			d.notify(sd.SdNotifyWatchdog)
		case s := <-signals:
			switch s {
			case syscall.SIGHUP:
				select {
				case reloads <- struct{}{}:
				default: // one is waiting already
				}
			case syscall.SIGUSR2:
				d.requestHandover(handovers)
			default:
				return true
			}
		}
	}
}

// reloader does reloads one after the other, beside the loop, which must hear
// a SIGTERM while the database takes its time.
func (d *Daemon) reloader(ctx context.Context, reloads <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-reloads:
			d.notifyReloading()
			if err := d.Reload(ctx); err != nil {
				d.log.Error("reload failed, everything stays as it was", errorLines(err))
			}
			d.notifyReady("reloaded")
		}
	}
}

// open opens every socket of the configuration. When it
// fails it has closed nothing.
func (d *Daemon) open() error {
	if d.inherited == nil {
		if err := d.inherit(); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.openControl(); err != nil {
		return err
	}
	var errs []error
	for _, l := range d.cfg.Listen {
		p, err := d.openPort(l)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		d.ports = append(d.ports, p)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if d.predecessor != nil {
		return nil // what is not needed stays open until it gives way
	}
	if unused := d.inherited.close(); len(unused) > 0 {
		d.log.Warn("closed sockets from systemd that no [[listen]] section names", zap.Strings("names", unused))
	}
	return nil
}

func (d *Daemon) openPort(l Listen) (*port, error) {
	s, err := d.inherited.open(&l)
	if err != nil {
		return nil, err
	}
	p, err := d.newPort(l, s)
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return p, nil
}

func (d *Daemon) newPort(l Listen, s *socket) (*port, error) {
	svc, err := findProtocol(l.Protocol).serve(d, &l)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", l.Protocol, l.endpoint, err)
	}
	return servicePort(l, s, svc, d.log.Logger, d.metrics, d.loops), nil
}

// checkLimit warns when the listeners may take more connections than there
// can be open files.
func (d *Daemon) checkLimit() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return
	}
	need := uint64(64)
	for _, l := range d.cfg.Listen {
		need += uint64(l.MaxConnections)
	}
	if need > limit.Cur {
		d.log.Warn("fewer files may be open than max_connections allow connections", zap.Uint64("limit", limit.Cur), zap.Uint64("needed", need),
			zap.String("remedy", "set LimitNOFILE= in the systemd unit"))
	}
}

// errorLines makes a log field of an error that may have several lines.
func errorLines(err error) zap.Field {
	return zap.Strings("errors", strings.Split(err.Error(), "\n"))
}
