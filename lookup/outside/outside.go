package outside

import (
	"context"
	"errors"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/vmapd/vmapd/store"
)

// ErrWrong says that a password is wrong, or that the source does not know the
// login, or does not let it in.
var ErrWrong = errors.New("the password is wrong")

// ErrNoChange says that a source cannot store another password.
var ErrNoChange = errors.New("this source of passwords cannot change them")

// ErrNotAsked says that no source is asked about an account.
var ErrNotAsked = errors.New("no source of passwords is asked about this account")

// The names of the sources, which are labels of metrics.
const (
	SourceLDAP = "ldap"
	SourceSMTP = "smtp"
)

// Question is a login to be checked.
type Question struct {
	Login    string // folded: the name of an account, or what somebody typed
	Password string
	// Account is whose password it is; nil: nobody's yet. Then the answer tells
	// what an account is made of.
	Account *store.Account
}

// Person is somebody whose password is right.
type Person struct {
	Source string
	// Login is what his account is called: the login, or the address that the
	// directory has for a login that is none. Folded.
	Login       string
	Admin       bool // is to administrate domains
	First, Last string
	// Local is what core_user.is_local is to be.
	Local bool
}

// source is one place that knows passwords.
type source interface {
	name() string
	check(ctx context.Context, q *Question) (Person, error)
	change(ctx context.Context, login, old, clear string) error
	all() []*server
	probe(ctx context.Context, s *server) error
	tidy(now time.Time) // closes connections that idle since long ago
	close()
}

// Hooks are told what is to be counted. Each may be nil.
type Hooks struct {
	// Answered is told the outcome of each question: "right", "wrong", "busy" or
	// "temp".
	Answered func(source, result string)
	// Changed is told that a server goes out of service, and why, or that it is
	// back (nil). It must not block.
	Changed func(source, server string, why error)
	// Hash makes of a clear password what Modoboa would store: "{SCHEME}...".
	Hash func(login, clear string) (string, error)
}

// Outside asks the sources. It is safe for concurrent use.
type Outside struct {
	settings Settings
	ldap     source // nil: there is none
	smtp     source
	sources  []source
	hooks    Hooks
}

// New makes an Outside; Run must run for servers to come back into service.
// What cannot work in the settings is told by Settings.Problems, and by every
// question.
func New(s Settings, h Hooks) *Outside {
	s = s.withDefaults()
	o := &Outside{settings: s, hooks: h}
	if s.LDAP != nil {
		o.ldap = newDirectory(s.LDAP, &s, &h)
		o.sources = append(o.sources, o.ldap)
	}
	if s.SMTP != nil {
		o.smtp = newMailServer(s.SMTP, &s, &h)
		o.sources = append(o.sources, o.smtp)
	}
	return o
}

// Asks reports whether a password is looked for elsewhere: that of an account,
// or of a login that has none (nil).
func (o *Outside) Asks(a *store.Account) bool { return len(o.of(a)) > 0 }

// of are the sources that are asked about an account.
func (o *Outside) of(a *store.Account) []source {
	one := func(first, second source) []source {
		for _, s := range []source{first, second} {
			if s != nil {
				return []source{s}
			}
		}
		return nil
	}
	switch {
	case a == nil && !o.settings.Create:
		return nil
	case a == nil:
		return o.sources
	case !a.Local:
		return one(o.ldap, o.smtp)
	case a.Password == "":
		return one(o.smtp, o.ldap)
	}
	return nil
}

// SourceOf names who is asked about an account, "" if nobody is.
func (o *Outside) SourceOf(a *store.Account) string {
	if list := o.of(a); len(list) > 0 {
		return list[0].name()
	}
	return ""
}

// Check says whose password it is. A nil error means that it is right; see the
// package for the others.
func (o *Outside) Check(ctx context.Context, q Question) (Person, error) {
	list := o.of(q.Account)
	if len(list) == 0 {
		return Person{}, ErrNotAsked
	}
	if q.Login == "" || q.Password == "" || !utf8.ValidString(q.Login) {
		return Person{}, ErrWrong // before anybody takes it for an anonymous login
	}
	unknown := error(nil) // what one of them could not say
	for _, s := range list {
		p, err := s.check(ctx, &q)
		o.answered(s, err)
		if err == nil {
			p.Source = s.name()
			return p, nil
		}
		if !errors.Is(err, ErrWrong) {
			unknown = errors.Join(unknown, err)
		}
	}
	if unknown != nil {
		return Person{}, unknown
	}
	return Person{}, ErrWrong
}

func (o *Outside) answered(s source, err error) {
	if o.hooks.Answered == nil {
		return
	}
	result := "right"
	switch {
	case errors.Is(err, ErrWrong):
		result = "wrong"
	case errors.Is(err, ErrBusy):
		result = "busy"
	case err != nil:
		result = "temp"
	}
	o.hooks.Answered(s.name(), result)
}

// Change stores another password of an account's. With the old one the owner
// himself does it, ErrWrong says that it is not right; without it, "", who may
// bind as the bind DN does.
func (o *Outside) Change(ctx context.Context, a *store.Account, old, clear string) error {
	list := o.of(a)
	if a == nil || len(list) == 0 {
		return ErrNotAsked
	}
	return list[0].change(ctx, store.Fold(a.Username), old, clear)
}

// Changes reports whether passwords of an account can be changed where they are.
func (o *Outside) Changes(a *store.Account) bool {
	return a != nil && o.SourceOf(a) == SourceLDAP
}

// Status says how a server does.
type Status struct {
	Source string    `json:"source"`
	Server string    `json:"server"`
	Error  string    `json:"error,omitempty"` // why it is out of service
	Since  time.Time `json:"since,omitzero"`  // out of service
}

// Status lists the servers.
func (o *Outside) Status() (list []Status) {
	for _, s := range o.sources {
		for _, server := range s.all() {
			st := Status{Source: s.name(), Server: server.address}
			if _, since, why := server.state(); why != nil {
				st.Error, st.Since = why.Error(), since
			}
			list = append(list, st)
		}
	}
	return list
}

// tidyEvery is how often connections are looked at that nobody uses.
const tidyEvery = 20 * time.Second

// Run brings servers back into service until ctx ends, and closes all
// connections then.
func (o *Outside) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range o.sources {
		for _, server := range s.all() {
			wg.Go(func() {
				server.watch(ctx, func(ctx context.Context) error { return s.probe(ctx, server) })
			})
		}
	}
	ticks := time.NewTicker(tidyEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			wg.Wait()
			for _, s := range o.sources {
				s.close()
			}
			return
		case now := <-ticks.C:
			for _, s := range o.sources {
				s.tidy(now)
			}
		}
	}
}
