package api

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/lookup"
)

// Options say what the API works with. Functions that are nil belong to parts
// that are not there: their routes answer 404.
type Options struct {
	// Manager returns what changes the database that is in use.
	Manager func() *manage.Manager
	// Root makes everyone who reaches the handler the administrator of this
	// machine: it is for a socket that nobody else can open.
	Root bool

	// Sync waits until what was committed is being served.
	Sync func(ctx context.Context) error
	// Lookup asks a Postfix table; an error means that nothing can be said.
	Lookup func(ctx context.Context, table, key string) (value string, found bool, err error)
	// Explain and ExplainLogin explain an address, as far as may lets (see
	// lookup.ExplainWithin), and a login to a service.
	Explain      func(ctx context.Context, address string, may func(domain string) bool) (*lookup.Explanation, error)
	ExplainLogin func(ctx context.Context, login, service string) (*lookup.Explanation, error)
	// Status is the state of the daemon: in brief for everyone, in full for super
	// administrators.
	Status func() (Brief, any)
	// Doctor lists what is wrong with data and machine.
	Doctor func(ctx context.Context) (any, error)
	// DKIM are the keys that sign mail.
	DKIM *DKIM
	// DNS are the checks of domains.
	DNS *DNS
	// Jobs are what is done again and again.
	Jobs *Jobs

	// Alarms are the alarms that the database does not have; nil: there are none.
	Alarms *manage.LocalAlarms
	// Limits are what accounts and domains may send, and have sent.
	Limits *Limits

	// Done is told of every request, once it is answered.
	Done func(Record)
	// Now is the clock, time.Now if it is nil.
	Now func() time.Time
}

// Brief is what everyone may know of the daemon.
type Brief struct {
	Ready      bool    `json:"ready"`
	Reason     string  `json:"reason,omitempty"` // why it is not
	Version    string  `json:"version"`
	Generation uint64  `json:"generation"`  // of the data being served, 0 = none
	Age        float64 `json:"age_seconds"` // since the data was known to equal the database
}

// Record is what is logged and counted of a request.
type Record struct {
	ID      string
	Method  string
	Path    string
	Route   string // name of the route, "" if there is none
	Caller  string // his login, "" = not known
	Address string // of the client, "" on a unix socket
	Status  int
	Write   bool
	Took    time.Duration
	Err     error // of the machine, not of the sender
}

// server is the handler.
type server struct {
	o        Options
	mux      *http.ServeMux
	throttle *throttle
	hashing  chan struct{} // places for those who hash passwords
	docs     *documents
}

// New returns the handler of /api/v1/ and /docs/api/.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Done == nil {
		o.Done = func(Record) {}
	}
	// Logins are not to wait behind an administrator who sets many passwords.
	s := &server{o: o, throttle: newThrottle(o.Now), hashing: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), docs: newDocuments()}
	s.mux = multiplexer()
	return s
}
