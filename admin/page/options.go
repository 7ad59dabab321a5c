package page

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/lookup"
)

// Options say what the page shows and changes. The functions are called by many
// goroutines at the same time.
type Options struct {
	Version string // of the program, for the foot of each page

	// Manager gives what changes the database that is in use.
	Manager func() *manage.Manager
	// Login checks the password of somebody who wants to sign in.
	Login func(ctx context.Context, name, password string, remote netip.Addr) SignIn
	// Renewed reports whether one stored password took the place of another for
	// no other reason than its scheme; nil = that is never so.
	Renewed func(was, is manage.Credential) bool
	// Served waits until all that was committed is served; nil = nobody waits.
	Served func(ctx context.Context) error

	// Alarms are those that the database does not have; nil = there are none.
	Alarms *manage.LocalAlarms
	// Live tells how the daemon does.
	Live func() Live
	// Explain explains where mail for an address goes, from what is served. The
	// explanation ends where a domain of this host comes that may refuses.
	Explain func(address string, may func(domain string) bool) (*lookup.Explanation, error)
	// ExplainLogin explains whether a login works.
	ExplainLogin func(login string) (*lookup.Explanation, error)
	// Keys tells the DKIM keys of a domain. ask has DNS asked now.
	Keys func(ctx context.Context, domain string, ask bool) (Keys, error)
	// DNS tells what DNS says of a domain, nil if it was not checked. ask has it
	// checked now.
	DNS func(ctx context.Context, d *manage.Domain, ask bool) (*dnschecks.Report, error)
	// Sending tells how an account, by its login or address, or a domain stands with
	// what it may send; ok is false if nobody knows. nil = nothing is counted.
	Sending func(name string) (s Sending, ok bool)
	// Doctor looks for what is wrong with the host; nil = nobody can.
	Doctor func(ctx context.Context) ([]Finding, error)

	// Report is told what failed for no fault of a visitor's; nil = nobody is.
	Report func(what string, err error)
	// Now is the clock, nil = time.Now.
	Now func() time.Time
}

// ErrNoData says that nothing is served yet, or that it is too old to ask.
var ErrNoData = errors.New("no data is served")

// SignIn is what became of an attempt to sign in.
type SignIn struct {
	Name   string        // the account's login, "" if it was refused
	Unsure bool          // nobody can say now whether the password is right
	Delay  time.Duration // for how long to hold a refusal
}

// Keys are the DKIM keys of a domain.
type Keys struct {
	List []Key
	Note string // why none signs, "" if one does
}

// Key is a key with the record that is to be in DNS.
type Key struct {
	Selector  string
	Algorithm string // "rsa", "ed25519"
	Bits      int    // 0 = unknown, or of no interest
	Stage     string // "active", "retiring" ...
	Signs     bool
	State     string // one clause: why it signs, or does not

	Name  string // of the record
	Value string // "" = the key cannot be read
	Zone  string // the record as a line of a zone file

	DNS *Published // nil = DNS has not said anything yet
}

// Published is what DNS holds of a key.
type Published struct {
	Works   bool
	Unknown bool // DNS did not answer
	Code    string
	Detail  string
	Remedy  string
	Checked time.Time
}

// Finding is something wrong that the doctor found.
type Finding struct {
	Level   string // "error", "warning", "info"
	Subject string
	Problem string
	Remedy  string
}
