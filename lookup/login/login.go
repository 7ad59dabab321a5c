package login

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vmapd/vmapd/lookup/guard"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store"
)

// Options are the settings that can change while logins are served.
type Options struct {
	Home            string        // of a mailbox: %u, %n and %d are the address, its local part, its domain
	UID, GID        int           // of the mail folders
	DefaultScheme   string        // of stored hashes without a {SCHEME}
	WeakSchemes     bool          // hashes of weak schemes are taken
	MasterSeparator string        // between user and master user; "" = none
	FailureDelay    time.Duration // from the question to the answer that a login failed
	Remember        time.Duration // how long a right password need not be hashed again; 0 = always
	Rehash          string        // scheme to store passwords in after a login; "" = leave them
	RehashParams    password.Params
}

// Data is where the snapshot comes from.
type Data interface {
	// Servable returns the current snapshot, nil while there is none or it is
	// too old.
	Servable() *store.Snapshot
	// Snapshot returns it too, but waits for the first one for a while.
	Snapshot(ctx context.Context) (*store.Snapshot, error)
}

// Hooks are told what an administrator may want to know. Each may be nil, and
// must not block.
type Hooks struct {
	Weak   func(account, scheme string, refused bool) // a weak hash was met
	Broken func(account string, err error)            // a stored hash cannot be used
	// Rehashed hands over a new hash in place of an old one that fits the same
	// password.
	Rehashed func(account *store.Account, hash string)
}

// Logins answers questions about logins. It is safe for concurrent use.
type Logins struct {
	data    Data
	pool    *password.Pool
	guard   *guard.Guard // nil: none
	hooks   Hooks
	cache   *cache
	options atomic.Pointer[Options]
	outside atomic.Pointer[Outside]
	era     atomic.Uint64 // of what was heard from outside
	rehash  chan job
}

// New returns Logins over data. Guard may be nil.
func New(data Data, pool *password.Pool, g *guard.Guard, h Hooks, o Options) *Logins {
	l := &Logins{data: data, pool: pool, guard: g, hooks: h, cache: newCache(), rehash: make(chan job, 64)}
	l.SetOptions(o)
	return l
}

// SetOptions changes the options for logins that begin from now on.
func (l *Logins) SetOptions(o Options) { l.options.Store(&o) }

// ForgetPasswords empties the cache of right passwords and returns how many
// there were.
func (l *Logins) ForgetPasswords() int { return l.cache.clear() }

// Attempt is somebody who wants to log in. The byte slices are used until Check,
// or the rest that it returned, has returned.
type Attempt struct {
	Service  string // imap, pop3, smtp, sieve ..., or Page
	Login    []byte // whose password it is, as typed
	Authzid  []byte // whom to be; empty if that is Login
	Password []byte
	Remote   netip.Addr // of the mail client; the zero Addr if not known
}

// Verdict is the answer to a question that can be answered, or not.
type Verdict uint8

// The verdicts. Whoever forgets to answer has not said no.
const (
	Unsure Verdict = iota // try again
	Yes
	No
)

// Cause says why a login failed. It is a metric's label: few and fixed.
type Cause string

// The causes.
const (
	WrongPassword Cause = "wrong_password"
	UnknownLogin  Cause = "unknown"
	NoPassword    Cause = "no_password"   // the account authenticates elsewhere
	Refused       Cause = "refused"       // the password is right, but the account may not log in
	NotMaster     Cause = "not_master"    // only a master user may log in as somebody else
	OtherAuthzid  Cause = "other_authzid" // the password is right, but the authzid contradicts the login
	Guarded       Cause = "guarded"       // too many wrong passwords before
	WeakScheme    Cause = "weak_scheme"
)

// Outcome is what became of an attempt.
type Outcome struct {
	Verdict Verdict
	User    string        // the login in its one spelling, with Yes
	Master  string        // whose password it was, if not User's
	Cause   Cause         // with No
	Reason  string        // one clause for the log, with No and Unsure; never for the client
	Delay   time.Duration // from now until the answer may be given, with No
}

// names are the two sides of a login: whose password it is, and whom to be.
type names struct {
	checked string
	user    string
}

// master reports whether one logs in as another.
func (n *names) master() bool { return n.checked != n.user }

// namesOf reads who is who; false if the authzid contradicts the login.
func (o *Options) namesOf(a *Attempt) (names, bool) {
	login, authzid := store.Fold(string(a.Login)), store.Fold(string(a.Authzid))
	if sep := o.MasterSeparator; sep != "" && a.Service != Page {
		if user, master, ok := strings.Cut(login, sep); ok && user != "" && master != "" {
			return names{checked: master, user: user}, authzid == "" || authzid == user
		}
	}
	if authzid == "" {
		authzid = login
	}
	return names{checked: login, user: authzid}, true
}
