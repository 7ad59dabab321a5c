package dnschecks

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/internal/resolve"
)

// State is what a check came to. The values are fixed: programs use them.
type State string

// The states, from good to bad. Off means that nothing was asked, or that there
// is nothing and need not be.
const (
	Off      State = "off"
	OK       State = "ok"
	Unknown  State = "unknown" // DNS could not say
	Warning  State = "warning"
	Critical State = "critical"
)

// rank orders states: what is worse hides what is not.
func (s State) rank() int {
	for i, t := range []State{Off, OK, Unknown, Warning, Critical} {
		if s == t {
			return i
		}
	}
	return 0
}

// Kind is a check. The values are fixed; those that Modoboa has too are as it
// spells them.
type Kind string

// The checks.
const (
	MX           Kind = "mx"
	DNSBL        Kind = "dnsbl"
	SPF          Kind = "spf"
	DKIM         Kind = "dkim"
	DMARC        Kind = "dmarc"
	Autoconfig   Kind = "autoconfig"
	Autodiscover Kind = "autodiscover"
	STS          Kind = "mta-sts"
	TLSRPT       Kind = "tls-rpt"
)

// Kinds returns all checks in the order in which they are shown.
func Kinds() []Kind {
	return []Kind{MX, DNSBL, SPF, DKIM, DMARC, Autoconfig, Autodiscover, STS, TLSRPT}
}

// Finding is one thing that is wrong, doubtful or worth knowing.
type Finding struct {
	State  State  `json:"state"`
	Code   string `json:"code"`             // a word for programs
	Text   string `json:"text"`             // a sentence without its end
	Remedy string `json:"remedy,omitempty"` // what to do; "" if nothing
}

// Result is what a check came to.
type Result struct {
	Kind     Kind                  `json:"kind"`
	State    State                 `json:"state"`
	Name     string                `json:"name"`             // that was asked
	Value    string                `json:"value"`            // what is there, printable; "" = nothing
	Error    string                `json:"error"`            // the worst finding in at most 50 characters
	Findings []Finding             `json:"findings"`         // the worst first
	Record   *dnscheck.Publication `json:"record,omitempty"` // to publish, where one is missing
	Lookups  int                   `json:"lookups"`          // SPF: look-ups that verifiers make; they make 10 at most
	TTL      int                   `json:"ttl"`              // seconds the answer may be remembered
	Keys     []dnscheck.Result     `json:"keys,omitempty"`   // DKIM
}

// Host is an address to which an MX leads.
type Host struct {
	Name       string     `json:"name"`
	Preference int        `json:"preference"`
	Address    netip.Addr `json:"address"`
	Managed    bool       `json:"managed"` // within our own networks
}

// Listing is what a block list says of an address.
type Listing struct {
	Provider string     `json:"provider"`
	Address  netip.Addr `json:"address"`
	State    State      `json:"state"`            // ok, critical (listed), unknown, off (the list has no such addresses)
	Answer   string     `json:"answer,omitempty"` // the address it answered with, such as 127.0.0.2
	Text     string     `json:"text,omitempty"`   // why it is listed, or why that is unknown
}

// Report is all that was found of a domain.
type Report struct {
	DomainID int64     `json:"domain_id"`
	Domain   string    `json:"domain"`
	State    State     `json:"state"`             // the worst of the checks
	Skipped  string    `json:"skipped,omitempty"` // why nothing was asked
	Checked  time.Time `json:"checked"`
	Hosts    []Host    `json:"mx"`
	Vague    []string  `json:"mx_unknown,omitempty"` // names of MX hosts whose addresses could not be asked for
	Listings []Listing `json:"dnsbl"`
	Results  []Result  `json:"checks"`
	Alarms   []string  `json:"alarms"` // kinds of those that are open

	zones []string // that were asked
}

// Result returns the result of a check, nil if it was not made.
func (r *Report) Result(k Kind) *Result {
	for i := range r.Results {
		if r.Results[i].Kind == k {
			return &r.Results[i]
		}
	}
	return nil
}

// add notes a finding.
func (r *Result) add(s State, code, remedy, text string) {
	r.Findings = append(r.Findings, Finding{s, code, resolve.Printable(text), remedy})
}

// unknown notes that DNS could not say something.
func (r *Result) unknown(err error) {
	r.add(Unknown, "no_answer", "see whether the DNS servers are up and can be reached", "no definite answer: "+err.Error())
}

// finish sums the findings up.
func (r *Result) finish() {
	if r.State == "" {
		r.State = OK
	}
	sorted := []Finding{}
	for _, s := range []State{Critical, Warning, Unknown, OK, Off} {
		for _, f := range r.Findings {
			if f.State == s {
				sorted = append(sorted, f)
			}
		}
		if r.State != Off && len(sorted) > 0 && sorted[0].State.rank() > r.State.rank() {
			r.State = sorted[0].State
		}
	}
	r.Findings = sorted
	if r.State.rank() > OK.rank() && len(sorted) > 0 {
		r.Error = short(sorted[0].Text)
	}
	r.Value = resolve.Printable(r.Value)
}

// maxError is how much of an error Modoboa's column takes.
const maxError = 50

// short cuts a sentence to what the column takes, at a word if it can.
func short(s string) string {
	if len(s) <= maxError {
		return s
	}
	s = s[:maxError-3]
	if i := strings.LastIndexByte(s, ' '); i > maxError/2 {
		s = s[:i]
	}
	return s + "..."
}

// Made reports whether the check was made: not, if it is switched off.
func (r *Result) Made() bool { return r != nil && (r.State != Off || len(r.Findings) > 0) }

// Is reports whether a result has a finding of that code.
func (r *Result) Is(code string) bool {
	if r == nil {
		return false
	}
	for _, f := range r.Findings {
		if f.Code == code {
			return true
		}
	}
	return false
}

// Brief tells a report in one line: its state, and what is not well.
func (r *Report) Brief() string {
	if r.Skipped != "" {
		return "not checked: " + r.Skipped
	}
	parts := []string{string(r.State)}
	for _, res := range r.Results {
		if res.State.rank() > OK.rank() {
			parts = append(parts, fmt.Sprintf("%s %s: %s", res.Kind, res.State, res.Error))
		}
	}
	return strings.Join(parts, ", ")
}
