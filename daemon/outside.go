package daemon

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/lookup/outside"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// outsiders asks those who keep passwords elsewhere, as the configuration and
// Modoboa's parameters have it now.
type outsiders struct {
	log   *zap.Logger
	count *prometheus.CounterVec

	mu       sync.Mutex
	logins   *login.Logins // nil before they are there, and at the end
	settings *outside.Settings
	remember time.Duration
	now      *outside.Outside
	running  *task
	known    []outside.Problem // that were logged
}

func newOutsiders(log *zap.Logger, m *metrics) *outsiders {
	return &outsiders{log: log, count: m.outside}
}

// configureOutside has the configuration and Modoboa's parameters take effect.
func (d *Daemon) configureOutside() {
	c := d.config()
	o := d.outside
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.logins == nil {
		return
	}
	if c.needsParameters() && d.settings.book.Read().IsZero() {
		// Who may be asked is not known before: nobody is refused because of that.
		o.logins.SetOutside(&login.Outside{Knower: unread{create: c.Outside.Create}})
		return
	}
	hash := func(login, clear string) (string, error) { return d.config().hashOutside(login, clear) }
	o.apply(c.OutsideSettings(d.Parameters()), login.Outside{Create: d.createOutside, Remember: c.Outside.Remember.D()}, hash)
}

// apply puts other settings into effect. The caller holds mu.
func (o *outsiders) apply(s outside.Settings, extra login.Outside, hash func(login, clear string) (string, error)) {
	if o.settings != nil && reflect.DeepEqual(*o.settings, s) && o.remember == extra.Remember {
		return
	}
	o.settings, o.remember = &s, extra.Remember
	old := o.running
	o.now, o.running = nil, nil
	if s.LDAP == nil && s.SMTP == nil {
		o.logins.SetOutside(nil)
	} else {
		o.now = outside.New(s, outside.Hooks{
			Hash: hash, Changed: o.changed,
			Answered: func(source, result string) { o.count.WithLabelValues(source, result).Inc() },
		})
		o.running = newTask(context.Background(), o.now.Run)
		extra.Knower = o.now
		o.logins.SetOutside(&extra)
	}
	for source, asked := range map[string]bool{outside.SourceLDAP: s.LDAP != nil, outside.SourceSMTP: s.SMTP != nil} {
		for _, result := range []string{"right", "wrong", "temp", "busy"} {
			if asked {
				o.count.WithLabelValues(source, result) // there from the start, at 0
			}
		}
	}
	if old != nil {
		old.end() // questions on their way still get their answers
	}
	o.report(s.Problems())
}

// changed logs that a server goes out of service, or is back.
func (o *outsiders) changed(source, server string, why error) {
	log := o.log.With(zap.String("source", source), zap.String("server", server))
	if why == nil {
		log.Info("a server that knows passwords is asked again")
		return
	}
	log.Warn("a server that knows passwords is not asked for now: logins of its accounts are put off", zap.Error(why),
		zap.String("remedy", "start it, or correct how it is asked (vmapd doctor --only outside)"))
}

// report logs what is wrong with the settings, when it becomes so.
func (o *outsiders) report(problems []outside.Problem) {
	if reflect.DeepEqual(problems, o.known) {
		return
	}
	o.known = problems
	for _, p := range problems {
		o.log.Warn("passwords that are kept elsewhere", zap.String("setting", p.Setting), zap.String("problem", p.Text), zap.String("remedy", p.Remedy))
	}
}

// open begins to ask.
func (o *outsiders) open(l *login.Logins) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.logins = l
}

// close ends all connections.
func (o *outsiders) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.logins != nil {
		o.logins.SetOutside(nil)
		o.logins = nil
	}
	if o.running != nil {
		o.running.end()
		o.running = nil
	}
	o.now, o.settings = nil, nil
}

// asker returns who is asked now, nil if nobody is.
func (o *outsiders) asker() *outside.Outside {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// OutsideStatus says who keeps passwords elsewhere.
type OutsideStatus struct {
	Servers  []outside.Status `json:"servers,omitempty"`
	Problems []string         `json:"problems,omitempty"` // of the settings
}

func (o *outsiders) status() (s OutsideStatus) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now == nil {
		return s
	}
	s.Servers = o.now.Status()
	for _, p := range o.known {
		s.Problems = append(s.Problems, p.Setting+": "+p.Text)
	}
	return s
}

// unread stands for sources that are not known yet.
type unread struct{ create bool }

// Asks implements login.Knower.
func (u unread) Asks(a *store.Account) bool {
	if a == nil {
		return u.create
	}
	return !a.Local || a.Password == ""
}

// Check implements login.Knower.
func (u unread) Check(context.Context, outside.Question) (outside.Person, error) {
	return outside.Person{}, errors.New("it is not known yet what LDAP server to ask: Modoboa's parameters have not been read")
}

// loginOf is a login to explain.
func (d *Daemon) loginOf(name, service string) lookup.Login {
	return lookup.Login{Name: name, Service: service, Separator: d.config().Dovecot.MasterSeparator, Elsewhere: d.outside.about}
}

// about says who is asked about an account, or about who has none (nil), and
// whether he answers.
func (o *outsiders) about(a *store.Account) string {
	now := o.asker()
	if now == nil {
		return ""
	}
	return listOf(now, a, func(s *outside.Status) string {
		if s.Error == "" {
			return ", in service"
		}
		return ", out of service: " + s.Error
	})
}

// Elsewhere says who would be asked about an account; see lookup.Login.
func (c *Config) Elsewhere(p *parameters.Set) func(a *store.Account) string {
	o := outside.New(c.OutsideSettings(p), outside.Hooks{})
	return func(a *store.Account) string {
		return listOf(o, a, func(*outside.Status) string { return "" })
	}
}

// listOf lists the servers that are asked about an account.
func listOf(o *outside.Outside, a *store.Account, state func(*outside.Status) string) string {
	var list []string
	source := o.SourceOf(a)
	for _, s := range o.Status() {
		if s.Source == source {
			list = append(list, s.Source+" server "+s.Server+state(&s))
		}
	}
	return strings.Join(list, "; ")
}
